"""`imagegen-nb platform`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import EMULATED, CommandLine
from support.platform_server import KEY, WORKSPACE, PlatformServer, served
from support.runs import run_of

import imagegen_nb as ig
from imagegen_nb.emulator import Emulator
from imagegen_nb.step_file import file_in_use
from imagegen_nb.store.local import LocalStore


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlatformServer]:
    monkeypatch.setenv("FETCH_HIVE_API_KEY", KEY)
    with served() as platform:
        yield platform


@pytest.fixture
def hero(tmp_path: Path) -> str:
    step = ig.ImageGenerationStep(name="Hero", prompt="A hero of {{product}}")
    run = run_of(step, LocalStore(tmp_path / "assets"), inputs={"product": "a lamp"}, identifier="step_2")
    ig.save_step(tmp_path / "hero.step.json", step, run=run)
    return "hero.step.json"


def test_push_says_what_became_of_each_image(cli: CommandLine, server: PlatformServer, hero: str) -> None:
    command = ("platform", "push", hero, "--workspace-id", WORKSPACE, "--base-url", server.url)
    refused = cli(*command)
    assert refused.code == 2
    assert "--emulated-too" in refused.err
    dry = cli(*command, "--emulated-too", "--dry-run")
    assert "would be sent" in dry.out
    assert server.requests == []
    (told,) = json.loads(cli(*command, "--emulated-too", "--json").out)
    assert (told["outcome"], told["asset"]["id"]) == ("uploaded", server.assets[0]["id"])
    assert "there already" in cli(*command, "--emulated-too").out


def test_without_a_key_the_variable_is_named_and_no_emulator(cli: CommandLine, hero: str) -> None:
    told = cli("platform", "push", hero, "--workspace-id", WORKSPACE, "--emulated-too")
    assert told.code == 2
    assert "the key of Fetch Hive is missing, or no good: FETCH_HIVE_API_KEY is not set. Set it: " in told.err
    assert "export FETCH_HIVE_API_KEY=…, or keyring set imagegen-nb FETCH_HIVE_API_KEY" in told.err
    assert "emulator" not in told.err


def test_without_a_secret_it_is_said_what_that_is(
    cli: CommandLine, hero: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FETCH_HIVE_API_KEY", KEY)
    monkeypatch.delenv("FETCH_HIVE_WEBHOOK_SECRET", raising=False)
    told = cli("platform", "verify", hero, "--deployment", "hero", "--callback-url", "https://a.example/c")
    assert told.code == 2
    assert "the signing secret of the deployment on Fetch Hive is missing" in told.err
    assert "FETCH_HIVE_WEBHOOK_SECRET is not set" in told.err
    for word in ("kernel", "cell", "no key"):
        assert word not in told.err


def test_the_sheet_is_printed_or_written(cli: CommandLine, hero: str, tmp_path: Path) -> None:
    assert "Prompt: A hero of {{product}}" in cli("platform", "sheet", hero).out
    assert cli("platform", "sheet", hero, "-o", "sheet.html").out == "wrote sheet.html\n"
    again = cli("platform", "sheet", hero, "-o", "sheet")
    assert again.out == "wrote sheet.html (replacing the older file)\n"
    assert "<!doctype html>" in (tmp_path / "sheet.html").read_text(encoding="utf-8")


def test_wiring_is_printed_for_the_name_on_the_platform(cli: CommandLine, hero: str) -> None:
    assert "{{step_7.output.assets}}" in cli("platform", "wiring", hero, "--identifier", "step_7").out
    assert "step_7.output" in cli("platform", "sheet", hero, "--identifier", "step_7").out
    assert json.loads(cli("platform", "wiring", hero, "--json").out)["identifier"] == "step_2"


def test_wiring_is_written_as_a_page_and_again(cli: CommandLine, hero: str, tmp_path: Path) -> None:
    page = tmp_path / "wiring.html"
    assert cli("platform", "wiring", hero, "-o", "wiring.html").out == f"wrote {page.name}\n"
    again = cli("platform", "wiring", hero, "-o", "wiring")
    assert again.out == "wrote wiring.html (replacing the older file)\n"
    html = page.read_text(encoding="utf-8")
    assert "<!doctype html>" in html
    assert "{{step_2.output.assets}}" in html
    told = cli("platform", "wiring", hero, "-o", "wiring.html", "--json")
    assert (json.loads(told.out)["identifier"], "wiring.html" in told.err) == ("step_2", True)


@pytest.mark.parametrize("command", ["sheet", "wiring"])
def test_a_page_replaces_nothing_but_a_page(
    cli: CommandLine, hero: str, tmp_path: Path, command: str
) -> None:
    before = (tmp_path / hero).read_bytes()
    refused = cli("platform", command, hero, "-o", hero)
    assert refused.code == 2
    assert "this is an HTML page, and its name promises application/json; save it as" in refused.err
    assert (tmp_path / hero).read_bytes() == before
    for mine in ("mine", "<!doctype html><p>mine"):
        (tmp_path / "mine.html").write_text(mine)
        refused = cli("platform", command, hero, "-o", "mine")
        assert refused.code == 2
        assert "mine.html: something else is there; give another name" in refused.err
        assert (tmp_path / "mine.html").read_text() == mine


@pytest.mark.parametrize("command", ["sheet", "wiring"])
@pytest.mark.parametrize("name", ["sheet.pdf", "sheet.txt", "sheet.docx"])
def test_a_page_is_never_called_anything_else(
    cli: CommandLine, hero: str, tmp_path: Path, command: str, name: str
) -> None:
    refused = cli("platform", command, hero, "-o", name)
    assert refused.code == 2
    assert refused.err.rstrip().endswith("save it as sheet.html")
    assert not (tmp_path / name).exists()


def test_verify_leaves_with_1_where_something_differs(
    cli: CommandLine, server: PlatformServer, hero: str, tmp_path: Path
) -> None:
    output = json.loads((tmp_path / hero).read_text(encoding="utf-8"))["output"]
    server.workflow = lambda _: (200, {"run_status": "completed", "output": json.dumps(output)})
    command = ("platform", "verify", hero, "--deployment", "hero", "--base-url", server.url)
    same = cli(*command)
    assert (same.code, "as it ran here" in same.out) == (0, True)
    output["assets"] = []
    differing = cli(*command, "--json")
    assert (differing.code, json.loads(differing.out)["same"]) == (1, False)


def test_the_emulator_needs_no_account(cli: CommandLine, hero: str) -> None:
    pushed = cli("platform", "push", hero, "--base-url", "emulator")
    assert (pushed.code, "uploaded" in pushed.out) == (0, True)
    verified = cli("platform", "verify", hero, "--deployment", "hero", "--base-url", "emulator", "--callback")
    assert (verified.code, "as it ran here" in verified.out) == (0, True)
    wrong = cli("platform", "verify", hero, "--deployment", "nonsense", "--base-url", "emulator")
    assert wrong.code != 0
    assert "Deployment nonsense not found" in wrong.err
    assert "hero" in wrong.err


def test_a_run_exported_again_keeps_what_the_platform_has_of_the_same_images(
    cli: CommandLine, hero: str, tmp_path: Path
) -> None:
    run = ("run", hero, *EMULATED, "--export", "out.step.json", "--force")
    push = ("platform", "push", "out.step.json", "--base-url", "emulator", "--json")

    def outcomes() -> list[str]:
        return [image["outcome"] for image in json.loads(cli(*push).out)]

    assert (cli(*run).code, outcomes()) == (0, ["uploaded"])
    before = ig.load_step(tmp_path / "out.step.json").provenance.uploads
    assert cli(*run).code == 0
    after = ig.load_step(tmp_path / "out.step.json")
    assert before
    assert [one.asset_id for one in after.provenance.uploads or ()] == [one.asset_id for one in before]
    assert after.output is not None
    assert after.output.assets[0].id == before[0].asset_id
    assert outcomes() == ["there already"]
    assert cli(*run, "-i", "product=a vase").code == 0
    assert outcomes() == ["uploaded"]  # another picture


def test_an_export_over_a_file_that_is_being_pushed_is_refused_before_anything_is_spent(
    cli: CommandLine, hero: str, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_in_use, "_LONGEST_WAIT", 0)
    before = (tmp_path / hero).read_bytes()
    with file_in_use.held(tmp_path / hero):
        refused = cli("run", hero, *EMULATED, "--export", hero, "--force")
    assert (refused.code, emulator.count()) == (2, 0)
    assert "hero.step.json is being pushed already" in refused.err
    assert (tmp_path / hero).read_bytes() == before


@pytest.mark.parametrize("listen", ["8443", ":8443", "127.0.0.1:", "127.0.0.1:99999"])
def test_an_address_to_listen_at_is_host_and_port(cli: CommandLine, hero: str, listen: str) -> None:
    told = cli("platform", "verify", hero, "--deployment", "hero", "--callback", "--listen", listen)
    assert (told.code, "127.0.0.1:8443" in told.err) == (2, True)


def test_an_interrupted_wait_says_that_the_run_goes_on(
    cli: CommandLine, server: PlatformServer, hero: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    server.workflow = lambda _: (202, {"run_id": "7a6b", "status": "queued"})
    monkeypatch.setattr("imagegen_nb.platform.run_wait.time.sleep", interrupted)
    told = cli("platform", "verify", hero, "--deployment", "hero", "--base-url", server.url)
    assert told.code == 130
    assert "The run (7a6b) goes on" in told.err


@pytest.mark.parametrize("command", ["push", "verify"])
def test_a_misspelt_emulator_is_named_before_anything_else(cli: CommandLine, hero: str, command: str) -> None:
    more = () if command == "push" else ("--deployment", "x")
    told = cli("platform", command, hero, "--base-url", "emulater", *more)
    assert told.code == 2
    assert "'emulater' is neither a URL nor emulator (did you mean emulator?)" in told.err


def test_a_push_from_another_store_names_the_option(cli: CommandLine, hero: str, tmp_path: Path) -> None:
    told = cli("platform", "push", hero, "--base-url", "emulator", "--store", "other")
    assert "no asset " in told.err
    assert "give the store that the file's run was made in, store=… (--store FOLDER)" in told.err


def test_a_push_of_a_deleted_image_names_the_check(cli: CommandLine, hero: str, tmp_path: Path) -> None:
    (image,) = (tmp_path / "assets" / "blobs").glob("*/*")
    image.unlink()
    told = cli("platform", "push", hero, "--base-url", "emulator")
    assert "imagegen-nb store check says what else is missing" in told.err
