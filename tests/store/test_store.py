"""What every store that the toolkit brings promises: a folder, and objects below a URL."""

from __future__ import annotations

import hashlib
import pickle
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from support.ledger import content, entry, everything, fill, judgement, new, pick, put, score

from imagegen_nb.core.opinions import Mark
from imagegen_nb.errors import (
    AssetNotFound,
    BudgetExceeded,
    CellTaken,
    InvalidOption,
    StorageLimitReached,
    StoreError,
)
from imagegen_nb.store.base import Budget, LedgerEntry, Spending, Store
from imagegen_nb.store.open_store import open_store
from imagegen_nb.store.tables import PAGE


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


@pytest.fixture
def image(store: Store) -> str:
    return put(store, b"data").id


def again(store: Store) -> Store:
    """The same store opened anew, as in another process."""
    opened: Store = pickle.loads(pickle.dumps(store))
    return opened


def _images(store: Store, many: int, run_id: str = "a-run") -> list[str]:
    staged = new(store, b"data", run_id=run_id)
    return [one.id for one in store.put([replace(staged, id=f"{run_id}-{n}") for n in range(many)])]


def test_a_record_has_the_platforms_keys_and_what_is_known_beside_them(store):
    stored = put(store, b"data", file_name="hero-1.png", run_id="run-7", emulated=True)
    assert uuid.UUID(stored.id).version == 4
    assert (stored.file_name, stored.file_size, stored.file_type) == ("hero-1.png", 4, "image/png")
    assert (stored.width, stored.height, stored.run_id, stored.emulated) == (64, 48, "run-7", True)
    assert stored.sha256 == hashlib.sha256(b"data").hexdigest()
    assert stored.created_at.endswith("+00:00")


def test_an_image_is_found_by_its_hash_the_newest_of_equal_ones(store):
    put(store, b"data")
    newest, digest = put(store, b"data"), hashlib.sha256(b"data").hexdigest()
    put(store, b"other")
    assert store.find_asset(digest) == newest
    assert store.find_asset(hashlib.sha256(b"absent").hexdigest()) is None


def test_what_was_put_is_got_again(store):
    stored = put(store, b"data", emulated=True)
    assert store.get(stored.id) == stored
    assert content(store, stored.id) == b"data"


def test_records_come_oldest_first_and_by_run(store):
    ids = [put(store, bytes([n]), run_id=f"run-{n % 2}").id for n in range(6)]
    assert [record.id for record in store.records()] == ids
    assert [record.id for record in store.records("run-1")] == ids[1::2]
    assert list(store.records("run-9")) == []


@pytest.mark.parametrize("asset_id", ["", "absent", "' OR 1=1 --", "a\0b", "x" * 10_000, "\ud800"])
def test_an_unknown_id_is_not_found(store, asset_id):
    put(store, b"data")
    with pytest.raises(AssetNotFound):
        store.get(asset_id)
    with pytest.raises(AssetNotFound):
        store.open(asset_id)


def test_putting_nothing_changes_nothing(store):
    assert store.put([]) == ()
    assert store.used == 0


def test_several_images_are_recorded_all_or_none(store):
    good = new(store, b"one")
    bad = new(store, b"two", file_name=None)
    with pytest.raises(StoreError):
        store.put([good, bad])
    assert list(store.records()) == []
    assert store.used == 0
    assert store.put([good])[0].file_size == 3


def test_used_counts_every_record_by_its_size(store):
    assert store.used == 0
    for size in (10, 20, 30):
        put(store, bytes(size))
    assert store.used == 60


def test_a_store_works_after_close_and_close_may_come_twice(store):
    stored = put(store, b"data")
    store.close()
    store.close()
    assert store.get(stored.id) == stored
    assert put(store, b"more").file_size == 4
    assert store.used == 8


def test_a_run_ends_with_its_images_at_once(store):
    run = entry()
    store.begin(run, None)
    (stored,) = store.finish(
        replace(run, state="done", charge="charged"), [new(store, b"data", run_id=run.run_id)]
    )
    assert list(store.records(run.run_id)) == [stored]
    (ended,) = store.runs()
    assert ended == replace(run, state="done", charge="charged", ended_at=ended.ended_at)
    assert ended.ended_at.endswith("+00:00")


def test_ledger_entries_come_oldest_first(store):
    runs = [entry() for _ in range(5)]
    for run in runs:
        store.begin(run, None)
    for run in reversed(runs):
        store.finish(replace(run, state="failed", charge="none"), [])
    assert [run.run_id for run in store.runs()] == [run.run_id for run in runs]


def test_runs_under_way_count_by_their_estimate(store):
    first = entry(estimate=60)
    store.begin(first, 100)
    store.begin(entry(estimate=60), 100)
    with pytest.raises(StorageLimitReached, match="0 of 100 bytes are in use, 120 more are reserved"):
        store.begin(entry(), 100)
    store.finish(replace(first, state="failed", charge="none"), [])
    store.begin(entry(), 100)


def test_threads_at_the_limit_pass_it_by_one_run_at_most(store):
    begun, refused = [], []

    def start():
        run = entry(estimate=10)
        try:
            store.begin(run, 35)
            begun.append(run)
        except StorageLimitReached:
            refused.append(run)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(begun), len(refused)) == (4, 4)


def test_threads_share_a_store(store):
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for number in range(8):
                put(store, f"{name} {number}".encode())
                assert store.used > 0
        except Exception as error:  # noqa: BLE001 - whatever a thread raises is to be seen
            errors.append(error)

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(list(store.records())) == 48


@pytest.mark.parametrize("many", [0, 1, PAGE - 1, PAGE, PAGE + 1, 2 * PAGE, 2 * PAGE + 7])
def test_a_list_has_everything_once_in_both_orders(store, many):
    ids = _images(store, many)
    _images(store, 3, "another")
    assert [one.id for one in store.list_records("a-run")] == ids
    assert [one.id for one in store.list_records("a-run", newest_first=True)] == ids[::-1]
    assert [one.id for one in store.records()] == [*ids, "another-0", "another-1", "another-2"]
    assert (store.count_records(), store.count_records("a-run")) == (many + 3, many)


def test_a_page_follows_the_last_item_of_the_page_before(store):
    ids = _images(store, PAGE + 5)
    for newest_first in (False, True):
        ordered = ids[::-1] if newest_first else ids
        for place in (0, 1, PAGE - 1, PAGE, PAGE + 3, PAGE + 4):
            page = store.list_records(newest_first=newest_first, after=ordered[place])
            assert [one.id for one in page] == ordered[place + 1 :]
    runs = [entry() for _ in range(4)]
    for run in runs:
        store.begin(run, None)
    names = [run.run_id for run in runs]
    assert [run.run_id for run in store.list_runs(after=names[1])] == names[2:]
    assert [run.run_id for run in store.list_runs(newest_first=True, after=names[2])] == names[1::-1]
    assert store.count_runs() == 4


@pytest.mark.parametrize("after", ["", "nobody", "' OR 1=1 --", "\ud800"])
def test_a_page_after_what_is_not_there_is_refused(store, after):
    _images(store, 2)
    for page in (store.list_records(after=after), store.list_runs(after=after)):
        with pytest.raises(AssetNotFound, match="give the id of its last item"):
            next(page)


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_list_ends_although_something_is_added_for_each_item(store, newest_first):
    ids = _images(store, PAGE + 2)
    seen = []
    for number, record in enumerate(store.list_records(newest_first=newest_first)):
        seen.append(record.id)
        _images(store, 1, f"later-{number}")
    assert seen == (ids[::-1] if newest_first else ids)


def test_the_ledger_ends_although_runs_begin_while_it_is_read(store):
    begun = [entry() for _ in range(3)]
    for run in begun:
        store.begin(run, None)
    for newest_first in (False, True):
        seen = []
        for run in store.list_runs(newest_first=newest_first, after=None):
            seen.append(run.run_id)
            store.begin(entry(), None)
        assert seen[0] == begun[0].run_id if not newest_first else seen[-1] == begun[0].run_id
        assert len(seen) == (6 if newest_first else 3)


def test_a_run_is_in_the_ledger_before_it_has_an_end(store):
    run = entry()
    store.begin(run, None)
    assert list(store.runs()) == [run]
    assert list(again(store).runs()) == [run], "another store in the place sees it under way"
    store.finish(replace(run, state="done", charge="charged"), [])


def test_the_end_of_a_run_leaves_what_was_asked_as_it_was(store):
    run = entry(prompt="a fox", call="c", cell="night/1")
    store.begin(run, None)
    store.finish(replace(run, state="done", prompt="another", result_json='{"status":"done"}'), [])
    kept = store.find_run(run.run_id)
    assert (kept.prompt, kept.result_json, kept.state) == ("a fox", '{"status":"done"}', "done")


def test_runs_are_found_by_their_cell_and_by_their_call(store):
    runs = [
        entry(f"run-{n}", cell=f"{'night' if n % 2 else 'day'}/{n}", call=f"c{n % 3}") for n in range(130)
    ]
    for run in runs:
        store.begin(run, None)
        store.finish(replace(run, state="failed", charge="none"), [])
    assert [run.run_id for run in store.cell_runs("night/")] == [f"run-{n}" for n in range(1, 130, 2)]
    assert [run.run_id for run in store.equal_runs("c1")] == [f"run-{n}" for n in range(1, 130, 3)]
    assert list(store.cell_runs("nigh/")) == list(store.equal_runs("")) == []
    assert store.find_run("run-7") == replace(
        runs[7], state="failed", charge="none", ended_at=store.find_run("run-7").ended_at
    )
    assert store.find_run("run-\ud800") is store.find_run("other") is None


def test_one_run_of_a_cell_may_begin_however_many_try(store):
    begun, refused = [], []

    def begin(number):
        try:
            again(store).begin(entry(f"run-{number}", cell="night/1.a.1"), None)
            begun.append(number)
        except CellTaken:
            refused.append(number)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(begun), len(refused)) == (1, 7)
    store.begin(entry(cell="night/1.a.2"), None)
    assert len(list(store.runs())) == 2


def test_what_a_run_counts_as_from_its_reservation_to_its_end(store):
    ends = [("charged", 3, 3), ("unknown", None, 10), ("charged", None, 10), ("none", 0, 0)]
    spent = 0
    for charge, cost, counted in ends:
        run = entry(ceiling_ticks=10)
        store.begin(run, None, Budget(total=40))
        assert store.spending(emulated=True) == Spending(spent=spent, reserved=10)
        store.finish(replace(run, state="failed", charge=charge, cost_ticks=cost), [])
        spent += counted
        assert store.spending(emulated=True) == Spending(spent=spent)
    assert again(store).spending(emulated=True) == Spending(spent=spent)
    store.begin(entry(ceiling_ticks=17), None, Budget(total=40))
    with pytest.raises(BudgetExceeded, match="reserved for runs under way"):
        store.begin(entry(ceiling_ticks=1), None, Budget(total=40))


def test_a_star_and_a_note_that_are_given_at_once_are_both_kept(store):
    images = [put(store, b"data").id for _ in range(8)]
    changes = [(image, change) for image in images for change in ({"starred": True}, {"note": "good"})]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda change: store.change_mark(change[0], **change[1]), changes))
    assert dict(store.marks()) == dict.fromkeys(images, Mark(starred=True, note="good"))


def test_what_cannot_be_marked_is_refused(store, image):
    with pytest.raises(AssetNotFound, match="no asset 'nobody'"):
        store.change_mark("nobody", starred=True)
    with pytest.raises(InvalidOption, match="shorten it"):
        store.change_mark(image, note="x" * 2_001)
    assert (store.mark(image), store.mark("\udc80"), dict(store.marks())) == (Mark(), Mark(), {})


def test_comparisons_are_by_topic_in_their_order_and_taken_back(store):
    for number in (3, 1, 2):
        store.keep_judgement(judgement(number))
    store.keep_judgement(judgement(4, topic="day"))
    assert [one.id for one in store.judgements("night")] == ["j1", "j2", "j3"]
    for _ in range(2):
        store.take_back("j2")
    assert store.judgements("night") == [judgement(1), judgement(3)]


def test_a_later_score_takes_the_place_of_an_earlier_one(store, image):
    store.keep_score(score(image, score=1))
    store.keep_score(score(image, "blue", score=2))
    store.keep_score(score(image, score=3))
    assert [(one.judge, one.values) for one in store.scores(image)] == [
        ("blue", {"score": 2}),
        ("sharp", {"score": 3}),
    ]
    with pytest.raises(AssetNotFound):
        store.keep_score(score("nobody", score=1))
    assert (store.scores("nobody"), store.scores("\udc80")) == ([], [])


def test_picks_are_by_topic_in_their_order_and_taken_back(store):
    for number in (3, 1, 2):
        store.keep_pick(pick(number))
    store.keep_pick(pick(4, topic="day"))
    assert [one.id for one in store.picks("night")] == ["p1", "p2", "p3"]
    for _ in range(2):
        store.remove_pick("p2")
    store.keep_pick(pick(3))
    assert store.picks("night") == [pick(1), pick(3)]


def test_a_store_opened_anew_has_everything(store):
    fill(store)
    image = next(iter(store.records())).id
    store.change_mark(image, starred=True, note="more light \u2605 \u202e")
    store.keep_judgement(judgement(1))
    store.keep_score(score(image, score=7.5, why="\u00e9 \u2605 \n", whole=True))
    store.keep_pick(pick(1))
    opened = again(store)
    assert everything(opened) == everything(store)
    assert opened.marks() == store.marks() != {}
    assert opened.judgements("night") == store.judgements("night") == [judgement(1)]
    assert opened.scores(image) == store.scores(image) != []
    assert opened.picks("night") == store.picks("night") == [pick(1)]
    assert {content(opened, one.id) for one in opened.records()} >= {b"outside", b"1 0"}
    opened.close()


def test_what_another_process_writes_is_seen_by_whoever_asks_next(store):
    other = again(store)
    put(store, b"data")
    for number in range(3):
        stored = put(other, f"more {number}".encode())
        assert store.get(stored.id) == stored
        assert [one.id for one in store.records()][-1] == stored.id
        assert content(store, stored.id) == f"more {number}".encode()
    other.close()


def test_making_and_showing_a_store_asks_nothing(tmp_path):
    for address in (str(tmp_path / "assets"), "s3://nowhere/team", "memory:///a"):
        assert address in repr(open_store(address, 5))
        assert open_store(address, 5).limit == 5
    assert list(tmp_path.iterdir()) == []


# Runs that go on at a provider


def _submitted(store: Store, **changes: object) -> LedgerEntry:
    begun = entry(**{"ceiling_ticks": 7, **changes})
    store.begin(begun, limit=None)
    store.hand_over([replace(begun, result_json='{"batch":{}}')])
    return begun


def test_a_run_that_was_handed_over_outlives_its_process_and_keeps_what_it_reserved(store):
    begun = _submitted(store, estimate=100, cell="night/a.live.1")
    other = again(store)
    found = other.find_run(begun.run_id)
    assert found == replace(begun, state="submitted", result_json='{"batch":{}}')
    assert other.spending(emulated=begun.emulated) == Spending(reserved=7)
    with pytest.raises(StorageLimitReached, match="100 more are reserved"):
        other.begin(entry(), limit=100)
    with pytest.raises(CellTaken):
        other.begin(entry(cell="night/a.live.1"), limit=None)
    assert [run.state for run in store.runs()] == ["submitted"]


def test_a_run_that_was_handed_over_ends_once_whoever_collects_it(store):
    begun = _submitted(store, estimate=100)
    other = again(store)
    ended = replace(begun, state="done", charge="charged", cost_ticks=3)
    assert other.finish_submitted(ended, [new(other, b"data", run_id=begun.run_id)])
    assert not store.finish_submitted(ended, [new(store, b"data", run_id=begun.run_id)])
    found = store.find_run(begun.run_id)
    assert found is not None
    assert (found.state, found.charge, found.cost_ticks) == ("done", "charged", 3)
    assert found.ended_at
    assert store.count_records(begun.run_id) == 1
    assert store.spending(emulated=begun.emulated) == Spending(spent=3)
    store.begin(entry(), limit=100)


def test_what_has_ended_is_not_handed_over(store):
    begun = entry()
    store.begin(begun, limit=None)
    store.finish(replace(begun, state="failed", charge="none"), [])
    store.hand_over([begun, entry()])
    assert [run.state for run in store.runs()] == ["failed"]


def test_an_interrupted_run_can_be_handed_over_or_end(store):
    for state, given in (("submitted", store.hand_over), ("failed", None)):
        begun = entry()
        store.begin(begun, limit=None)
        store.finish(replace(begun, state="interrupted"), [])
        if given is None:
            assert store.finish_submitted(replace(begun, state="failed", charge="none"), [])
        else:
            given([begun])
        found = store.find_run(begun.run_id)
        assert found is not None
        assert found.state == state


def test_only_runs_of_the_ledger_can_be_collected(store):
    assert not store.finish_submitted(entry(), [])
    assert list(store.runs()) == []
