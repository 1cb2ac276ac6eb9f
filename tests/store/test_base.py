"""What every store has for nothing: one that keeps records in a list, as a plug-in might."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import pytest
from support.ledger import entry, judgement, pick, score

from imagegen_nb.core.images import CheckedImage
from imagegen_nb.core.opinions import Mark
from imagegen_nb.errors import AssetNotFound
from imagegen_nb.store.base import AssetRecord, LedgerEntry, Store


class Listed(Store):
    """Has what a store must have, and a ledger."""

    limit = None
    used = 0

    def __init__(self) -> None:
        self.kept: list[AssetRecord] = []
        self.ledger: list[LedgerEntry] = []

    def runs(self) -> Iterator[LedgerEntry]:
        return iter(self.ledger)

    def stage(self, image: CheckedImage, *, run_id: str, emulated: bool) -> AssetRecord:
        name = f"{run_id}-{len(self.kept)}"
        return AssetRecord.of(
            image, asset_id=name, file_url=f"mem://{name}", sha256="", run_id=run_id, emulated=emulated
        )

    def put(self, assets: Sequence[AssetRecord]) -> tuple[AssetRecord, ...]:
        self.kept.extend(assets)
        return tuple(assets)

    def get(self, asset_id: str) -> AssetRecord:
        return next(one for one in self.kept if one.id == asset_id)

    def open(self, asset_id: str) -> BinaryIO:
        return io.BytesIO(b"")

    def records(self, run_id: str | None = None) -> Iterator[AssetRecord]:
        return (one for one in self.kept if run_id in (None, one.run_id))

    def close(self) -> None:
        pass


def test_a_store_that_only_lists_its_records_has_pages_and_counts() -> None:
    store = Listed()
    for run_id in ("a", "b", "a"):
        image = CheckedImage(b"data", "image/png", 64, 48, has_alpha=False)
        store.put([store.stage(image, run_id=run_id, emulated=True)])
    assert [one.id for one in store.list_records()] == ["a-0", "b-1", "a-2"]
    assert [one.id for one in store.list_records("a", newest_first=True)] == ["a-2", "a-0"]
    assert [one.id for one in store.list_records(after="a-0")] == ["b-1", "a-2"]
    assert [one.id for one in store.list_records(newest_first=True, after="a-2")] == ["b-1", "a-0"]
    assert (store.count_records(), store.count_records("a"), store.count_records("c")) == (3, 2, 0)
    newest = next(store.list_records(newest_first=True))
    assert store.find_asset(newest.sha256) == newest
    assert store.find_asset("0" * 64) is None


def test_a_ledger_that_is_only_listed_has_pages_and_a_count() -> None:
    store = Listed()
    store.ledger = [entry("one"), entry("two"), entry("three")]
    assert [run.run_id for run in store.list_runs(newest_first=True)] == ["three", "two", "one"]
    assert [run.run_id for run in store.list_runs(after="one")] == ["two", "three"]
    assert store.count_runs() == 3


def test_a_page_after_what_is_not_there_is_refused() -> None:
    for page in (Listed().list_records(after="x"), Listed().list_runs(after="x")):
        with pytest.raises(AssetNotFound, match="give the id of its last item"):
            next(page)


def test_a_store_that_keeps_nothing_of_what_people_say_keeps_it_while_it_lives() -> None:
    store = Listed()
    image = CheckedImage(b"data", "image/png", 64, 48, has_alpha=False)
    store.put([store.stage(image, run_id="a", emulated=True)])
    assert store.change_mark("a-0", starred=True) == store.mark("a-0") == Mark(starred=True)
    store.change_mark("a-0", note="good")
    assert store.marks() == {"a-0": Mark(starred=True, note="good")}
    store.change_mark("a-0", starred=False, note="")
    assert (store.marks(), Listed().marks()) == ({}, {})
    for number in (2, 1):
        store.keep_judgement(judgement(number))
    assert [one.id for one in store.judgements("night")] == ["j1", "j2"]
    store.take_back("j1")
    store.take_back("j1")
    assert [one.id for one in store.judgements("night")] == ["j2"]
    assert store.judgements("day") == []
    for value in (1, 2):
        store.keep_score(score("a-0", score=value))
    assert [one.values for one in store.scores("a-0")] == [{"score": 2}]
    for number in (2, 1):
        store.keep_pick(pick(number))
    assert (store.picks("night"), store.picks("day")) == ([pick(1), pick(2)], [])
    for _ in range(2):
        store.remove_pick("p1")
    assert store.picks("night") == [pick(2)]
