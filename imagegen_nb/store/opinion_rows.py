"""What people and judges said of images as rows of a store's database, each with a file beside it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic

from imagegen_nb.core.opinions import Judgement, Mark, PickedCell, Score
from imagegen_nb.store import side_files
from imagegen_nb.store.paths import StorePaths, is_name
from imagegen_nb.store.side_files import Opinion, SideFiles

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
    """
    CREATE TABLE IF NOT EXISTS score (
        id TEXT NOT NULL PRIMARY KEY,
        image TEXT NOT NULL,
        judge TEXT NOT NULL,
        "values" TEXT NOT NULL,
        scored_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS score_image ON score (image, judge)",
    """
    CREATE TABLE IF NOT EXISTS pick (
        id TEXT NOT NULL PRIMARY KEY,
        topic TEXT NOT NULL,
        cell TEXT NOT NULL,
        run_id TEXT NOT NULL,
        picked_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX IF NOT EXISTS pick_topic ON pick (topic, picked_at, id)",
)


@dataclass(frozen=True, slots=True)
class _Shape(Generic[Opinion]):
    """How opinions of one kind are rows: the first of the columns is the name of the row and of its file."""

    table: str
    columns: tuple[str, ...]
    title: str
    values: Callable[[Opinion], tuple[object, ...]]
    """What stands in the columns after the first."""
    opinion: Callable[[dict[str, Any]], Opinion]
    """What a row says. Raises `sqlite3.DatabaseError`."""


class OpinionTable(Generic[Opinion]):
    """The rows of one kind of an open database. What is written is written to its file first. Raises
    `sqlite3.Error`, and OSError where a file cannot be written."""

    def __init__(
        self, connection: sqlite3.Connection, shape: _Shape[Opinion], files: SideFiles[Opinion]
    ) -> None:
        self._connection = connection
        self._shape: _Shape[Opinion] = shape
        self._files: SideFiles[Opinion] = files
        self._key = shape.columns[0]

    def get(self, name: str) -> Opinion | None:
        """One opinion; None where there is none."""
        return self.all(f"WHERE {self._key} = ?", (name,)).get(name)

    def all(self, where: str = "", values: Sequence[object] = (), order: str = "") -> dict[str, Opinion]:
        """Opinions by name, in this order or by name; `where` is SQL with `?` for each of `values`."""
        listed = ", ".join(f'"{name}"' for name in self._shape.columns)
        query = f"SELECT {listed} FROM {self._shape.table} {where} ORDER BY {order or self._key}"  # noqa: S608
        rows = self._connection.execute(query, values).fetchall()
        named = (dict(zip(self._shape.columns, row, strict=True)) for row in rows)
        return {row[self._key]: self._shape.opinion(row) for row in named}

    def put(self, name: str, opinion: Opinion) -> None:
        """Keep an opinion in the place of an earlier one."""
        self._files.write(name, opinion)
        self._insert(name, opinion)

    def _insert(self, name: str, opinion: Opinion) -> None:
        listed = ", ".join(f'"{name}"' for name in self._shape.columns)
        places = ", ".join("?" * len(self._shape.columns))
        query = f"INSERT OR REPLACE INTO {self._shape.table} ({listed}) VALUES ({places})"  # noqa: S608
        self._connection.execute(query, (name, *self._shape.values(opinion)))

    def remove(self, name: str) -> None:
        """Forget an opinion; one that is not there may stay away."""
        query = f"DELETE FROM {self._shape.table} WHERE {self._key} = ?"  # noqa: S608 - own names
        self._connection.execute(query, (name,))
        self._files.remove(name)

    def read_files(self) -> list[str]:
        """Take in all files, and return which could not be read.

        A file is a moment ahead of its row: one of a process that was killed between them counts.
        """
        found, wrong = self._files.read_all()
        for name, opinion in found.items():
            self._insert(name, opinion)
        return wrong

    def write_missing_files(self) -> None:
        """Write the files that are missing or damaged; one that can be read wins over a database in doubt."""
        found, _ = self._files.read_all()
        for name, opinion in self.all().items():
            if name not in found and is_name(name):
                self._files.write(name, opinion)

    def disagreements(self) -> list[str]:
        """Where rows and files differ, and which files cannot be read."""
        problems: list[str]
        found: dict[str, Opinion]
        rows: dict[str, Opinion] = self.all()
        found, problems = self._files.read_all()
        for name in sorted(rows.keys() | found.keys()):
            if rows.get(name) != found.get(name):
                what = f"{self._shape.title} {name}"
                problems.append(f"{what}: the index and its file differ: build the index again")
        return problems


class OpinionRows:
    """All of it in an open database: marks by their images' ids, the others by their own."""

    def __init__(self, connection: sqlite3.Connection, paths: StorePaths) -> None:
        self.marks = OpinionTable(connection, _MARKS, side_files.marks(paths))
        self.judgements = OpinionTable(connection, _JUDGEMENTS, side_files.judgements(paths))
        self.scores = OpinionTable(connection, _SCORES, side_files.scores(paths))
        self.picks = OpinionTable(connection, _PICKS, side_files.picks(paths))
        self._tables = (self.marks, self.judgements, self.scores, self.picks)

    def put_mark(self, asset_id: str, mark: Mark) -> None:
        """Keep a mark in the place of an earlier one; an empty one is forgotten."""
        if mark == Mark():
            self.marks.remove(asset_id)
        else:
            self.marks.put(asset_id, mark)

    def read_files(self) -> list[str]:
        """As each table does."""
        return [problem for table in self._tables for problem in table.read_files()]

    def write_missing_files(self) -> None:
        """As each table does."""
        for table in self._tables:
            table.write_missing_files()

    def disagreements(self) -> list[str]:
        """As each table does."""
        return [problem for table in self._tables for problem in table.disagreements()]


def _judgement(row: dict[str, Any]) -> Judgement:
    if row["verdict"] not in ("left", "right", "tie"):
        raise sqlite3.DatabaseError(f"a comparison says {row['verdict']!r}")
    return Judgement(**row)


def _score(row: dict[str, Any]) -> Score:
    try:
        values = json.loads(row["values"])
    except ValueError:
        raise sqlite3.DatabaseError("a score is not JSON") from None
    return Score(**{**row, "values": values})


def _rest(kind: type) -> tuple[str, ...]:
    """The columns after the first: a class's fields but the first."""
    return tuple(field.name for field in fields(kind))[1:]


_MARKS: _Shape[Mark] = _Shape(
    table="mark",
    columns=("asset_id", "starred", "note"),
    title="the star or note of image",
    values=lambda mark: (mark.starred, mark.note),
    opinion=lambda row: Mark(bool(row["starred"]), str(row["note"])),
)
_JUDGEMENTS: _Shape[Judgement] = _Shape(
    table="judgement",
    columns=("id", *_rest(Judgement)),
    title="comparison",
    values=lambda one: tuple(getattr(one, name) for name in _rest(Judgement)),
    opinion=_judgement,
)
_SCORES: _Shape[Score] = _Shape(
    table="score",
    columns=("id", *_rest(Score)),
    title="score",
    values=lambda one: (one.image, one.judge, json.dumps(dict(one.values)), one.scored_at),
    opinion=_score,
)
_PICKS: _Shape[PickedCell] = _Shape(
    table="pick",
    columns=("id", *_rest(PickedCell)),
    title="pick",
    values=lambda one: tuple(getattr(one, name) for name in _rest(PickedCell)),
    opinion=lambda row: PickedCell(**row),
)
