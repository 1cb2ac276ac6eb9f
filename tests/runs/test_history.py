"""What the history tells of a store's runs, how it is searched, and that no key is in it."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

import html5lib
import pytest
from support.ledger import entry

from imagegen_nb import ImageGenerationStep, StepFailed, Workspace
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption
from imagegen_nb.runs.marks import change_mark

STEP = ImageGenerationStep(name="Hero", prompt="A {{thing}} on ÉTÉ sand", image_size="1024x640")
BEGINNING, END = datetime.min, datetime.max  # noqa: DTZ901 - of no zone, as people write it
KEY = "sk-proj-abcdefghij0123456789XYZ"


def test_a_run_is_told_with_its_prompt_settings_and_inputs(workspace):
    run = STEP.run({"thing": "lamp"}, workspace=workspace)
    (past,) = workspace.history()
    assert (past.id, past.prompt, past.model) == (run.id, "A lamp on ÉTÉ sand", "gpt-image-2")
    assert (past.settings, past.inputs) == (STEP.settings(), {"thing": "lamp"})
    assert (past.outcome, past.charge, past.error) == ("done", "charged", "")
    assert past.row()["charge"] == "emulated"
    for shown in (repr(past.entry), str(workspace.runs()[0])):
        assert "charge_told='emulated'" in shown
        assert "charged" not in shown
    assert past.step == STEP
    assert [path.read_bytes() for path in past.paths] == [asset.bytes() for asset in run.output.assets]
    assert abs(datetime.now(UTC) - past.started_at) < timedelta(minutes=5)


def test_a_run_out_of_the_ledger_is_the_run_that_was(workspace):
    run = STEP.replace(image_count=2).run({"thing": "lamp"}, workspace=workspace, identifier="step_2")
    again = workspace.history()[0].run
    assert (again.step, again.prompt, again.inputs) == (run.step, run.prompt, run.inputs)
    assert (again.output, again.status, again.usage) == (run.output, run.status, run.usage)
    assert (again.receipts, again.request_ids) == (run.receipts, run.request_ids)
    assert (again.identifier, again.backend, again.paid_by) == (run.identifier, run.backend, run.paid_by)
    assert again.output.assets[0].bytes() == run.output.assets[0].bytes()
    assert repr(again) == repr(run)


def test_a_failed_run_tells_why(workspace, emulator):
    emulator.script("openai", Fault("moderation"))
    with pytest.raises(StepFailed) as caught:
        STEP.run({"thing": "lamp"}, workspace=workspace)
    past = workspace.history()[0]
    assert (past.outcome, past.error) == ("failed", caught.value.error.summary())
    assert past.run.error.kind == "moderation"
    assert past.run.output.error.message == caught.value.run.output.error.message
    assert past.run.shortfalls == () or past.run.requested == 1


def test_it_is_newest_first_and_read_as_somebody_goes_through_it(workspace, monkeypatch):
    for number in range(130):
        run = entry(
            f"run-{number}", prompt=f"number {number}", started_at=f"2026-11-21T09:{number % 60:02}:00+00:00"
        )
        workspace.store.begin(run, None)
    history = workspace.history()
    assert [run.prompt for run in history[:3]] == ["number 129", "number 128", "number 127"]
    assert history[129].prompt == history[-1].prompt == "number 0"
    assert [run.id for run in history.page(2)] == [f"run-{n}" for n in range(29, -1, -1)]
    assert [run.id for run in workspace.history(limit=2)] == ["run-129", "run-128"]
    assert (len(history), len(workspace.history(limit=2)), len(workspace.history("number 12"))) == (
        130,
        2,
        11,
    )
    read = 0

    def counted_runs(**options):
        nonlocal read
        read += 1
        return list_runs(**options)

    list_runs = workspace.store.list_runs
    monkeypatch.setattr(workspace.store, "list_runs", counted_runs)
    assert (len(list(history)), len(workspace.history()), history[-1].prompt, read) == (
        130,
        130,
        "number 0",
        2,
    )
    with pytest.raises(IndexError, match="fewer than 131"):
        history[130]
    with pytest.raises(InvalidOption, match="size = 0"):
        history.page(0, 0)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["c", "b", "a"]),
        ({"text": "été"}, ["a"]),
        ({"text": "e\u0301te\u0301"}, ["a"]),
        ({"text": "STRASSE"}, ["c"]),
        ({"text": "caf\u00e9"}, ["c"]),
        ({"text": "wooden"}, ["b"]),
        ({"model": "grok-imagine-image"}, ["c"]),
        ({"outcome": "failed"}, ["b"]),
        ({"outcome": ["failed", "running"]}, ["c", "b"]),
        ({"since": "2026-11-22"}, ["c", "b"]),
        ({"since": "2026-11-22T09:00:00+00:00", "until": datetime(2026, 11, 22, 9, tzinfo=UTC)}, ["b"]),
        ({"text": "nothing like it"}, []),
        ({"since": date.min, "until": date.max}, ["c", "b", "a"]),
        ({"since": BEGINNING, "until": END}, ["c", "b", "a"]),
        ({"since": "0001-01-01", "until": "9999-12-31"}, ["c", "b", "a"]),
        ({"since": date.max}, []),
        ({"since": "20261122", "until": "20261122"}, ["b"]),
        ({"until": "2026-W47-5"}, ["a"]),
    ],
    ids=str,
)
def test_it_is_searched(tmp_path, wanted, expected):
    from dataclasses import replace

    workspace = Workspace(tmp_path, backend="emulator")
    runs = [
        entry("a", prompt="A lamp in ÉTÉ", started_at="2026-11-20T09:00:00+00:00"),
        entry("b", prompt="x", inputs_json='{"kind":"Wooden"}', started_at="2026-11-22T09:00:00+00:00"),
        entry("c", prompt="Cafe\u0301 Straße", model="grok-imagine-image", started_at="2026-11-23T09:00:00Z"),
    ]
    for run in runs:
        workspace.store.begin(run, None)
    workspace.store.finish(replace(runs[0], state="cancelled"), [])
    workspace.store.finish(replace(runs[1], state="failed"), [])
    assert [run.id for run in workspace.history(**wanted)] == expected
    workspace.store.finish(replace(runs[2], state="failed"), [])


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/Los_Angeles", "UTC"])
def test_bounds_may_be_times_of_pandas_and_the_ends_of_time_in_each_zone(workspace, monkeypatch, zone):
    frames = pytest.importorskip("pandas")
    workspace.store.begin(entry("a", started_at="2026-11-20T09:00:00+00:00"), None)
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        at = datetime(2026, 11, 20, 9, tzinfo=UTC).astimezone().replace(tzinfo=None)
        for since in (frames.Timestamp(at), frames.Timestamp(at, tz=zone), at, date.min, BEGINNING):
            assert len(workspace.history(since=since)) == 1
        assert len(workspace.history(since=frames.Timestamp(at + timedelta(seconds=1)))) == 0
        assert len(workspace.history(until=date.max)) == len(workspace.history(until=END)) == 1
    finally:
        monkeypatch.undo()
        time.tzset()
    with pytest.raises(InvalidOption, match="since = NaT: give a date"):
        workspace.history(since=frames.NaT)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"outcome": "good"}, "outcome = 'good': choose from done, partial"),
        ({"outcome": "dnoe"}, r"outcome = 'dnoe': did you mean done\?"),
        (
            {"since": "yesterday"},
            'since = .yesterday.: give a date or a datetime, or text such as "2026-11-27"',
        ),
        ({"until": 5}, "until = 5"),
        ({"until": "2026-W48"}, "until = '2026-W48': give a date"),
        ({"text": 5}, "text = 5: give text"),
        ({"limit": -1}, "limit = -1"),
    ],
    ids=str,
)
def test_a_filter_that_cannot_be_used_is_refused(tmp_path, wanted, message):
    with pytest.raises(InvalidOption, match=message):
        Workspace(tmp_path, backend="emulator").history(**wanted)


def test_no_key_is_kept(workspace, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "a-key-of-no-known-shape")
    step = ImageGenerationStep(prompt="{{a}} and a-key-of-no-known-shape")
    inputs = {"a": "x\na-key-of-no-known-shape", KEY: ["a-key-of-no-known-shape", f"y {KEY}"]}
    step.run(inputs, workspace=workspace)
    (past,) = workspace.history()
    assert past.prompt == "x\n[redacted] and [redacted]"
    assert past.inputs == {"a": "x\n[redacted]", "[redacted]": ["[redacted]", "y [redacted]"]}
    workspace.close()
    for path in workspace.store.folder.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert KEY.encode() not in data
        assert b"a-key-of-no-known-shape" not in data


def test_what_is_too_large_for_a_ledger_is_left_out_and_said(workspace):
    STEP.run({"thing": "lamp", "picture": "A" * 100_000}, workspace=workspace)
    assert workspace.history()[0].inputs == {"thing": "lamp", "picture": "[too large to be kept: 100.0 kB]"}


def test_odd_text_is_kept(workspace):
    odd = "a\tb\n\u2028 🦊 \ud800 \\ \" '"
    step = ImageGenerationStep(prompt="x {{thing}}")
    step.run({"thing": "y", "odd": odd, "deep": {"1": [None, True, 1.5]}}, workspace=workspace)
    assert workspace.history()[0].inputs == {
        "thing": "y",
        "odd": odd.replace("\ud800", "?"),
        "deep": {"1": [None, True, 1.5]},
    }


def test_runs_of_earlier_versions_are_told_as_far_as_they_are_known(tmp_path):
    workspace = Workspace(tmp_path, backend="emulator")
    workspace.store.begin(entry("old"), None)
    (past,) = workspace.history()
    assert (past.prompt, past.settings, past.inputs, past.outcome) == (
        "",
        {"model": "gpt-image-2"},
        {},
        "running",
    )
    with pytest.raises(InvalidOption, match="kept no settings"):
        _ = past.step
    assert "(prompt not kept)" in repr(workspace.history())


def test_it_shows_itself(workspace):
    STEP.run({"thing": "<script>alert(1)</script>"}, workspace=workspace)
    bundle = workspace.history()._repr_mimebundle_()
    root = html5lib.parse(bundle["text/html"], namespaceHTMLElements=False)
    assert [image.attrib["src"][:23] for image in root.iter("img")] == ["data:image/webp;base64,"]
    assert not list(root.iter("script"))
    assert "1 run in the store" in bundle["text/plain"]
    assert "done, 1 of 1 image" in bundle["text/plain"]
    assert "no runs" in repr(Workspace(workspace.store.folder / "new", backend="emulator").history())
    assert "Only “lamp”" in repr(workspace.history("lamp"))


def test_runs_with_a_star_are_found_and_told(workspace):
    runs = [STEP.run({"thing": thing}, workspace=workspace) for thing in ("lamp", "vase")]
    change_mark(runs[0].output.assets[0], starred=True, note="more <light>")
    change_mark(runs[1].output.assets[0], note="dull")
    history = workspace.history(starred=True)
    assert [past.id for past in history] == [runs[0].id]
    assert [past.id for past in workspace.history(starred=False)] == [runs[1].id]
    assert (history[0].starred, history[0].note) == (True, "more <light>")
    assert list(workspace.history().to_frame()["starred"]) == [False, True]
    assert list(workspace.history().to_frame()["note"]) == ["dull", "more <light>"]
    shown = html5lib.parse(history._repr_mimebundle_()["text/html"], namespaceHTMLElements=False)
    assert "★ starred" in "".join(shown.itertext())
    assert "“more <light>”" in "".join(shown.itertext())
    assert "Only with a star" in repr(history)
    with pytest.raises(InvalidOption, match="starred = 'yes'"):
        workspace.history(starred="yes")


def test_it_is_a_table(workspace):
    pytest.importorskip("pandas")
    STEP.run({"thing": "lamp"}, workspace=workspace)
    table = workspace.history().to_frame()
    assert list(table["prompt"]) == ["A lamp on ÉTÉ sand"]
    assert list(table["inputs.thing"]) == ["lamp"]
    assert list(table["settings.image_size"]) == ["1024x640"]
    assert list(table["cost_usd"]) == [float(workspace.history()[0].run.cost.amount)]


def test_costs_are_told_and_an_unknown_one_is_no_zero(workspace, emulator):
    step = STEP.replace(on_failure="continue")
    step.run({"thing": "lamp"}, workspace=workspace)
    emulator.script("openai", Fault("moderation"), Fault("drop"))
    for thing in ("vase", "bowl"):
        step.run({"thing": thing}, workspace=workspace)
    unknown, refused, done = workspace.history()
    assert (unknown.cost, refused.cost) == (None, 0)
    assert done.cost == done.run.cost.amount > 0
    page = workspace.history()._repr_mimebundle_()["text/html"]
    assert f"{done.run.cost.short}" in page
    assert page.count("cost unknown") == 1
    assert unknown.row()["cost_usd"] is None
