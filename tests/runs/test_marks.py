"""Stars and notes on images: where they are kept, and what of them is shown."""

from __future__ import annotations

import pytest
from support.images import picture
from support.runs import stored_assets

from imagegen_nb.core.opinions import Mark
from imagegen_nb.errors import InvalidOption, StoreError
from imagegen_nb.runs.marks import change_mark, is_starred, mark_of, marks_in, notes_on, opinions_in_short
from imagegen_nb.step.output import Asset

KEY = "sk-" + "Ab3" * 12


@pytest.fixture
def assets(workspace):
    # Of the same bytes, as an emulator gives them to two runs.
    return stored_assets(workspace.store, picture(), picture())


def imported(asset: Asset) -> Asset:
    return Asset(**asset.model_dump())


def test_a_mark_is_one_images_and_its_stores(assets, workspace):
    change_mark(assets[0], starred=True)
    assert change_mark(assets[0], note="more light") == Mark(starred=True, note="more light")
    assert [mark_of(asset) for asset in assets] == [Mark(starred=True, note="more light"), Mark()]
    assert workspace.store.marks()[assets[0].id].starred
    assert (is_starred(assets), is_starred(assets[1:])) == (True, False)


def test_an_image_without_its_store_keeps_its_mark_while_the_process_lives(assets):
    asset = imported(assets[1])
    change_mark(asset, starred=True)
    assert (mark_of(asset).starred, mark_of(assets[1]).starred) == (True, False)
    assert marks_in([])[asset.id].starred
    change_mark(asset, starred=False)


def test_keys_in_a_note_are_masked_and_what_no_database_takes_is_replaced(assets, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-known-shape")
    kept = change_mark(assets[0], note=f"made with {KEY} and a-key-of-no-known-shape \udc80").note
    assert kept == "made with [redacted] and [redacted] ?"
    with pytest.raises(InvalidOption, match="shorten it"):
        change_mark(assets[0], note="x" * 2_001)


def test_what_is_noted_is_shortened_and_turns_no_text_around(assets):
    change_mark(assets[0], note="a\u202eb" + "x" * 100)
    change_mark(assets[1], starred=True, note="good")
    star, first, second = opinions_in_short(assets)
    assert (star, first[:11], len(first), second) == ("★ starred", "“a\\u202ebxx", 82, "“good”")
    assert notes_on(assets).endswith("x\n\ngood")
    assert opinions_in_short([]) == []


def test_a_store_that_cannot_be_read_keeps_nobody_from_the_pictures(assets, workspace):
    change_mark(assets[0], starred=True)
    workspace.store.close()
    workspace.store.paths.database.write_bytes(b"garbage " * 999)
    assert (mark_of(assets[0]), marks_in([workspace.store]).get(assets[0].id)) == (Mark(), None)
    with pytest.raises(StoreError):
        change_mark(assets[0], starred=True)
