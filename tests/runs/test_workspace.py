"""Where runs happen: backends, accounts, limits, and what an unusable option says."""

from __future__ import annotations

import socket
import subprocess
import sys
from decimal import Decimal

import pytest

from imagegen_nb import Gateway, ImageGenerationStep, VertexAI, Workspace
from imagegen_nb.emulator import Emulator, Fault
from imagegen_nb.errors import BudgetExceeded, InvalidOption, StepFailed, StoreError
from imagegen_nb.store.local import LocalStore

STEP = ImageGenerationStep(prompt="a fox")
GROK = ImageGenerationStep(prompt="a fox", model="grok-imagine-image")  # $0.02 an image, exactly


def test_a_folder_is_made_when_something_is_stored(emulator, tmp_path):
    workspace = Workspace(tmp_path / "a" / "b", backend=emulator.url)
    assert not (tmp_path / "a").exists()
    STEP.run(workspace=workspace)
    assert (tmp_path / "a" / "b").is_dir()


def test_an_emulator_of_its_own(tmp_path):
    workspace = Workspace(tmp_path, backend="emulator")
    before = workspace.emulator.count()
    run = STEP.run(workspace=workspace)
    assert run.emulated
    assert workspace.emulator is Emulator.shared()
    assert workspace.emulator.count() == before + 1
    assert workspace.emulator.url != ""


@pytest.mark.parametrize("slash", ["", "/"])
def test_an_emulator_served_elsewhere(emulator, tmp_path, slash):
    workspace = Workspace(tmp_path, backend=emulator.url + slash)
    assert STEP.run(workspace=workspace).emulated
    assert emulator.count() == 1
    with pytest.raises(InvalidOption, match="no emulator of its own"):
        _ = workspace.emulator


def test_an_emulator_by_the_name_localhost(emulator, tmp_path):
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        pytest.skip("this machine knows no localhost: /etc/hosts names it where there is one")
    url = emulator.url.replace("127.0.0.1", "localhost")
    assert STEP.run(workspace=Workspace(tmp_path, backend=url)).status == "done"


@pytest.mark.usefixtures("waits")
def test_an_emulator_that_is_not_there(tmp_path):
    run = STEP.replace(on_failure="continue").run(workspace=Workspace(tmp_path, backend="http://127.0.0.1:9"))
    assert (run.error.kind, run.error.charge) == ("provider_fault", "none")
    assert "could not connect to 127.0.0.1" in str(run.error)
    assert "nothing was sent" in str(run.error)


@pytest.mark.usefixtures("waits")
@pytest.mark.parametrize("model", ["gpt-image-2", "grok-imagine-image", "gemini-nano-banana-2.1"])
def test_nobody_listens(tmp_path, model):
    step = STEP.replace(model=model, on_failure="continue", image_count=2)
    run = step.run(workspace=Workspace(tmp_path, backend="http://127.0.0.1:9"))
    assert {(short.error.kind, short.error.charge) for short in run.shortfalls} == {
        ("provider_fault", "none")
    }
    assert run.error.__context__ is run.error.__cause__ is None


@pytest.mark.parametrize(
    "backend",
    [
        "Live",
        "",
        "http://example.com",
        "https://127.0.0.1:1",
        "http://10.0.0.1:80",
        "http://127.0.0.1.example.com",
        "ftp://127.0.0.1",
    ],
)
def test_a_backend_that_is_none(tmp_path, backend):
    with pytest.raises(InvalidOption, match="backend"):
        Workspace(tmp_path, backend=backend)


@pytest.mark.parametrize("timeout", [0, -1, 3601, float("nan"), float("inf")])
def test_a_timeout_that_is_none(tmp_path, timeout):
    with pytest.raises(InvalidOption, match="timeout"):
        Workspace(tmp_path, timeout=timeout)


@pytest.mark.parametrize(("limit", "count"), [(1, 1), ("5 GiB", 5 * 2**30), ("1kB", 1000), (None, None)])
def test_a_storage_limit(tmp_path, limit, count):
    assert Workspace(tmp_path, storage_limit=limit).store.limit == count


@pytest.mark.parametrize("limit", [0, -1, "", "much", "-5 GB", "0 B"])
def test_a_storage_limit_that_is_none(tmp_path, limit):
    with pytest.raises(InvalidOption, match="storage_limit"):
        Workspace(tmp_path, storage_limit=limit)


def test_a_store_of_ones_own_keeps_its_limit(tmp_path):
    store = LocalStore(tmp_path, 7)
    assert Workspace(store).store is store
    assert store.limit == 7
    assert Workspace(store).storage_limit == 7
    assert Workspace(store, storage_limit=9).storage_limit == 9
    assert store.limit == 7  # another workspace may share the store


def test_an_account_for_a_provider_nobody_knows(tmp_path):
    with pytest.raises(InvalidOption, match="not a provider; choose from openai, xai, gemini"):
        Workspace(tmp_path, hosted={"opanai": VertexAI("p")})


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"opanai": 5}, "requests_per_minute = 'opanai': not a provider; choose from openai, xai, gemini"),
        ({"openai": 0}, r"requests_per_minute\['openai'\] = 0: give a whole number, 1 or more"),
        ({"openai": True}, "= True: give a whole number"),
        ({"openai": 2.5}, "= 2.5: give a whole number"),
        ({"openai": "5"}, "= '5': give a whole number"),
    ],
)
def test_a_published_limit_is_a_whole_number_for_a_known_provider(tmp_path, limits, message):
    with pytest.raises(InvalidOption, match=message):
        Workspace(tmp_path, requests_per_minute=limits)


def test_calls_beyond_a_published_limit_wait_instead_of_being_refused(tmp_path, emulator, waits):
    workspace = Workspace(tmp_path, backend=emulator.url, requests_per_minute={"gemini": 2})
    run = STEP.replace(model="gemini-nano-banana-2.1", image_count=4).run(workspace=workspace)
    assert (run.returned, emulator.count()) == (4, 4)
    assert 60.0 in waits
    workspace.close()


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_vertex_ai_is_an_account_for_gemini_only(tmp_path, provider):
    """Told when the workspace is made, not by a call that goes out without a key."""
    with pytest.raises(InvalidOption, match=r"VertexAI|Vertex AI"):
        Workspace(tmp_path, backend="live", hosted={provider: VertexAI("my-project")})


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/v1",
        "ftp://example.com",
        "example.com/v1",
        "",
        "http://127.0.0.1.example.com",
        "https://",
    ],
)
def test_a_gateway_that_would_give_the_key_away(url):
    with pytest.raises(InvalidOption, match="base_url"):
        Gateway(url, "GATEWAY_KEY")


@pytest.mark.parametrize("tail", ["", "/"])
def test_a_gateways_closing_slash_does_not_matter(emulator, tmp_path, monkeypatch, tail):
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    for provider, path, model in (
        ("openai", "/openai/v1", "gpt-image-2"),
        ("xai", "/xai/v1", "grok-imagine-image"),
        ("gemini", "/gemini", "gemini-nano-banana-2.1"),
    ):
        hosted = {provider: Gateway(emulator.url + path + tail, "GATEWAY_KEY")}
        run = STEP.replace(model=model, on_failure="continue").run(
            workspace=Workspace(tmp_path, hosted=hosted)
        )
        assert run.status == "done", run.error


@pytest.mark.parametrize(
    "address", ["{}?api-version=2025-04-01&tenant=a%20b", "{}/?api-version=2025-04-01&tenant=a%20b"]
)
def test_what_a_gateways_address_has_after_its_path_goes_with_every_request(
    raw_server, tmp_path, monkeypatch, address
):
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    for provider, path, model, asked in (
        ("openai", "/v1", "gpt-image-2", "/v1/images/generations"),
        ("xai", "/v1", "grok-imagine-image", "/v1/images/generations"),
        (
            "gemini",
            "/google",
            "gemini-nano-banana-2.1",
            "/google/v1beta/models/gemini-nano-banana-2.1:generateContent",
        ),
    ):
        server = raw_server(b"HTTP/1.1 400 No\r\ncontent-length: 2\r\n\r\n{}")
        hosted = {provider: Gateway(address.format(server.url + path), "GATEWAY_KEY")}
        STEP.replace(model=model, on_failure="continue").run(workspace=Workspace(tmp_path, hosted=hosted))
        assert server.requests[0].line == f"POST {asked}?api-version=2025-04-01&tenant=a%20b HTTP/1.1"


@pytest.mark.parametrize("previews", [0, 1])
def test_images_come_from_such_a_gateway(emulator, tmp_path, monkeypatch, previews):
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    hosted = {"openai": Gateway(f"{emulator.url}/openai/v1?api-version=1", "GATEWAY_KEY")}
    run = STEP.run(workspace=Workspace(tmp_path, hosted=hosted), partial_images=previews)
    assert run.status == "done"


def test_closed_and_used_again(workspace):
    with workspace:
        first = STEP.run(workspace=workspace)
    second = STEP.run(workspace=workspace)
    assert [record.run_id for record in workspace.records()] == [first.id, second.id]
    assert [record.run_id for record in workspace.records(second.id)] == [second.id]
    (newest,) = workspace.records(newest_first=True, limit=1)
    assert newest.run_id == second.id
    assert [record.run_id for record in workspace.records(newest_first=True, after=newest.id)] == [first.id]
    assert [run.run_id for run in workspace.runs(newest_first=True, limit=1)] == [second.id]
    assert [run.run_id for run in workspace.runs(after=first.id)] == [second.id]
    assert (workspace.count_records(), workspace.count_records(first.id), workspace.count_runs()) == (2, 1, 2)
    assert list(workspace.records(limit=0)) == []
    for limit in (-1, 1.5, True, "2"):
        with pytest.raises(InvalidOption, match="limit"):
            workspace.records(limit=limit)
        with pytest.raises(InvalidOption, match="limit"):
            workspace.runs(limit=limit)


def test_shows_itself_without_keys(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    workspace = Workspace(tmp_path, hosted={"openai": Gateway("https://gateway.example/v1", "GATEWAY_KEY")})
    assert repr(workspace).startswith("Workspace(LocalStore(")
    assert "gateway-key" not in repr(workspace) + repr(workspace.hosted)


def _refusal(step, workspace) -> str:
    with pytest.raises(StepFailed) as failed:
        step.run(workspace=workspace)
    assert isinstance(failed.value.error, BudgetExceeded)
    return str(failed.value.error)


def test_a_budget_is_spent_to_the_last_cent_and_no_further(emulator, tmp_path):
    workspace = Workspace(tmp_path, backend=emulator.url, budget="0.05 USD")
    for _ in range(2):
        assert GROK.run(workspace=workspace).cost.amount == Decimal("0.02")
    message = _refusal(GROK, workspace)
    assert "budget = $0.05: this run can cost up to $0.02; $0.04 is spent, $0.01 is left" in message
    assert "Nothing was sent" in message
    assert emulator.count() == 2
    assert GROK.run(workspace=Workspace(tmp_path, backend=emulator.url, budget="0.06 USD")).status == "done"


def test_a_budget_for_one_run_and_for_this_kernel(emulator, tmp_path):
    one = Workspace(tmp_path, backend=emulator.url, run_budget="$0.05")
    assert GROK.replace(image_count=2).run(workspace=one).status == "done"
    assert "run_budget = $0.05: this run can cost up to $0.06" in _refusal(GROK.replace(image_count=3), one)
    session = Workspace(tmp_path, backend=emulator.url, session_budget=Decimal("0.06"))
    assert GROK.run(workspace=session).status == "done"
    assert "session_budget" in _refusal(GROK, session)


def test_what_nothing_bounds_is_refused_and_auto_counts_by_its_ceiling(emulator, tmp_path):
    workspace = Workspace(tmp_path, backend=emulator.url, budget="2.00 USD")
    message = _refusal(STEP.replace(model="gpt-image-2.6-flare"), workspace)
    assert "model = 'gpt-image-2.6-flare'" in message
    assert "not published" in message
    assert STEP.run(workspace=workspace).status == "done"
    ceiling = STEP.estimate().ceiling
    assert ceiling is not None
    tight = Workspace(tmp_path / "other", backend=emulator.url, budget=ceiling - Decimal("0.01"))
    assert "can cost up to" in _refusal(STEP, tight)
    assert emulator.count() == 1


def test_a_run_whose_charge_is_unknown_has_spent_its_ceiling(emulator, tmp_path):
    emulator.script("xai", Fault("server_error"))
    workspace = Workspace(tmp_path, backend=emulator.url, budget="0.05 USD")
    failed = GROK.replace(on_failure="continue", image_count=2).run(workspace=workspace)
    assert failed.cost.amount is None
    assert "$0.04 is spent" in _refusal(GROK, workspace)


def test_a_run_that_was_refused_has_spent_nothing(emulator, tmp_path):
    emulator.script("xai", Fault("auth"))
    workspace = Workspace(tmp_path, backend=emulator.url, budget="0.02 USD")
    assert GROK.replace(on_failure="continue").run(workspace=workspace).status == "failed"
    assert GROK.run(workspace=workspace).status == "done"


def test_earlier_runs_of_unknown_cost_are_not_taken_for_free(emulator, tmp_path):
    lite = STEP.replace(model="gemini-3.1-flash-lite-image", on_failure="continue")
    emulator.script("gemini", Fault("server_error"))
    lite.run(workspace=Workspace(tmp_path, backend=emulator.url))
    message = _refusal(GROK, Workspace(tmp_path, backend=emulator.url, budget="1 USD"))
    assert "1 earlier run may have cost money" in message


@pytest.mark.parametrize("wrong", ["2 EUR", "", "-1", 0, 1.5, True, "1e3", "many"])
@pytest.mark.parametrize("option", ["budget", "session_budget", "run_budget"])
def test_an_amount_that_is_none_is_refused(tmp_path, option, wrong):
    with pytest.raises(InvalidOption, match=f"{option} = "):
        Workspace(tmp_path, **{option: wrong})


_SPENDER = """
import sys
import imagegen_nb as ig
from imagegen_nb.errors import BudgetExceeded
step = ig.ImageGenerationStep(prompt="a fox", model="grok-imagine-image", on_failure="continue")
workspace = ig.Workspace(sys.argv[1], backend=sys.argv[2], budget="0.21 USD")
for _ in range(5):
    if isinstance(step.run(workspace=workspace).error, BudgetExceeded):
        break
"""


def test_eight_processes_never_pass_a_budget(emulator, tmp_path):
    command = [sys.executable, "-c", _SPENDER, str(tmp_path), emulator.url]
    spenders = [subprocess.Popen(command) for _ in range(8)]
    assert [spender.wait(timeout=120) for spender in spenders] == [0] * 8
    workspace = Workspace(tmp_path, backend=emulator.url)
    costs = [run.cost_ticks for run in workspace.runs() if run.state == "done"]
    assert None not in costs
    assert sum(cost or 0 for cost in costs) == 200_000_000 * emulator.count("xai") <= 2_100_000_000
    assert emulator.count("xai") == 10


def test_the_ledger_can_be_indexed_and_shows_itself(workspace):
    runs = workspace.runs()
    assert repr(runs) == "Ledger · no runs in the store"
    assert not runs
    assert not workspace.history()
    with pytest.raises(IndexError, match="fewer than 1"):
        runs[0]
    first, second = (STEP.run(workspace=workspace).id for _ in range(2))
    assert (runs[0].run_id, runs[-1].run_id) == (first, second)
    assert [run.run_id for run in runs[:1]] == [first]
    assert [run.run_id for run in workspace.runs(newest_first=True)[:2]] == [second, first]
    assert "2 runs in the store" in repr(runs)
    assert runs
    assert (len(runs), len(workspace.runs(limit=1)), len(workspace.runs(after=first))) == (2, 1, 1)
    assert repr(runs[0]) == (
        f"LedgerEntry(run_id={first!r}, model={STEP.model!r}, count=1, emulated=True, state='done', "
        f"charge_told='emulated', started_at={runs[0].started_at!r}, ended_at={runs[0].ended_at!r}, "
        f"prompt={STEP.prompt!r})"
    )
    assert f"{STEP.model} · 1 image · done · charged if it were real · EMULATED" in repr(runs)
    assert first not in repr(runs), "what changes with each run would be a difference in a saved notebook"


@pytest.mark.parametrize("blank", ["", " "])
def test_a_blank_store_is_not_the_working_directory(blank):
    with pytest.raises(StoreError, match="a blank text was given"):
        Workspace(blank, backend="emulator")
