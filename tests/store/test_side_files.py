"""The files beside the database: written whole, read strictly."""

from __future__ import annotations

import json

import pytest
from pydantic import TypeAdapter

from imagegen_nb.core.opinions import Mark
from imagegen_nb.errors import StoreError
from imagegen_nb.store import side_files


def test_a_file_is_written_read_and_removed(store):
    files = side_files.marks(store.paths)
    assert files.read_all() == ({}, [])
    files.write("b", Mark(note="é"))
    files.write("a", Mark(starred=True))
    (store.paths.marks / "own notes.json").write_text("{}")  # no name of ours
    assert files.read_all() == ({"a": Mark(starred=True), "b": Mark(note="é")}, [])
    document = json.loads((store.paths.marks / "b.json").read_text(encoding="utf-8"))
    assert document == {"layout": 1, "starred": False, "note": "é"}
    for _ in range(2):
        files.remove("a")
    assert files.read_all() == ({"b": Mark(note="é")}, [])


def test_what_is_no_name_leads_nowhere(store):
    with pytest.raises(StoreError):
        side_files.marks(store.paths).write("../a", Mark(starred=True))


def test_a_look_into_a_store_makes_no_reader_of_files_that_it_does_not_read(full, monkeypatch):
    """Three were made for each transaction and each look: they took nearly all of its time."""
    made = []
    monkeypatch.setattr(side_files, "TypeAdapter", lambda kind: made.append(kind) or TypeAdapter(kind))
    side_files._adapter.cache_clear()
    for record in full.records():
        full.mark(record.id)
        full.scores(record.id)
    full.change_mark(record.id, starred=True)
    full.change_mark(record.id, note="é")
    assert made == []
    for _ in range(2):
        assert side_files.marks(full.paths).read_all()[0][record.id] == Mark(starred=True, note="é")
    assert made == [Mark]
