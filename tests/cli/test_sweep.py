"""`imagegen-nb sweep`: a file that says what varies, run, started again, and refused."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest
from support.command_line import CommandLine

from imagegen_nb.core.html_page import page
from imagegen_nb.emulator import Emulator, Fault
from imagegen_nb.sweeps.cell_results import CellResults
from imagegen_nb.sweeps.results import Result

SWEEP = """
name = "night"
step = "lamp.step.json"

[over]
image_quality = ["low", "high"]
"inputs.room" = ["the kitchen", "the hall"]
"""


@pytest.fixture
def sweep(file: str, tmp_path: Path) -> str:
    (tmp_path / "night.toml").write_text(SWEEP)
    return "night.toml"


def test_it_runs_and_goes_on_where_it_stopped(cli: CommandLine, sweep: str, emulator: Emulator) -> None:
    emulator.script("openai", Fault("moderation"))
    first = cli("sweep", sweep, "--backend", "THE EMULATOR", "--concurrency", "1")
    assert first.code == 1
    assert "Sweep · 4 cells: image_quality (2) × room (2)" in first.out
    assert "3 done, 1 failed" in first.out
    assert first.out.count("file://") == 3
    second = cli("sweep", sweep, "--backend", "THE EMULATOR", "--csv", "night.csv", "--json")
    assert (second.code, emulator.count()) == (0, 5)
    assert json.loads(second.out)["counts"] == {"done": 4}
    assert len(Path("night.csv").read_text().splitlines()) == 5


def test_a_page_for_others_is_written_and_an_older_one_replaced_aloud(
    cli: CommandLine, sweep: str, emulator: Emulator
) -> None:
    Path("night.html").write_text(page("An older one", (), "", ""), encoding="utf-8")
    told = cli("sweep", sweep, "--plan", "--backend", "THE EMULATOR", "--report", "night.html")
    assert "night.html (replacing the older file)" in told.err
    assert "4 not run" in Path("night.html").read_text(encoding="utf-8")
    before = Path(sweep).read_bytes()
    refused = cli("sweep", sweep, "--backend", "THE EMULATOR", "--report", sweep)
    assert (refused.code, Path(sweep).read_bytes()) == (2, before)
    assert refused.err.rstrip().endswith("save it as night.html")
    assert emulator.count() == 0


@pytest.mark.parametrize(
    ("option", "name", "said"),
    [
        (
            "--csv",
            "mine.csv",
            "mine.csv: something else is there; give another name, or move that away",
        ),
        ("--csv", "mine", "--csv mine.csv: something else is there; give another name"),
        ("--report", "page.html", "--report page.html: something else is there; give another name"),
        ("--report", "mine.html", "--report mine.html: something else is there; give another name"),
        ("--csv", "there", "there: it is a folder; give a file's name in it, such as there/hero.csv"),
        ("--report", "there", "there: it is a folder; give a file's name in it, such as there/hero.html"),
        ("--csv", "cells.xlsx", "save it as cells.csv"),
        ("--report", "night.pdf", "save it as night.html"),
        ("--csv", "nowhere/a.csv", "is not a folder that can be written to; make it (mkdir -p "),
        ("--report", "nowhere/a.html", "is not a folder that can be written to; make it (mkdir -p "),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_spent(
    cli: CommandLine, sweep: str, emulator: Emulator, tmp_path: Path, option: str, name: str, said: str
) -> None:
    for mine in ("mine.csv", "mine.html"):
        (tmp_path / mine).write_text("mine")
    (tmp_path / "page.html").write_text("<!doctype html><p>of somebody else")
    (tmp_path / "there").mkdir()
    refused = cli("sweep", sweep, "--backend", "THE EMULATOR", option, name)
    assert (refused.code, emulator.count()) == (2, 0)
    assert said in refused.err
    assert [(tmp_path / mine).read_text() for mine in ("mine.csv", "mine.html")] == ["mine", "mine"]
    assert not (tmp_path / "assets").exists()


def test_an_older_table_is_replaced_as_an_older_page_is(cli: CommandLine, sweep: str) -> None:
    command = ("sweep", sweep, "--plan", "--backend", "THE EMULATOR", "--csv", "cells")
    assert cli(*command).code == 0
    assert "replacing" not in cli(*command, "--report", "page").err.partition("page.html")[2]
    assert "cells.csv (replacing the older file)" in cli(*command).err
    assert sorted(Path().glob("cells*")) == [Path("cells.csv")]


def test_a_plan_asks_nobody(cli: CommandLine, sweep: str, emulator: Emulator) -> None:
    told = cli("sweep", sweep, "--plan", "--backend", "THE EMULATOR")
    assert (told.code, emulator.count()) == (0, 0)
    assert "4 waiting" in told.out


def test_settings_may_stand_in_it_and_rows_beside_it(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("product,image_quality\na,low\nb,medium\n")
    (tmp_path / "a.toml").write_text('rows = "rows.csv"\nrepeats = 2\n[step]\nprompt = "A {{product}}"\n')
    told = cli("sweep", "a.toml", "--backend", "THE EMULATOR", "--json")
    cells = json.loads(told.out)["cells"]
    assert [(cell["inputs.product"], cell["image_quality"], cell["repeat"]) for cell in cells] == [
        ("a", "low", 1),
        ("a", "low", 2),
        ("b", "medium", 1),
        ("b", "medium", 2),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = [", "is not TOML"),
        ("step = 'a.json'\nover = {x = a}", "(at line 2, column 13). Mend it there: texts stand in quotes"),
        ("", 'a.toml is empty: a sweep file is TOML, such as step = "hero.step.json"'),
        ('{"nbformat": 4}', "a.toml is a notebook, and no sweep file (imagegen-nb record takes one): "),
        (
            "[step]\nmodel = 'gpt-image-3'\nprompt = 'x'\n[over]\nimage_count = [1]",
            "2; `imagegen-nb models` lists",
        ),
        ("[step\nprompt = 'x'", "(at line 1, column 6). A ] is missing: [step]"),
        ("[stpe\nprompt = 'x'", "a.toml is not TOML: "),
        ("name = 'a'\n[step  # settings\nprompt = 'x'", "A ] is missing: [step]\n"),
        ("prompt 'x'", "A line is key = value"),
        ("name = 'a'\nname = 'b'", "The key stands there twice: leave one"),
        ("[step]\nprompt = 'x'\n[step]", "The table stands there twice: join the two"),
        (
            "[step]\nprompt = 'x'\nrows = 'p.csv'",
            "a.toml: rows under [step] is no setting: it belongs",
        ),
        (
            "[step]\nprompt = 'x'\nover = {a = [1]}",
            "over under [step] is no setting: it belongs above",
        ),
        (
            "[step]\nprompt = 'x'\nbudget = '1'",
            "no setting: give it to the command: --budget",
        ),
        (
            "[step]\nprompt = 'x'\napi_key = 'abc'",
            "[step] is no setting: a key stands in no code",
        ),
        ("[step]\nprompt = 'x'\nqality = 'low'", "in a.toml, below [step]"),
        (
            "[step]\nprompt = 'x'\n[over]\nrepeats = 2",
            "repeats under [over] is no axis: it belongs",
        ),
        (
            "prompt = 'x'\n[over]\nmodel = []",
            "not a key of a sweep file: it belongs under [step], or",
        ),
        (
            "model = 'x'\nstep = 'a.json'",
            "a sweep file: a setting belongs into a.json",
        ),
        (
            "budget = '1 USD'\n[step]\nprompt = 'x'",
            "a sweep file: give it to the command: --budget",
        ),
        ("backend = 'emulator'", "give it to the command: --backend"),
        ("storage_limit = '1 GB'", "give it to the command: --storage-limit"),
        (
            "api_key = 'abc'",
            "not a key of a sweep file: a key stands in no code: it is",
        ),
        ("zzz = 3", "zzz is not a key of a sweep file: choose from step, over, rows, inputs, repeats, name"),
        ("steps = 3", "steps is not a key of a sweep file: did you mean step?"),
        (
            "[step]\nprompt = '{{product}}'\n[over]\nimage_count = [1]\n[inputs]\nprodcut = 'x'",
            "the input prodcut, which the prompt does not use, may be misspelt: call it product",
        ),
        (
            "[step]\nprompt = '{{product}}'\n[over]\nimage_count = [1]",
            "no inputs were given. Give product a value in inputs, or several in over or rows",
        ),
        ("[over]\nmodel = ['x']", 'step is missing: write step = "hero.step.json"'),
        ("[step]\nprompt = 'x'", "nothing varies"),
        ("[step]\nprompt = 'x'\n[over]\nmodel = 'x'", "give a list of values"),
        ("[step]\nprompt = 'x'\n[over]\nimage_size = ['1x1']", "1 of 1 combination cannot be run"),
        ("step = 'nowhere.json'\n[over]\nmodel = []", "nowhere.json"),
        ("inputs = 3\n[step]\nprompt = 'x'\n[over]\nmodel = ['gpt-image-2']", "inputs is of type int"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    cli: CommandLine, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "a.toml").write_text(text)
    told = cli("sweep", "a.toml", "--backend", "THE EMULATOR")
    assert told.code == 2
    assert message in told.err


def test_a_file_that_is_not_there(cli: CommandLine) -> None:
    told = cli("sweep", "nowhere.toml")
    assert (told.code, "there is no file" in told.err) == (2, True)
    told = cli("sweep", "x" * 300)
    assert (told.code, "File name too long" in told.err) == (2, True)


def test_cells_are_submitted_and_collected(cli: CommandLine, sweep: str, emulator: Emulator) -> None:
    emulator.batches.held = True
    planned = cli("sweep", sweep, "--plan", "--backend", "THE EMULATOR")
    assert "in batches: $0.2166–0.2168 for 4 cells" in planned.err
    submitted = cli("sweep", sweep, "--backend", "THE EMULATOR", "--submit")
    assert submitted.code == 0
    assert "1 batch · 4 cells submitted" in submitted.err
    assert "4 submitted in batches" in submitted.out
    early = cli("sweep", sweep, "--backend", "THE EMULATOR", "--collect")
    assert (early.code, "4 submitted" in early.out) == (1, True)
    emulator.batches.held = False
    collected = cli("sweep", sweep, "--backend", "THE EMULATOR", "--collect", "--wait", "30", "--json")
    assert collected.code == 0
    assert json.loads(collected.out)["counts"] == {"done": 4}
    assert (len(emulator.batches.batches), emulator.count()) == (1, 0)


def test_batches_that_are_gone_are_given_up_and_run_again(
    cli: CommandLine, sweep: str, emulator: Emulator
) -> None:
    assert cli("sweep", sweep, "--backend", "THE EMULATOR", "--submit").code == 0
    emulator.batches.batches.clear()
    gone = cli("sweep", sweep, "--backend", "THE EMULATOR", "--collect")
    assert (gone.code, "4 submitted" in gone.out) == (1, True)
    assert "--collect --give-up ends them as unknown, and --repeat-unknown runs them again" in gone.out
    assert "collect(" not in gone.out
    given_up = cli("sweep", sweep, "--backend", "THE EMULATOR", "--collect", "--give-up")
    assert (given_up.code, "4 unknown" in given_up.out) == (1, True)
    again = cli("sweep", sweep, "--backend", "THE EMULATOR", "--repeat-unknown")
    assert (again.code, "4 done" in again.out) == (0, True)


def test_nothing_is_submitted_to_an_emulator_that_ends_with_the_command(
    cli: CommandLine, sweep: str, tmp_path: Path
) -> None:
    told = cli("sweep", sweep, "--submit", "--backend", "emulator")
    assert told.code == 2
    assert "that emulator ends with this command" in told.err
    assert "--backend http://127.0.0.1:8321" in told.err
    assert not (tmp_path / "assets").exists()


@pytest.mark.filterwarnings("always::imagegen_nb.errors.BudgetWarning")
def test_that_a_budget_may_run_out_is_said_before_the_cells(
    cli: CommandLine, tmp_path: Path, emulator: Emulator
) -> None:
    (tmp_path / "dear.toml").write_text("[step]\nprompt = 'A {{p}}'\n[over]\np = ['a', 'b', 'c']\n")
    told = cli("sweep", "dear.toml", "--backend", "THE EMULATOR", "--budget", "0.50")
    assert (told.code, emulator.count()) == (1, 0)
    assert "warning: 3 cells to run, estimate: at most $2.13" in told.err
    assert "budget has $0.50 left, which allows none of them" in told.err
    told = cli("sweep", "dear.toml", "--backend", "THE EMULATOR", "--budget", "5.00")
    assert (told.code, "warning" in told.err) == (0, False)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--plan", "--submit"), "--plan only shows"),
        (("--wait", "5"), "--wait is for --collect"),
        (("--submit", "--reuse"), "--reuse does not work with --submit"),
        (("--give-up",), "--give-up is for --collect"),
        (("--submit", "--give-up"), "--give-up is for --collect"),
    ],
)
def test_options_that_say_different_things_are_refused(
    cli: CommandLine, sweep: str, emulator: Emulator, options: tuple[str, ...], said: str
) -> None:
    told = cli("sweep", sweep, "--backend", "THE EMULATOR", *options)
    assert (told.code, emulator.batches.calls) == (2, [])
    assert said in told.err


DEAR = "[step]\nprompt = 'A {{p}}'\n[over]\np = ['a', 'b', 'c']\n"
"""A cell costs at most $0.7117, and $0.2107 in fact."""


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_page_table_and_terminal_say_the_same_of_refused_cells(
    cli: CommandLine, tmp_path: Path, emulator: Emulator
) -> None:
    (tmp_path / "dear.toml").write_text(DEAR)
    options = ("--backend", "THE EMULATOR", "--budget", "1.00", "--csv", "dear.csv", "--report", "dear.html")
    told = cli("sweep", "dear.toml", *options)
    assert (told.code, emulator.count()) == (1, 2)
    assert "2 done, 1 failed" in told.out
    assert "1 failed" in Path("dear.html").read_text(encoding="utf-8")
    for text in (told.out, Path("dear.html").read_text(encoding="utf-8"), Path("dear.csv").read_text()):
        assert "Nothing was sent" in " ".join(text.split())


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.BudgetWarning")
def test_refused_cells_are_run_again_under_a_higher_budget_or_it_is_said_how(
    cli: CommandLine, tmp_path: Path, emulator: Emulator
) -> None:
    (tmp_path / "dear.toml").write_text(DEAR)
    cli("sweep", "dear.toml", "--backend", "THE EMULATOR", "--budget", "1.00")
    told = cli("sweep", "dear.toml", "--backend", "THE EMULATOR", "--budget", "3.00", "--only-failed")
    assert (told.code, emulator.count()) == (1, 2)
    assert "--only-failed: 1 waiting were not run." in " ".join(told.out.split())
    assert "The same command without --only-failed runs them" in " ".join(told.out.split())
    told = cli("sweep", "dear.toml", "--backend", "THE EMULATOR", "--budget", "3.00")
    assert (told.code, emulator.count()) == (0, 3)


@pytest.mark.filterwarnings("always::imagegen_nb.errors.BudgetWarning")
def test_it_advises_what_can_be_written_on_a_command_line(
    cli: CommandLine, tmp_path: Path, emulator: Emulator
) -> None:
    (tmp_path / "dear.toml").write_text(DEAR)
    emulator.script("openai", Fault("drop"))
    told = cli("sweep", "dear.toml", "--backend", "THE EMULATOR", "--budget", "1.00")
    assert "Raise --budget, or give the sweep file fewer values" in told.err
    assert "run again only if asked, with --repeat-unknown" in " ".join(told.out.split())
    assert "run(" not in told.out + told.err


def test_told_to_end_it_says_how_far_it_came_and_how_to_go_on(
    cli: CommandLine, tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dear.toml").write_text(DEAR)
    note = CellResults.note

    def noted(results: CellResults, number: int, result: Result) -> None:
        note(results, number, result)
        if result.outcome == "done":
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    monkeypatch.setattr(CellResults, "note", noted)
    told = cli("sweep", "dear.toml", "--backend", "THE EMULATOR", "--concurrency", "1")
    assert told.code == 128 + signal.SIGTERM
    assert "error: interrupted\n  1 of 3 cells done" in told.err
    assert told.err.rstrip().endswith("The same command goes on from here")


def test_a_sweep_that_has_too_little_time_says_how_to_give_more(cli: CommandLine, sweep: str) -> None:
    told = cli("sweep", sweep, "--backend", "THE EMULATOR", "--timeout", "0.001")
    assert told.code == 1
    assert "Workspace(timeout=...), or --timeout" in " ".join(told.out.split())


def test_why_it_stopped_stands_in_the_json_too(cli: CommandLine, sweep: str, emulator: Emulator) -> None:
    emulator.script("openai", *[Fault("auth")] * 4)
    told = cli("sweep", sweep, "--backend", "THE EMULATOR", "--concurrency", "1", "--json")
    facts = json.loads(told.out)
    assert told.code == 1
    (stopped,) = facts["stopped"]
    assert "HTTP 401" in stopped
    assert f"stopped: {stopped}" in facts["notes"]
    assert facts["notes"][0] == "1 failed, 3 waiting"


def test_advice_in_the_json_is_for_the_command_line(cli: CommandLine, sweep: str, emulator: Emulator) -> None:
    emulator.script("openai", Fault("moderation"))
    cli("sweep", sweep, "--backend", "THE EMULATOR", "--concurrency", "1")
    notes = json.loads(cli("sweep", sweep, "--plan", "--backend", "THE EMULATOR", "--json").out)["notes"]
    assert not any("run(" in note for note in notes)
