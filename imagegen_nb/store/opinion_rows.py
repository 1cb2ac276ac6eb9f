"""Stars, notes and comparisons of images as rows of a store's database, each with a file beside it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from imagegen_nb.core.opinions import Judgement, Mark
from imagegen_nb.store import side_files
from imagegen_nb.store.paths import StorePaths, is_name

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS mark "
    "(asset_id TEXT NOT NULL PRIMARY KEY, starred INTEGER NOT NULL, note TEXT NOT NULL) STRICT",
    """
    CREATE TABLE IF NOT EXISTS judgement (
        id TEXT NOT NULL PRIMARY KEY,
        topic TEXT NOT NULL,
        "left" TEXT NOT NULL,
        "right" TEXT NOT NULL,
        left_image TEXT NOT NULL,
        right_image TEXT NOT NULL,
        verdict TEXT NOT NULL,
        rater TEXT NOT NULL,
        judged_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS judgement_topic ON judgement (topic, judged_at, id)",
)
_COLUMNS = tuple(field.name for field in fields(Judgement))
_LISTED = ", ".join(f'"{name}"' for name in _COLUMNS)
_values_of_judgement = attrgetter(*_COLUMNS)
_ADD_JUDGEMENT = f"INSERT OR REPLACE INTO judgement ({_LISTED}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608


class OpinionRows:
    """The rows of an open database. What is written is written to its file first. Raises `sqlite3.Error`, and
    OSError where a file cannot be written."""

    def __init__(self, connection: sqlite3.Connection, paths: StorePaths) -> None:
        self._connection = connection
        self._paths = paths

    def mark(self, asset_id: str) -> Mark:
        """The mark of an image; an empty one where there is none."""
        query = "SELECT starred, note FROM mark WHERE asset_id = ?"
        row = self._connection.execute(query, (asset_id,)).fetchone()
        return Mark() if row is None else Mark(bool(row[0]), str(row[1]))

    def marks(self) -> dict[str, Mark]:
        """All marks by the ids of their images."""
        query = "SELECT asset_id, starred, note FROM mark ORDER BY asset_id"
        return {str(row[0]): Mark(bool(row[1]), str(row[2])) for row in self._connection.execute(query)}

    def put_mark(self, asset_id: str, mark: Mark) -> None:
        """Keep a mark in the place of an earlier one; an empty one is forgotten."""
        files = side_files.marks(self._paths)
        if mark == Mark():
            self._connection.execute("DELETE FROM mark WHERE asset_id = ?", (asset_id,))
            files.remove(asset_id)
        else:
            files.write(asset_id, mark)
            self._insert_mark(asset_id, mark)

    def _insert_mark(self, asset_id: str, mark: Mark) -> None:
        values = (asset_id, mark.starred, mark.note)
        self._connection.execute("INSERT OR REPLACE INTO mark VALUES (?, ?, ?)", values)

    def judgements(self, topic: str | None = None) -> list[Judgement]:
        """The comparisons on a topic, or all, oldest first."""
        where, values = ("", ()) if topic is None else (" WHERE topic = ?", (topic,))
        query = f"SELECT {_LISTED} FROM judgement{where} ORDER BY judged_at, id"  # noqa: S608 - own names
        return [_judgement(row) for row in self._connection.execute(query, values)]

    def put_judgement(self, judgement: Judgement) -> None:
        """Keep a comparison."""
        side_files.judgements(self._paths).write(judgement.id, judgement)
        self._insert_judgement(judgement)

    def _insert_judgement(self, judgement: Judgement) -> None:
        self._connection.execute(_ADD_JUDGEMENT, _values_of_judgement(judgement))

    def remove_judgement(self, judgement_id: str) -> None:
        """Take a comparison back."""
        self._connection.execute("DELETE FROM judgement WHERE id = ?", (judgement_id,))
        side_files.judgements(self._paths).remove(judgement_id)

    def read_files(self) -> list[str]:
        """Take in all files, and return which could not be read.

        A file is a moment ahead of its row: one of a process that was killed between them counts.
        """
        marks, wrong_marks = side_files.marks(self._paths).read_all()
        for asset_id, mark in marks.items():
            self._insert_mark(asset_id, mark)
        judgements, wrong_judgements = side_files.judgements(self._paths).read_all()
        for judgement in judgements.values():
            self._insert_judgement(judgement)
        return [*wrong_marks, *wrong_judgements]

    def write_missing_files(self) -> None:
        """Write the files that are missing or damaged; one that can be read wins over a database in doubt."""
        marks, _ = side_files.marks(self._paths).read_all()
        for asset_id, mark in self.marks().items():
            if asset_id not in marks and is_name(asset_id) and mark != Mark():
                side_files.marks(self._paths).write(asset_id, mark)
        judgements, _ = side_files.judgements(self._paths).read_all()
        for judgement in self.judgements():
            if judgement.id not in judgements and is_name(judgement.id):
                side_files.judgements(self._paths).write(judgement.id, judgement)

    def disagreements(self) -> list[str]:
        """Where the tables and the files differ, and which files cannot be read."""
        marks, wrong_marks = side_files.marks(self._paths).read_all()
        judgements, wrong_judgements = side_files.judgements(self._paths).read_all()
        in_tables = {one.id: one for one in self.judgements()}
        return [
            *wrong_marks,
            *wrong_judgements,
            *_differing("the star or note of image", self.marks(), marks),
            *_differing("comparison", in_tables, judgements),
        ]


def _differing(what: str, rows: Mapping[str, object], files: Mapping[str, object]) -> list[str]:
    return [
        f"{what} {name}: the index and its file differ: build the index again"
        for name in sorted(rows.keys() | files.keys())
        if rows.get(name) != files.get(name)
    ]


def _judgement(row: tuple[Any, ...]) -> Judgement:
    values = dict(zip(_COLUMNS, row, strict=True))
    if values["verdict"] not in ("left", "right", "tie"):
        raise sqlite3.DatabaseError(f"a comparison says {values['verdict']!r}")
    return Judgement(**values)
