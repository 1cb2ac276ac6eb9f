"""`verify`: a deployment that runs as it did here, and all ways in which it does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.platform_server import SIGNED, PlatformServer
from support.runs import run_of

import imagegen_nb as ig
from imagegen_nb import errors
from imagegen_nb.platform import Callbacks, VerifyReport, verify
from imagegen_nb.platform.deployment import start_inputs
from imagegen_nb.store.local import LocalStore

pytestmark = pytest.mark.loopback


def same_output(file: Path) -> dict[str, Any]:
    """What a workflow gives that runs as the file says, with other ids, names and sizes."""
    output = ig.load_step(file).output
    assert output is not None
    document = output.as_context()
    for number, asset in enumerate(document["assets"]):
        asset |= {
            "id": f"id-{number}",
            "file_url": f"https://a.invalid/{number}{SIGNED}",
            "file_size": 5 + number,
        }
    return document


def verified(server: PlatformServer, file: Path, status: int, answer: Any, **options: Any) -> VerifyReport:
    server.workflow = lambda _: (status, answer)
    return verify(file, deployment="hero", base_url=server.url, **options)


@pytest.mark.parametrize("spelling", ["run_status", "status"])
@pytest.mark.parametrize("form", [lambda output: output, json.dumps], ids=["object", "string"])
def test_a_workflow_that_runs_as_here_is_the_same(
    server: PlatformServer, file: Path, spelling: str, form: Any
) -> None:
    answer = {"request_id": "req_1", spelling: "completed", "output": form(same_output(file))}
    report = verified(server, file, 200, answer, variant="main")
    assert report, report
    assert (report.run_status, report.request_id) == ("completed", "req_1")
    assert server.invocations == [
        {"deployment": "hero", "variant": "main", "inputs": {"product": "a lamp", "makers": ["Ada", "Bo"]}}
    ]
    assert "hero: as it ran here" in repr(report)
    assert "Signature" not in repr(report) + report._repr_html_() + json.dumps(report.as_dict())


def differing(server: PlatformServer, file: Path, output: Any) -> set[str]:
    report = verified(server, file, 200, {"run_status": "completed", "output": output})
    assert not report
    assert "facts differ" in repr(report)
    return {row.what for row in report.differences}


def test_each_difference_is_named(server: PlatformServer, file: Path) -> None:
    output = same_output(file)
    output["settings"]["image_size"] = "1024x1024"
    del output["assets"][2]
    output["assets"][0]["file_type"] = "image/webp"
    del output["assets"][1]["file_name"]
    assert differing(server, file, output) == {
        "settings.image_size",
        "number of images",
        "assets.0.file_type",
        "assets.1: its keys",
    }


def test_an_output_of_another_shape_is_told(server: PlatformServer, file: Path) -> None:
    assert differing(server, file, "Done.") == {"shape of the output"}
    assert differing(server, file, None) == {"shape of the output"}
    assert differing(server, file, same_output(file)["assets"]) == {"shape of the output"}


@pytest.mark.parametrize("status", ["failed", "queued", "running", ""])
def test_a_run_that_is_not_completed_is_not_compared(server: PlatformServer, file: Path, status: str) -> None:
    report = verified(server, file, 200, {"run_status": status, "error": "no credit"})
    assert not report
    assert report.rows == ()
    assert "no credit" in repr(report)


def test_a_refusal_costs_nothing_and_a_lost_answer_may_have(server: PlatformServer, file: Path) -> None:
    with pytest.raises(errors.BadRequest, match="callback") as refused:
        verified(server, file, 422, {"error": "this workflow needs a callback"})
    assert refused.value.charge == "none"
    server.answers = ["drop"]
    with pytest.raises(errors.InvalidResponse) as lost:
        verified(server, file, 200, {})
    assert lost.value.charge == "unknown"
    assert len(server.requests) == 2


def test_start_inputs_are_text_and_arrays() -> None:
    start, notes = start_inputs({"a": "x", "b": [1], "c": 3, "step_1": {"output": {}}})
    assert start == {"a": "x", "b": [1], "c": "3"}
    assert len(notes) == 2
    with pytest.raises(errors.InvalidOption, match=r"inputs\.d is an object"):
        start_inputs({"d": {"e": 1}})


@pytest.mark.parametrize("callbacks", [None, Callbacks()])
def test_without_an_account_the_emulator_gives_the_files_own_output(
    file: Path, callbacks: Callbacks | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("FETCH_HIVE_API_KEY", "FETCH_HIVE_WEBHOOK_SECRET"):
        monkeypatch.delenv(variable, raising=False)
    report = verify(file, deployment="hero", base_url="emulator", callbacks=callbacks)
    assert report, report
    assert report.notes[-1] == "emulated: the deployment gave the file's own output"


def test_the_emulator_knows_the_deployment_that_is_named_after_the_step(
    file: Path, store: LocalStore, step: ig.ImageGenerationStep
) -> None:
    with pytest.raises(
        errors.BadRequest, match=r"id or name with.*Deployment heroo not found; this emulation has: .*hero"
    ) as wrong:
        verify(file, deployment="heroo", base_url="emulator")
    assert wrong.value.charge == "none"
    other = run_of(step.replace(name="Evening shot"), store, inputs={"product": "a lamp", "makers": []})
    assert verify(other, deployment="evening-shot", base_url="emulator")
    report = verify(file, deployment="evening-shot", base_url="emulator")
    assert report.notes[-1] == "emulated: the deployment gave the output of a step verified before"
    unnamed = run_of(step.replace(name=None), store, inputs={"product": "a lamp", "makers": []})
    assert verify(unnamed, deployment="a-hero-of-product-by-makers", base_url="emulator")
