"""What people and judges said, in the database: kept, shared, brought up to date, and built again."""

from __future__ import annotations

import random
import signal
import sqlite3
import textwrap
import time
from pathlib import Path

import pytest
from support.ledger import judgement, other_process, pick, plant, put, run_program, score

from imagegen_nb.core.opinions import LONGEST_SCORE, Judgement, Mark, PickedCell, Score
from imagegen_nb.errors import StoreError
from imagegen_nb.store import maintenance, side_files
from imagegen_nb.store.local import LocalStore


@pytest.fixture
def image(store: LocalStore) -> str:
    return put(store, b"data").id


def said(store: LocalStore) -> tuple[dict[str, Mark], list[Judgement], list[Score], list[PickedCell]]:
    scores = [score for record in store.records() for score in store.scores(record.id)]
    return dict(store.marks()), list(store.judgements("night")), scores, list(store.picks("night"))


@pytest.fixture
def opined(full: LocalStore) -> LocalStore:
    """A store with all that people can say."""
    first, second, *_ = full.records()
    full.change_mark(first.id, starred=True, note="more light ★ \u202e")
    full.change_mark(second.id, note="x" * 2_000)
    for number in (2, 1):
        full.keep_judgement(judgement(number))
    full.keep_score(score(first.id, score=7.5, why="é ★ \n", whole=True))
    full.keep_score(score(second.id, "blue", score=3))
    for number in (2, 1):
        full.keep_pick(pick(number))
    return full


def test_what_is_said_of_an_image_is_there_for_other_processes(store, image):
    assert store.mark(image) == Mark()
    assert store.change_mark(image, starred=True) == Mark(starred=True)
    assert store.change_mark(image, note="good") == Mark(starred=True, note="good")
    store.keep_judgement(judgement(1))
    program = textwrap.dedent("""
    import sys
    from imagegen_nb.store.local import LocalStore
    store = LocalStore(sys.argv[1])
    print(store.mark(sys.argv[2]), [one.rater for one in store.judgements("night")])
    store.change_mark(sys.argv[2], starred=False)
    """)
    assert run_program(program, store.folder, image).strip() == "Mark(starred=True, note='good') ['Ann']"
    assert store.mark(image) == Mark(note="good")
    assert dict(store.marks()) == {image: Mark(note="good")}
    store.change_mark(image, note="")
    assert (dict(store.marks()), list(store.paths.marks.iterdir())) == ({}, [])


def test_a_score_at_its_longest_can_be_read_again(store, image):
    """Control characters take six in a file."""
    longest = "\x01" * (LONGEST_SCORE // 6 - 20)
    store.keep_score(score(image, why=longest, score=1))
    assert maintenance.rebuild(store).problems == []
    assert store.scores(image)[0].values["why"] == longest


def test_a_store_that_is_not_there_is_not_made_by_a_look(tmp_path):
    store = LocalStore(tmp_path / "gone")
    assert (store.mark("a"), dict(store.marks()), store.judgements("night")) == (Mark(), {}, [])
    assert (store.scores("a"), store.picks("night")) == ([], [])
    assert not store.folder.exists()


def test_an_index_that_is_built_again_has_lost_nothing_that_was_said(opined):
    before = said(opined)
    assert [len(part) for part in before] == [2, 2, 2, 2]
    assert maintenance.check(opined).problems == []
    assert maintenance.rebuild(opined).problems == []
    assert said(opined) == before
    opined.close()
    opined.paths.database.unlink()  # whoever opens the store next builds it again
    assert said(opined) == before
    opined.close()
    opined.paths.database.write_bytes(b"garbage " * 999)
    assert maintenance.rebuild(opined).problems == []
    assert said(opined) == before


def test_files_that_are_missing_are_written_before_the_index_is_replaced(opined):
    before = said(opined)
    for folder in opined.paths.opinions:
        for path in folder.iterdir():
            path.unlink()
    assert sum("the index and its file differ" in line for line in maintenance.check(opined).problems) == 8
    assert maintenance.rebuild(opined).problems == []
    assert said(opined) == before


def test_what_a_killed_process_wrote_before_its_row_is_taken_in(opined):
    *_, last = opined.records()
    side_files.marks(opined.paths).write(last.id, Mark(starred=True))
    side_files.judgements(opined.paths).write("j9", judgement(9))
    assert not opined.mark(last.id).starred
    late = score(last.id, score=9)
    side_files.scores(opined.paths).write(late.id, late)
    assert maintenance.check(opined).problems == []
    assert opined.mark(last.id).starred
    assert [one.values for one in opined.scores(last.id)] == [{"score": 9}]
    assert opined.judgements("night")[-1] == judgement(9)
    side_files.picks(opined.paths).write("p9", pick(9))
    assert maintenance.check(opined).problems == []
    assert opined.picks("night")[-1] == pick(9)


@pytest.mark.parametrize(
    ("layout", "absent"),
    [(4, ("mark", "judgement", "score", "pick")), (5, ("score", "pick")), (6, ("pick",)), (7, ("pick",))],
)
def test_an_index_of_a_layout_before_gains_the_tables(opined, layout, absent):
    """Older layouts had no such tables; a version that knew them may have left its files."""
    before = said(opined)
    opined.close()
    index = sqlite3.connect(opined.paths.database)
    for table in absent:
        index.execute(f"DROP TABLE {table}")
    index.execute(f"PRAGMA user_version = {layout}")
    index.close()
    assert said(opined) == before
    assert maintenance.check(opined).problems == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"layout": 2, "starred": true, "note": ""}',
        '{"layout": 1, "starred": "yes", "note": ""}',
        '{"layout": 1, "starred": true, "note": "' + "x" * 2_001 + '"}',
        '{"layout": 1, "starred": true, "note": "' + "x" * 100_000 + '"}',
    ],
)
def test_a_damaged_file_is_told_and_written_anew(opined, text):
    before = said(opined)
    path = next(iter(opined.paths.marks.iterdir()))
    path.write_text(text)
    assert f"the file marks/{path.name} is damaged" in maintenance.check(opined).problems
    assert maintenance.rebuild(opined).problems == []
    assert said(opined) == before


def test_links_in_the_folders_are_not_followed(opined, tmp_path: Path):
    path = next(iter(opined.paths.marks.iterdir()))
    target = tmp_path / "elsewhere.json"
    target.write_bytes(path.read_bytes())
    path.unlink()
    plant(path, target)
    assert any("is a link" in line for line in maintenance.check(opined).problems)
    opined.close()
    opined.paths.database.unlink()
    with pytest.warns(RuntimeWarning, match="is damaged"):
        assert len(opined.marks()) == 1


def test_nothing_is_half_kept_where_a_file_cannot_be_written(store, image):
    store.paths.marks.write_text("no folder")
    with pytest.raises(StoreError, match="cannot write the index"):
        store.change_mark(image, starred=True)
    assert store.mark(image) == Mark()


SAY_MORE_AND_MORE = """
from support.ledger import judgement, score
for number in range(int(sys.argv[3]), 100_000):
    store.change_mark(sys.argv[2], note=str(number), starred=bool(number % 2))
    store.keep_judgement(judgement(number))
    store.keep_score(score(sys.argv[2], score=number))
    print(number, flush=True)
"""


@pytest.mark.rigs
def test_what_was_acknowledged_outlives_a_kill_at_any_moment(store, image):
    dice, last = random.Random(5), 0
    for _ in range(8):
        with other_process(SAY_MORE_AND_MORE, store.folder, image, max(last, 1)) as process:
            first = int(process.stdout.readline())
            time.sleep(dice.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            told = process.stdout.read()  # no other way: lines may have been read ahead with the first one
        acknowledged = int(told.split("\n")[-2]) if "\n" in told else first
        assert maintenance.check(store).problems == []
        last = int(store.mark(image).note)
        assert last in (acknowledged, acknowledged + 1)
        assert len(store.judgements("night")) in (last, last - 1)
        assert store.scores(image)[0].values["score"] in (last, last - 1)
        assert maintenance.rebuild(store).problems == []
        assert int(store.mark(image).note) == last
