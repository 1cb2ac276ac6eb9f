"""Cells in batches: submitted once whatever happens in between, and collected as if they had been run."""

from __future__ import annotations

import asyncio
import concurrent.futures
import io
import re
import signal
import textwrap
import threading
import tracemalloc
import uuid
from dataclasses import replace
from decimal import Decimal

import pytest
from PIL import Image
from support.ledger import other_process, run_program

import imagegen_nb as ig
from imagegen_nb.core import money
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import BudgetExceeded, InvalidOption, StoreError
from imagegen_nb.providers import openai_batches
from imagegen_nb.providers.http.response import safe_name
from imagegen_nb.providers.openai_batches import OpenAIBatches
from imagegen_nb.store.base import Spending
from imagegen_nb.store.local import LocalStore
from imagegen_nb.sweeps import batch_submission

STEP = ig.ImageGenerationStep(
    prompt="A {{product}}", image_size="1024x640", image_quality="low", image_output_format="jpeg"
)
STEPS = {
    "openai": STEP,
    "gemini": ig.ImageGenerationStep(prompt="A {{product}}", model="gemini-nano-banana-2.1"),
    "xai": ig.ImageGenerationStep(prompt="A {{product}}", model="grok-imagine-image"),
}
PRODUCTS = ["lamp", "vase", "rug", "cup"]


@pytest.fixture(params=list(STEPS))
def provider(request):
    return request.param


@pytest.fixture
def step(provider):
    return STEPS[provider]


@pytest.fixture
def desk(emulator):
    return emulator.batches


def sweep(products=PRODUCTS, step=STEP):
    return ig.Sweep(step, over={"inputs.product": list(products)})


def submit(one, workspace, **options):
    return one.submit(workspace=workspace, progress=False, **options)


def collect(one, workspace, **options):
    return one.collect(workspace=workspace, progress=False, **options)


def without_code(error):
    """An error of xAI's has another code in a batch."""
    return re.sub(r", code [\w-]+", "", error)


def paid(desk):
    return sorted(desk.images_paid.values())


# From end to end


def test_cells_are_submitted_and_collected_at_half_the_price(workspace, desk, emulator, step):
    one = sweep(step=step)
    batches = submit(one, workspace)
    assert one.counts() == {"submitted": 4}
    assert repr(batches).startswith("1 batch · 4 cells submitted")
    assert (len(desk.files), desk.count("create"), emulator.count()) == (1, 1, 0)
    assert workspace.store.spending(emulated=True).reserved > 0
    collect(one, workspace)
    assert one.counts() == {"done": 4}
    assert paid(desk) == [1, 1, 1, 1]
    amount = sum(cell.run.cost.amount for cell in one)
    assert one.notes()[-1] == f"cost of 4 runs, if they were real: {money.show(amount)}"
    cell = one.find(product="rug")[0]
    assert cell.run.prompt == "A rug"
    assert cell.run.batch.id == batches.ids[0]
    assert cell.run.warnings == ()
    run = cell.step.run(cell.inputs, workspace=workspace)
    sizes = [each.file_size for each in (cell.assets[0], run.output.assets[0])]
    assert sizes[0] == sizes[1]
    # xAI tells what a request cost, and of its emulator nobody knows a price of batches.
    assert cell.run.cost.amount * (1 if step.model.startswith("grok") else 2) == run.cost.amount > 0
    assert cell.run.output.settings == run.output.settings
    spent = workspace.store.spending(emulated=True)
    assert (spent.reserved, spent.unbounded) == (0, 0)


def test_the_estimate_in_batches_is_half_of_that_of_runs():
    one = sweep()
    assert one.estimate(batch=True).high * 2 == one.estimate().high
    assert one[0].step.estimate(one[0].inputs, batch=True).high * 2 == one[0].estimate.high
    unknown = ig.Sweep(ig.ImageGenerationStep(prompt="x", model="grok-imagine-image"), over={"prompt": ["a"]})
    assert unknown.estimate(batch=True).unknown == 1
    assert unknown.estimate(batch=True).ceiling == unknown.estimate().high > 0  # no batch costs more


def test_another_kernel_collects_by_the_ledger_alone(workspace, desk, step):
    submit(sweep(step=step), workspace)
    again = ig.Workspace(workspace.store.folder, backend=workspace._emulator_url)
    one = sweep(step=step)
    assert len(one.batches(workspace=again)) == 1
    assert one.counts() == {"submitted": 4}
    collect(one, again)
    assert one.counts() == {"done": 4}
    assert again.count_records() == 4


def test_whoever_asks_again_pays_nothing(workspace, desk, step):
    one = sweep(step=step)
    submit(one, workspace)
    submit(one, workspace)
    one.run(workspace=workspace, progress=False)
    collect(one, workspace)
    collect(one, workspace)
    submit(one, workspace)
    one.run(workspace=workspace, progress=False)
    assert (desk.count("create"), paid(desk), workspace.count_runs()) == (1, [1, 1, 1, 1], 4)
    assert workspace.count_records() == 4


def test_what_is_not_ready_is_not_waited_for(workspace, desk, step):
    desk.held = True
    one = sweep(step=step)
    submit(one, workspace)
    collect(one, workspace)
    assert one.counts() == {"submitted": 4}
    assert "4 submitted in batches: collect() fetches what is ready" in repr(one)
    collect(one, workspace, wait=0.2, poll=0.05)
    assert desk.count("look") > 3
    desk.held = False
    assert collect(one, workspace, wait=30, poll=0.05).counts() == {"done": 4}


def test_cells_are_split_into_batches_of_one_model(workspace, desk):
    step = STEP.replace(image_output_format=None)
    over = {"model": ["gpt-image-2", "gpt-image-2.5-flare"], "product": PRODUCTS}
    one = ig.Sweep(step, over=over)
    batches = submit(one, workspace, most_cells=3)
    assert sorted(len(batch.lines) for batch in desk.batches.values()) == [1, 1, 3, 3]
    assert len(batches) == 4
    assert collect(one, workspace).counts() == {"done": 8}


def test_a_batch_holds_no_more_than_its_provider_takes(workspace, desk, monkeypatch):
    monkeypatch.setattr("imagegen_nb.providers.openai_batches.OpenAIBatches.largest_file", 700)
    one = sweep()
    submit(one, workspace)
    assert len(desk.batches) == 2
    assert all(len(content) <= 700 for content in desk.files.values())


def test_several_images_of_a_cell_come_together(workspace, desk, step):
    one = sweep(["lamp", "vase"], step.replace(image_count=3))
    submit(one, workspace)
    assert collect(one, workspace).counts() == {"done": 2}
    assert [len(cell.assets) for cell in one] == [3, 3]
    assert sum(paid(desk)) == 6


def test_of_several_requests_one_may_fail(workspace, desk, emulator):
    one = sweep(["lamp", "vase"], STEPS["gemini"].replace(image_count=3))
    submit(one, workspace)
    emulator.script("gemini", Fault("ok"), Fault("moderation"), Fault("server_error"))
    collect(one, workspace)
    assert one.counts() == {"done": 1, "partial": 1}
    assert len(one[0].assets) == 1
    assert [short.count for short in one[0].run.shortfalls] == [1, 1]


def test_a_line_asks_what_a_run_asks(workspace, desk, emulator, step):
    sizes = {"gpt-image-2": "1536x1024", "gemini-nano-banana-2.1": "16:9"}
    rich = step.replace(image_size=sizes.get(step.model))
    one = sweep(["lamp"], rich)
    submit(one, workspace)
    one[0].step.run(one[0].inputs, workspace=workspace)
    assert next(iter(desk.batches.values())).lines[0].body == emulator.requests[-1].body


# What goes wrong costs only itself


@pytest.mark.parametrize(
    ("fault", "outcome", "charge", "said"),
    [
        (Fault("moderation", variant="prompt"), "failed", "none", ""),
        (Fault("rate_limit"), "failed", "none", ""),
        (Fault("bad_request"), "failed", "none", ""),
        (Fault("server_error"), "unknown", "unknown", ""),
        (Fault("truncated_image"), "unknown", "unknown", "image 1 was unusable"),
        (Fault("bad_base64"), "unknown", "unknown", "not valid base64"),
        (Fault("wrong_bytes"), "unknown", "unknown", "image 1 was unusable"),
        (Fault("empty"), "unknown", "unknown", ""),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_line_that_failed_ends_as_a_run_would_and_costs_only_itself(
    workspace, desk, emulator, provider, step, fault, outcome, charge, said
):
    one = sweep(step=step)
    submit(one, workspace)
    emulator.script(provider, Fault("ok"), fault)
    if (provider, fault.kind) == ("xai", "moderation"):
        outcome = charge = "unknown"  # what it costs stands in a usage that errors of a batch do not have
    collect(one, workspace)
    assert one.counts() == {"done": 3, outcome: 1}
    cell = one[1]
    assert (cell.outcome, cell.charge) == (outcome, charge)
    assert said in cell.error
    assert workspace.store.spending(emulated=True).reserved == 0
    if fault.kind == "rate_limit" or (provider, fault.kind) == ("xai", "moderation"):
        return  # a run would try again, or knows what it cost
    emulator.script(provider, fault)
    by_itself = ig.Sweep(step, over={"product": ["vase"]}).run(workspace=workspace, progress=False)[0]
    assert (by_itself.outcome, by_itself.charge) == (outcome, charge)
    assert without_code(by_itself.error) == without_code(cell.error)


def test_a_line_that_timed_out_may_have_been_charged(workspace, desk, emulator, provider):
    one = sweep(["lamp", "vase"], STEPS[provider])
    submit(one, workspace)
    emulator.script(provider, Fault("hang"))
    collect(one, workspace)
    assert one.counts() == {"unknown": 1, "done": 1}
    assert next(cell for cell in one if cell.outcome == "unknown").charge == "unknown"


def test_an_answer_of_status_0_is_a_fault(workspace, desk, monkeypatch):
    """As tidyverse/ellmer#830 has them of OpenAI, in some of a thousand lines."""
    from imagegen_nb.emulator.openai import batches

    answer = batches._answer

    def changed(number, *rest):
        made, nothing = answer(number, *rest), {"status_code": 0, "request_id": "", "body": {}}
        return made | ({"response": nothing, "error": None} if "vase" in str(rest) else {})

    monkeypatch.setattr(batches, "_answer", changed)
    one = sweep()
    submit(one, workspace)
    assert collect(one, workspace).counts() == {"done": 3, "unknown": 1}
    assert "HTTP 500" in one[1].error
    assert one[1].charge == "unknown"


def test_a_line_that_is_no_json_loses_nothing_else(workspace, desk, step):
    desk.line_that_is_no_json = True
    one = sweep(step=step)
    submit(one, workspace)
    assert collect(one, workspace).counts() == {"done": 4}


def test_a_request_without_an_answer_may_have_been_charged(workspace, desk, monkeypatch):
    one = sweep()
    submit(one, workspace)
    collect(one, workspace, wait=0)  # ends the batch
    other = sweep([*PRODUCTS, "pot"])
    submit(other, workspace)
    batch = list(desk.batches.values())[-1]
    batch.lines.pop()
    collect(other, workspace)
    lost = other.find(product="pot")[0]
    assert (lost.outcome, lost.charge) == ("unknown", "unknown")
    assert "has ended (completed) without an answer" in lost.error


def test_a_batch_that_was_refused_as_a_whole_costs_nothing(workspace, desk):
    one = sweep()
    submit(one, workspace)
    next(iter(desk.batches.values())).problem = "Line 1 is not valid JSON."
    collect(one, workspace)
    assert one.counts() == {"failed": 4}
    assert {cell.charge for cell in one} == {"none"}
    assert "the batch was failed before this request was carried out: Line 1 is not valid" in one[0].error
    assert workspace.store.spending(emulated=True) == Spending()
    submit(one, workspace)
    assert collect(one, workspace).counts() == {"done": 4}


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_what_was_not_carried_out_is_free_to_be_submitted_again(workspace, desk, ending):
    desk.ending, desk.carried_out = ending, 1
    one = sweep()
    submit(one, workspace)
    if ending == "cancelled":
        told = one.cancel_batches(workspace=workspace)
        assert "cancel" in repr(told)
    collect(one, workspace)
    assert one.counts() == {"done": 1, "failed": 3}
    assert {cell.charge for cell in one.failed} == {"none"}
    assert f"batch_{ending}" in one.failed[0].error
    desk.ending, desk.carried_out = "completed", None
    submit(one, workspace)
    collect(one, workspace)
    assert (one.counts(), paid(desk)) == ({"done": 4}, [1, 1, 1, 1])


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_a_batch_that_broke_off_and_names_no_file_may_have_made_images(workspace, desk, monkeypatch, ending):
    """What it has done is charged, and has an answer: also where OpenAI does not name the file of it yet."""
    desk.ending, desk.carried_out = ending, 1
    one = sweep()
    submit(one, workspace)
    if ending == "cancelled":
        one.cancel_batches(workspace=workspace)
    with monkeypatch.context() as patched:
        patched.setattr(openai_batches, "safe_name", lambda text: _without_files(text))
        collect(one, workspace)
    assert one.counts() == {"submitted": 4}
    assert f"it is {ending}, and no file of answers is named" in one.stopped[0]
    assert collect(one, workspace).counts() == {"done": 1, "failed": 3}


def _without_files(text):
    return None if str(text).startswith("file-") else safe_name(text)


def test_an_answer_that_is_missing_among_those_that_were_carried_out_may_have_been_charged(
    workspace, desk, monkeypatch
):
    desk.ending, desk.carried_out = "expired", 2
    one = sweep()
    submit(one, workspace)
    read, lost = openai_batches._read_line, []

    async def without_the_first(line, document, *others):
        if document.get("error") or lost:
            return None if document.get("error") else await read(line, document, *others)
        lost.append(document)
        return None

    monkeypatch.setattr(openai_batches, "_read_line", without_the_first)
    collect(one, workspace)
    assert one.counts() == {"done": 1, "unknown": 3}
    assert {cell.charge for cell in one if cell.outcome == "unknown"} == {"unknown"}


@pytest.mark.parametrize(
    "fault", [Fault("server_error"), Fault("drop"), Fault("html"), Fault("cut", sent=0.6)]
)
def test_a_file_that_cannot_be_fetched_is_fetched_by_the_next_call(workspace, desk, fault, step, provider):
    one = sweep(step=step)
    submit(one, workspace)
    by_pages = provider == "xai"
    desk.script("download", *[Fault("ok")] * (2 if by_pages else 0), fault)
    collect(one, workspace)
    came = one.counts().get("done", 0)
    assert came == (2 if by_pages or fault.kind == "cut" else 0)
    assert one.counts()["submitted"] == 4 - came
    assert f"{4 - came} cells could not be fetched" in one.stopped[0]
    assert "collecting again tries again" in repr(one)
    collect(one, workspace)
    assert (one.counts(), one.stopped, paid(desk)) == ({"done": 4}, (), [1, 1, 1, 1])
    assert workspace.count_records() == 4


def test_one_batch_that_cannot_be_fetched_does_not_keep_the_others(workspace, desk, step):
    one = sweep(step=step)
    submit(one, workspace, most_cells=2)
    desk.script("look", Fault("server_error"))
    collect(one, workspace)
    assert one.counts() == {"done": 2, "submitted": 2}


def test_what_cannot_be_had_for_good_can_be_given_up(workspace, desk):
    one = sweep()
    submit(one, workspace)
    desk.batches.clear()
    collect(one, workspace)
    assert one.counts() == {"submitted": 4}
    assert "No batch found" in one.stopped[0]
    collect(one, workspace, give_up=True)
    assert one.counts() == {"unknown": 4}
    assert submit(one, workspace).ids == ()
    submit(one, workspace, repeat="unknown")
    assert collect(one, workspace).counts() == {"done": 4}


# Before anything is sent


def test_a_budget_that_does_not_allow_all_refuses_all_and_keeps_nothing_reserved(workspace, desk, step):
    one = sweep(step=step)
    most = one.estimate(batch=True).high or one.estimate(batch=True).ceiling
    small = ig.Workspace(workspace.store, backend=workspace._emulator_url, budget=most - Decimal("0.0005"))
    with pytest.raises(BudgetExceeded, match="Nothing was sent"):
        submit(one, small)
    assert (desk.calls, one.counts()) == ([], {"waiting": 4})
    assert workspace.store.spending(emulated=True) == Spending()
    enough = ig.Workspace(
        workspace.store, backend=workspace._emulator_url, budget=f"{most + Decimal('0.0001'):.6f}"
    )
    submit(one, enough)
    assert collect(one, enough).counts() == {"done": 4}


def test_an_account_or_a_provider_without_batches_is_refused_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("GATEWAY_KEY", "sk-test")
    gateway = ig.Gateway("https://gateway.example/v1", "GATEWAY_KEY")
    hosted = ig.Workspace(tmp_path / "assets", hosted={"openai": gateway})
    with pytest.raises(InvalidOption, match=r"which alone takes batches"):
        submit(sweep(step=STEP.replace(charge_type="hosted")), hosted)
    assert hosted.count_runs() == 0


def test_a_provider_without_batches_is_refused_and_nothing_else_is_submitted(workspace, desk, monkeypatch):
    monkeypatch.setattr("imagegen_nb.providers.xai.XAI.batches", None)
    step = ig.ImageGenerationStep(prompt="x", image_quality=None)
    one = ig.Sweep(step, over={"model": ["gpt-image-2", "grok-imagine-image"]})
    with pytest.raises(InvalidOption, match=r"xAI is not supported in batches: leave .* only=\[cells\]"):
        submit(one, workspace)
    assert (desk.calls, workspace.count_runs()) == ([], 0)
    submit(one, workspace, only=[0])
    assert one.counts() == {"submitted": 1, "waiting": 1}


def test_a_file_that_its_provider_is_still_loading_is_waited_for(workspace, desk, monkeypatch):
    from imagegen_nb.emulator.xai import batches

    one = sweep(step=STEPS["xai"])
    submit(one, workspace)
    shown, counts = batches._shown, iter([0, 2])

    def loading(batch):
        told = shown(batch)
        if (total := next(counts, None)) is not None:
            told["state"] |= {"num_requests": total, "num_success": total, "num_pending": 0}
        return told

    monkeypatch.setattr(batches, "_shown", loading)
    for _ in range(2):
        collect(one, workspace)
        assert one.counts() == {"submitted": 4}
    assert collect(one, workspace).counts() == {"done": 4}


def test_addresses_in_the_place_of_images_are_told_while_they_last(workspace, desk):
    """xAI's end after an hour, and whoever reads the note may still fetch what was paid for."""
    one = sweep(["lamp"], STEPS["xai"])
    submit(one, workspace)
    del next(iter(desk.batches.values())).lines[0].body["response_format"]
    collect(one, workspace)
    assert one.counts() == {"unknown": 1}
    assert re.search(r"an image came as a URL .* http\S+", one[0].error)


@pytest.mark.parametrize(
    ("told", "charge", "said"),
    [
        ({"error": "Model is not supported for batch processing"}, "unknown", "Model is not supported"),
        ({"error": {"code": 3, "message": "bad prompt"}}, "none", "bad prompt"),
        ({"error": {"code": 8, "message": "too many"}}, "none", "too many"),
        ({}, "unknown", "neither a response nor an error"),
        ({"response": {"image_generation": None}}, "unknown", "neither a response nor an error"),
    ],
)
def test_what_xai_may_say_of_one_request(workspace, desk, monkeypatch, told, charge, said):
    from imagegen_nb.emulator.xai import batches

    result = batches._result

    def changed(line, response):
        made = result(line, response)
        return made | ({"batch_result": told, "error_message": None} if "vase" in str(line.body) else {})

    monkeypatch.setattr(batches, "_result", changed)
    one = sweep(step=STEPS["xai"])
    submit(one, workspace)
    collect(one, workspace)
    assert sum(cell.outcome == "done" for cell in one) == 3
    assert one[1].charge == charge
    assert said in one[1].error


def test_vertex_ai_is_refused_with_a_remedy(tmp_path):
    hosted = {"gemini": ig.VertexAI("my-project")}
    with ig.Workspace(tmp_path / "assets", backend="emulator", hosted=hosted) as workspace:
        with pytest.raises(InvalidOption, match=r"in a workspace without it, with a key of the Gemini API"):
            submit(sweep(step=STEPS["gemini"]), workspace)
        assert workspace.count_runs() == 0


def test_a_batch_that_names_no_file_stays_submitted(workspace, desk, monkeypatch):
    one = sweep(step=STEPS["gemini"])
    submit(one, workspace)
    from imagegen_nb.providers import gemini_batches

    with monkeypatch.context() as patched:
        patched.setattr(gemini_batches, "_file", lambda output: None)
        patched.setattr(gemini_batches, "redacted", lambda connection, text: "Internal error")
        collect(one, workspace)
    assert one.counts() == {"submitted": 4}
    assert "no file of answers is named: Internal error" in one.stopped[0]
    assert collect(one, workspace).counts() == {"done": 4}


def test_a_file_that_is_named_late_is_waited_for_but_not_for_ever(workspace, desk, monkeypatch):
    """As tidyverse/ellmer#926 found of Google's."""
    one = sweep(step=STEPS["gemini"])
    submit(one, workspace)
    from imagegen_nb.providers import gemini_batches

    file, looks, late = gemini_batches._file, [], 100

    def named(output):
        looks.append(output)  # in two places at each look
        return file(output) if len(looks) > late else None

    monkeypatch.setattr(gemini_batches, "_file", named)
    collect(one, workspace, wait=60, poll=0.01)
    assert one.counts() == {"submitted": 4}
    assert "no file of answers is named" in one.stopped[0]
    late = len(looks) + 4
    assert collect(one, workspace, wait=60, poll=0.01).counts() == {"done": 4}


@pytest.mark.parametrize(
    ("options", "said"),
    [({"most_cells": 0}, "most_cells = 0"), ({"only": "all"}, "only = 'all'")],
)
def test_options_are_checked_first(workspace, desk, options, said):
    with pytest.raises(InvalidOption, match=said):
        submit(sweep(), workspace, **options)
    assert desk.calls == []


@pytest.mark.parametrize("options", [{"wait": -1}, {"wait": "long"}, {"poll": 0}])
def test_how_long_to_wait_is_checked_first(workspace, options):
    with pytest.raises(InvalidOption, match="give seconds"):
        collect(sweep(), workspace, **options)


# What was refused, and what got lost on the way


@pytest.mark.parametrize("call", ["upload", "create"])
@pytest.mark.parametrize("fault", [Fault("auth"), Fault("quota"), Fault("bad_request")])
def test_a_refusal_costs_nothing_and_is_told(workspace, desk, call, fault, step):
    desk.script(call, fault)
    one = sweep(step=step)
    batches = submit(one, workspace, most_cells=2)
    assert len(batches) == 0
    assert one.counts() == {"failed": 2, "waiting": 2}
    assert workspace.store.spending(emulated=True) == Spending()
    assert one.stopped[0] in repr(batches)
    submit(one, workspace)
    assert collect(one, workspace).counts() == {"done": 4}


@pytest.mark.parametrize("fault", [Fault("drop"), Fault("server_error"), Fault("html")])
def test_a_batch_whose_answer_got_lost_is_found_again(workspace, desk, fault, monkeypatch, step):
    monkeypatch.setattr(batch_submission, "SETTLED", 0.0)
    desk.script("create", fault)
    one = sweep(step=step)
    submit(one, workspace)
    assert one.counts() == ({"submitted": 4} if fault.kind == "drop" else {"unknown": 4})
    submit(one, workspace)
    assert len(desk.batches) == 1
    collect(one, workspace)
    assert (one.counts(), paid(desk)) == ({"done": 4}, [1, 1, 1, 1])


def test_a_batch_that_was_made_and_cannot_be_looked_for_is_adopted_later(workspace, desk, step):
    desk.script("create", Fault("drop"))
    desk.script("list", Fault("server_error"))
    one = sweep(step=step)
    submit(one, workspace)
    assert one.counts() == {"unknown": 4}
    assert "find out" in one[0].error
    collect(one, workspace)
    assert (one.counts(), paid(desk)) == ({"done": 4}, [1, 1, 1, 1])


def test_an_answer_that_never_comes_is_looked_for(workspace, desk):
    desk.script("create", Fault("hang"))
    impatient = ig.Workspace(workspace.store, backend=workspace._emulator_url, timeout=1)
    one = sweep()
    submit(one, impatient)
    assert (one.counts(), len(desk.batches)) == ({"submitted": 4}, 1)


def test_too_many_requests_are_made_again(workspace, desk):
    desk.script("create", Fault("rate_limit", retry_after_ms="10"))
    one = sweep()
    submit(one, workspace)
    assert (one.counts(), len(desk.batches), desk.count("create")) == ({"submitted": 4}, 1, 2)


@pytest.mark.parametrize("when", ["before", "after"])
def test_interrupted_while_a_batch_is_made_nothing_is_paid_for_twice(workspace, desk, monkeypatch, when):
    monkeypatch.setattr(batch_submission, "SETTLED", 0.1)
    create = OpenAIBatches.create

    async def interrupted(*given):
        if when == "after":
            await create(*given)
        raise asyncio.CancelledError

    one = sweep()
    with monkeypatch.context() as patched:
        patched.setattr(OpenAIBatches, "create", interrupted)
        with pytest.raises((asyncio.CancelledError, concurrent.futures.CancelledError)):
            submit(one, workspace, most_cells=2)
    one.load(workspace=workspace)
    assert one.counts() == {"unknown": 2, "waiting": 2}
    submit(one, workspace)
    collect(one, workspace)
    assert (one.counts(), paid(desk)) == ({"done": 4}, [1, 1, 1, 1])


def test_a_process_that_stood_still_leaves_its_cells_to_those_who_took_over(workspace, desk, monkeypatch):
    upload = OpenAIBatches.upload

    async def sleeps(*given):
        for entry in workspace.runs():
            workspace.store.finish(replace(entry, state="interrupted"), [])
        return await upload(*given)

    one = sweep()
    with monkeypatch.context() as patched:
        patched.setattr(OpenAIBatches, "upload", sleeps)
        submit(one, workspace)
    assert (desk.count("create"), one.counts()) == (0, {"unknown": 4})
    assert "others took over" in one.stopped[0]


# Several at once


def test_kernels_that_submit_at_once_submit_each_cell_once(workspace, desk):
    start, submitted = threading.Barrier(4), []

    def go():
        one = sweep()
        one.load(workspace=workspace)
        start.wait()
        submit(one, workspace)
        submitted.append(one.counts())

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(submitted) == 4
    assert sum(len(batch.lines) for batch in desk.batches.values()) == 4
    one = sweep()
    collect(one, workspace)
    assert (one.counts(), paid(desk)) == ({"done": 4}, [1, 1, 1, 1])


def test_kernels_that_collect_at_once_keep_each_image_once(workspace, desk):
    submit(sweep(), workspace)
    ended = []

    def go():
        ended.append(collect(sweep(), workspace).counts())

    threads = [threading.Thread(target=go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ended == [{"done": 4}] * 3
    assert (workspace.count_records(), workspace.count_runs()) == (4, 4)


def test_a_store_by_url_keeps_what_was_submitted(emulator, desk):
    url = f"memory:///{uuid.uuid4().hex}"
    with ig.Workspace(url, backend=emulator.url, budget="1 USD") as workspace:
        one = sweep()
        submit(one, workspace)
        assert workspace.store.spending(emulated=True).reserved > 0
        with ig.Workspace(url, backend=emulator.url) as again:
            assert collect(sweep(), again).counts() == {"done": 4}
        assert one.load(workspace=workspace).counts() == {"done": 4}
        assert workspace.store.spending(emulated=True).reserved == 0


def test_a_cassette_and_a_batch_do_not_go_together(workspace, desk, emulator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = pytest.raises(InvalidOption, match="a cassette is in use")
    with ig.replay.use("night", "all", against=emulator.url), refused:
        submit(sweep(), workspace)
    assert (desk.calls, workspace.count_runs()) == ([], 0)


def test_images_that_were_cleaned_away_meanwhile_are_fetched_again(workspace, desk, monkeypatch):
    one = sweep()
    submit(one, workspace)
    finish = LocalStore.finish_submitted

    def cleaned(store, run, assets):
        for asset in assets:
            store.paths.blob(asset.sha256, asset.file_type).unlink()
        return finish(store, run, assets)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "finish_submitted", cleaned)
        with pytest.raises(StoreError, match="the bytes of its images were removed"):
            collect(one, workspace)
    assert one.counts() == {"submitted": 4}
    assert collect(one, workspace).counts() == {"done": 4}


# Killed in between, in real processes

_PROGRAM = textwrap.dedent("""
    import os, signal, sys
    import imagegen_nb as ig
    from imagegen_nb.runs import batch_calls
    from imagegen_nb.sweeps import batch_submission
    from imagegen_nb.store.local import LocalStore

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    folder, url, model, where = sys.argv[1:]
    from imagegen_nb.providers.catalog import find
    Batches = type(find(model).provider.batches)
    if where == "begin":
        begin, seen = LocalStore.begin, []
        def once(self, *given):
            begin(self, *given)
            seen.append(1)
            if len(seen) == 3:
                die()
        LocalStore.begin = once
    elif where in ("upload", "create"):
        setattr(Batches, where, die)
    elif where == "created":
        batch_submission._hand_over = die
    elif where == "handed over":
        hand_over = LocalStore.hand_over
        LocalStore.hand_over = lambda *given: (hand_over(*given), die())
    elif where == "answers":
        from imagegen_nb.runs.batch_runs import Intake
        take, taken = Intake.take, []
        async def some(self, answer):
            await take(self, answer)
            taken.append(1)
            if len(taken) == 2:
                die()
        Intake.take = some
    elif where == "finish":
        finish = LocalStore._write
        def cut(self, tables, name, assets, run):
            finish(self, tables, name, assets, run)
            if run is not None and run.state == "done":
                die()
        LocalStore._write = cut
    settings = {"image_size": "1024x640", "image_quality": "low", "image_output_format": "jpeg"}
    settings = settings if model == "gpt-image-2" else {}
    step = ig.ImageGenerationStep(prompt="A {{product}}", model=model, **settings)
    one = ig.Sweep(step, over={"inputs.product": ["lamp", "vase", "rug", "cup"]})
    workspace = ig.Workspace(folder, backend=url)
    one.submit(workspace=workspace, progress=False)
    one.collect(workspace=workspace, progress=False)
    print(one.counts())
""")


_PLACES = ["begin", "upload", "create", "created", "handed over", "answers", "finish"]
_MADE = _PLACES[3:]


@pytest.mark.parametrize(
    ("model", "where"),
    [("gpt-image-2", where) for where in _PLACES]
    + [("gemini-nano-banana-2.1", where) for where in ("create", "created", "answers")]
    + [("grok-imagine-image", where) for where in ("create", "created", "answers")],
)
def test_killed_anywhere_nothing_is_paid_for_twice(tmp_path, emulator, desk, model, where, monkeypatch):
    monkeypatch.setattr(batch_submission, "SETTLED", 0.2)
    monkeypatch.setattr(batch_submission, "_LOOK_AGAIN", 0.05)
    folder = tmp_path / "assets"
    killed = other_process(_PROGRAM, folder, emulator.url, model, where)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(desk.batches) == (1 if where in _MADE else 0)
    with ig.Workspace(folder, backend=emulator.url) as workspace:
        one = sweep(step=next(step for step in STEPS.values() if step.model == model))
        submit(one, workspace)
        assert len(desk.batches) == 1
        collect(one, workspace)
        assert (one.counts(), paid(desk)) == ({"done": 4}, [1, 1, 1, 1])
        assert workspace.count_records() == 4
        assert workspace.store.spending(emulated=True).reserved == 0


def test_the_program_ends_well_where_nobody_kills_it(tmp_path, emulator):
    told = run_program(_PROGRAM, tmp_path / "assets", emulator.url, "gpt-image-2", "nowhere")
    assert told.strip() == "{'done': 4}"


# Large


@pytest.mark.parametrize("step", [STEP.replace(image_output_format="png"), STEPS["xai"]])
def test_the_answers_of_a_batch_are_not_held_in_memory(workspace, desk, monkeypatch, step):
    file = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise((1024, 640), 90) for _ in "RGB"]).save(file, "png")
    monkeypatch.setattr("imagegen_nb.emulator.handler.render", lambda drawing: file.getvalue())
    one = ig.Sweep(step, over={"inputs.product": ["lamp"]}, repeats=60)
    submit(one, workspace)
    tracemalloc.start()
    try:
        collect(one, workspace)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert one.counts() == {"done": 60}
    sent = sum(cell.assets[0].file_size for cell in one)
    assert sent > 60_000_000
    assert peak < sent / 3


def test_a_full_disk_leaves_the_cells_submitted(workspace, desk, monkeypatch):
    one = sweep()
    submit(one, workspace)

    def full(*_):
        raise StoreError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(type(workspace.store), "finish_submitted", full)
        with pytest.raises(StoreError, match="the disk is full"):
            collect(one, workspace)
    assert one.counts() == {"submitted": 4}
    assert collect(one, workspace).counts() == {"done": 4}


def test_no_key_stands_in_what_the_ledger_or_the_provider_is_told(workspace, desk, monkeypatch):
    monkeypatch.setenv("OTHER_SERVICE_TOKEN", "a1B2" * 12)
    one = ig.Sweep(STEP, over={"inputs.product": ["a lamp with " + "a1B2" * 12]})
    submit(one, workspace)
    entry = workspace.runs()[0]
    assert "a1B2a1B2" not in f"{entry}"
    assert set(next(iter(desk.batches.values())).name) <= set('{"imagegen_nb_batch": abcdef0123456789}')
