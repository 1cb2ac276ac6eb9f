"""What every provider and every declared model must do, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from support.contract import (
    CASES,
    COUNT,
    FOX,
    Case,
    check_events,
    check_marked,
    check_output,
    check_stored,
    check_told,
)

from imagegen_nb import ImageGenerationStep
from imagegen_nb.emulator.state import fingerprint
from imagegen_nb.providers import catalog
from imagegen_nb.providers.credentials import PLACEHOLDER

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

PATHS = {
    "openai": "/openai/v1/images/generations",
    "xai": "/xai/v1/images/generations",
    "gemini": "/gemini/v1beta/models/{model}:generateContent",
}


each_model = pytest.mark.parametrize("model", CASES)


def step_for(model: str, **changes: Any) -> ImageGenerationStep:
    return CASES[model].step(**changes)


def test_every_declared_model_is_held_to_the_contract():
    assert {entry.model.name for entry in catalog.models()} == set(CASES)


@each_model
def test_output_has_the_images_and_the_platforms_keys(workspace, model):
    check_output(step_for(model).run(FOX, workspace=workspace), CASES[model])


@each_model
def test_run_tells_usage_ids_and_who_answered(workspace, model):
    check_told(step_for(model).run(FOX, workspace=workspace), CASES[model])


@each_model
def test_everything_is_marked_as_emulated(workspace, model):
    check_marked(step_for(model).run(FOX, workspace=workspace), workspace)


@each_model
def test_store_has_a_record_for_each_image(workspace, model):
    check_stored(step_for(model).run(FOX, workspace=workspace), CASES[model], workspace)


@each_model
def test_requests_go_where_they_should_with_what_was_asked(workspace, emulator, model):
    case = CASES[model]
    step_for(model).run(FOX, workspace=workspace)
    requests = emulator.requests
    assert len(requests) == case.calls
    for request in requests:
        assert request.method == "POST"
        assert request.path == PATHS[case.provider].format(model=model)
        assert request.body == sent_body(model, case)
        assert request.headers["accept-encoding"] == "identity"


def sent_body(model: str, case: Case) -> dict[str, Any]:
    match case.provider:
        case "openai":
            return {
                "model": model,
                "prompt": "a fox",
                "n": COUNT,
                "size": "1536x1024",
                "quality": case.settings["image_quality"],
                "background": "opaque",
                "moderation": "low",
                "output_format": "webp",
                "output_compression": 80,
            }
        case "xai":
            return {"model": model, "prompt": "a fox", "n": COUNT, "response_format": "b64_json"}
        case _:
            return {
                "contents": [{"role": "user", "parts": [{"text": "a fox"}]}],
                "generationConfig": {
                    "responseModalities": ["IMAGE"],
                    "imageConfig": {"aspectRatio": "16:9"},
                },
            }


@each_model
async def test_arun_works_in_the_callers_loop(workspace, model):
    run = await step_for(model).arun(FOX, workspace=workspace)
    assert (run.status, run.returned) == ("done", COUNT)


@each_model
def test_events_come_in_order(workspace, model):
    events = []
    run = step_for(model).run(FOX, workspace=workspace, on_event=events.append)
    check_events(events, run, CASES[model])


@each_model
@pytest.mark.parametrize("count", [1, 10])
def test_smallest_and_largest_count(workspace, model, count):
    small = {"image_size": "1024x1024", "image_output_format": "jpeg"} if model.startswith("gpt") else {}
    run = step_for(model, image_count=count, **small).run(FOX, workspace=workspace)
    assert run.returned == len(run.output.assets) == count
    assert [asset.file_name.rpartition("-")[2].partition(".")[0] for asset in run.output.assets] == [
        str(number) for number in range(1, count + 1)
    ]


@each_model
def test_a_later_prompt_can_use_the_run(workspace, model):
    first = step_for(model).run(FOX, workspace=workspace)
    later = step_for(
        model, prompt="like {{step_1.output.assets.1.file_name}}, {{step_1.output.settings.model}}"
    )
    run = later.run({"step_1": first}, workspace=workspace)
    assert run.prompt == f"like a-fox-2.{'webp' if model.startswith('gpt') else 'png'}, {model}"


def test_unset_settings_are_left_to_the_provider_and_told_as_it_resolved_them(workspace, emulator):
    run = ImageGenerationStep(prompt="a fox", image_size="auto", image_quality="auto").run(
        workspace=workspace
    )
    assert emulator.requests[0].body == {
        "model": "gpt-image-2",
        "prompt": "a fox",
        "n": 1,
        "size": "auto",
        "quality": "auto",
    }
    assert run.output.settings.model_dump() == {
        "model": "gpt-image-2",
        "image_size": "1024x1024",
        "image_quality": "high",
        "image_background": "opaque",
        "image_output_format": "png",
        "image_output_compression": None,
    }


def test_gemini_ratio_is_told_where_it_was_left_out(workspace, emulator):
    run = ImageGenerationStep(prompt="a fox", model="gemini-nano-banana-2.1").run(workspace=workspace)
    assert "imageConfig" not in emulator.requests[0].body["generationConfig"]
    assert run.output.settings.model_dump() == {"model": "gemini-nano-banana-2.1", "image_size": "1:1"}


@each_model
def test_no_real_key_reaches_the_emulator(workspace, emulator, monkeypatch, model):
    for name in ("OPENAI_API_KEY", "XAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, "sk-canary-0123456789abcdef0123456789")
    step_for(model, image_count=1).run(FOX, workspace=workspace)
    (request,) = emulator.requests
    sent = {request.headers.get(name) for name in ("authorization", "x-goog-api-key")} - {None}
    assert sent <= {fingerprint(PLACEHOLDER), fingerprint(f"Bearer {PLACEHOLDER}")}
    assert len(sent) == 1
