"""`imagegen-nb doctor`: what it looks at, that no key is shown, and what it says to do."""

from __future__ import annotations

import shutil
import sys
import webbrowser
from pathlib import Path

import pytest
from support.command_line import CommandLine
from support.permissions import bound_by_permissions

import imagegen_nb as ig
from imagegen_nb.cli import doctor
from imagegen_nb.runs.workspace import Workspace

KEY = "sk-proj-" + "aB3d" * 10


def findings(cli: CommandLine, *arguments: str) -> dict[str, dict[str, str]]:
    told = cli("doctor", "--json", *arguments).json()
    assert isinstance(told, list)
    return {finding["subject"]: finding for finding in told}


def test_a_machine_without_keys_and_store_has_no_problem(cli: CommandLine) -> None:
    outcome = cli("doctor")
    assert outcome.code == 0, outcome.out
    assert f"imagegen-nb {ig.__version__}" in outcome.out
    assert "note    key of OpenAI: OPENAI_API_KEY is not set" in outcome.out
    assert "note    store: none in assets yet" in outcome.out
    assert "problem" not in outcome.out


def test_keys_are_told_by_name_and_never_shown(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("XAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", "your-key")
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "aB3d" not in outcome.out + outcome.err
    found = findings(cli)
    assert found["key of OpenAI"]["said"] == "OPENAI_API_KEY is in the environment"
    assert "belongs in OPENAI_API_KEY" in found["key of xAI"]["said"]
    assert found["key of Google"]["state"] == "problem"


def test_proxies_and_certificates_are_told_with_their_variables(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://ann:secret@proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "api.x.ai")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "secret" not in outcome.out
    found = findings(cli)
    assert found["connection to OpenAI"]["said"] == "by the proxy proxy.example:3128 (HTTPS_PROXY)"
    assert found["connection to xAI"]["said"] == "direct"
    assert (found["certificates"]["state"], "SSL_CERT_FILE" in found["certificates"]["said"]) == (
        "problem",
        True,
    )
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:0")
    assert findings(cli)["connection to OpenAI"]["state"] == "problem"


def test_a_damaged_store_is_a_problem_with_the_command_that_tells_more(
    cli: CommandLine, workspace: Workspace
) -> None:
    run = ig.ImageGenerationStep(prompt="A lamp", image_size="1024x640").run(workspace=workspace)
    workspace.close()
    assert findings(cli)["store"]["said"] == "1 image of 1 run in assets"
    run.output.assets[0].path.unlink()
    found = findings(cli)["store"]
    assert (found["state"], found["remedy"]) == ("problem", "for all of it: imagegen-nb store check assets")
    Path("assets").rename("my assets")
    remedy = findings(cli, "--store", "my assets")["store"]["remedy"]
    assert remedy == "for all of it: imagegen-nb store check 'my assets'"


def test_what_is_missing_is_named_with_the_command_that_installs_it(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_HOSTS", ())
    monkeypatch.setattr(doctor, "_EXTRAS", {"test": "nbval", "lab": "surely_no_such_module"})
    found = findings(cli)
    assert found["notebooks"]["state"] == "note"
    assert "pip install" in found["notebooks"]["remedy"]
    assert found["extras"]["said"] == "test"
    assert found["extras"]["remedy"].startswith("not here: lab; to install one: pip install")


def test_a_store_that_needs_a_missing_extra_is_a_problem_and_not_merely_empty(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "obstore", None)
    found = findings(cli, "--store", "s3://bucket/team")["store"]
    assert found["state"] == "problem"
    assert "needs the extra objects: pip install" in found["said"]


@pytest.mark.parametrize("program", ["chromium", None])
def test_a_browser_without_a_screen_is_told_from_none(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    def none_to_open() -> None:
        raise webbrowser.Error

    monkeypatch.setattr(webbrowser, "get", none_to_open)
    path = f"/usr/bin/{program}"
    monkeypatch.setattr(shutil, "which", lambda name: path if name == program else None)
    found = findings(cli)["browser"]
    expected = "/usr/bin/chromium is here, but there is no screen" if program else "none on this machine"
    assert (found["state"], found["said"].startswith(expected)) == ("note", True)


def test_a_replaced_transport_and_a_cassette_for_all_are_told(
    cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx2

    async def replaced(self: object, request: object) -> None: ...

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", replaced)
    (problem,) = [finding for finding in doctor._patches() if finding.state == "problem"]
    assert "has replaced the HTTP client's transport" in problem.said
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTE", "/some/where/hero")
    assert [finding.said for finding in doctor._patches()][-1] == "every process replays or records 'hero'"


def test_it_makes_an_image_where_that_is_asked(cli: CommandLine, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert findings(cli, "--try")["first image"]["said"] == "a-lamp-1.png, EMULATED"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.rigs
@pytest.mark.parametrize("options", [[], ["--try"]], ids=["", "--try"])
def test_a_folder_in_which_no_store_can_be_made_is_a_problem(tmp_path: Path, options: list[str]) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    for store in (closed / "assets", closed):
        outcome = bound_by_permissions("doctor", "--store", store, *options)
        assert outcome.returncode == 1
        assert f"problem store: none can be made in {store}: this user may not write there" in outcome.stdout
        assert "--store names another" in outcome.stdout


@pytest.mark.rigs
def test_a_store_that_cannot_be_written_to_is_a_problem(tmp_path: Path) -> None:
    with Workspace(tmp_path / "assets") as workspace:
        list(workspace.runs())
    (tmp_path / "assets").chmod(0o555)
    outcome = bound_by_permissions("doctor", "--store", tmp_path / "assets")
    (tmp_path / "assets").chmod(0o755)
    assert outcome.returncode == 1
    assert f"problem store: nothing can be stored in {tmp_path}/assets: this user may not" in outcome.stdout


def test_a_full_disk_is_a_problem(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))
    told = findings(cli)["store"]
    assert told["state"] == "problem"
    assert told["said"].startswith("none can be made in assets: the disk is full. Free some space")


def test_a_file_is_no_store_and_nothing_is_offered_to_check(cli: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    told = findings(cli, "--store", str(tmp_path / "notes.txt"))["store"]
    assert (told["state"], told["remedy"]) == ("problem", "--store names another")
    below = findings(cli, "--store", str(tmp_path / "notes.txt" / "assets"))["store"]
    assert "notes.txt is a file, where a folder is needed" in below["said"]
