"""What every provider and every declared model must do, over real HTTP."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import pytest

from imagegen_nb import ImageGenerationStep, catalog
from imagegen_nb.credentials import PLACEHOLDER
from imagegen_nb.emulator.log import fingerprint

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

COUNT = 2
PATHS = {
    "openai": "/openai/v1/images/generations",
    "xai": "/xai/v1/images/generations",
    "gemini": "/gemini/v1beta/models/{model}:generateContent",
}


@dataclass(frozen=True)
class Case:
    """Settings given, and what must come of them. `usage` is for two images."""

    provider: str
    settings: dict[str, Any]
    size: tuple[int, int]
    file_type: str
    usage: dict[str, Any]
    given: dict[str, Any] = field(default_factory=dict)
    answered_by: str | None = None


RICH = {
    "image_size": "1536x1024",
    "image_quality": "low",
    "image_background": "opaque",
    "image_output_format": "webp",
    "image_output_compression": 80,
}


def gpt(tokens: int, quality: str = "low") -> Case:
    settings = {**RICH, "image_quality": quality}
    return Case(
        "openai",
        settings,
        (1536, 1024),
        "image/webp",
        {
            "input_tokens": {"text": 2, "image": 0},
            "output_tokens": {"image": 2 * tokens, "text": 0},
            "total_tokens": 2 + 2 * tokens,
        },
        {**settings, "image_moderation": "low"},
    )


def grok(cents: int, answered_by: str | None = None) -> Case:
    settings = {"provider": "xai", "image_count": COUNT}
    usage = {"cost_in_usd_ticks": COUNT * cents * 100_000_000}
    return Case("xai", settings, (1024, 1024), "image/png", usage, answered_by=answered_by)


def flash(size: tuple[int, int], tokens: int) -> Case:
    usage = {
        "input_tokens": {"text": 4},
        "output_tokens": {"image": 2 * tokens},
        "total_tokens": 4 + 2 * tokens,
    }
    wide = {"image_size": "16:9"}
    return Case("gemini", wide, size, "image/png", usage, wide)


CASES = {
    "gpt-image-2": gpt(158),
    "gpt-image-2.5-flare": gpt(158),
    "gpt-image-2.5-sunburst": gpt(5488, "max"),
    "grok-imagine-image": grok(2),
    "grok-imagine-image-quality": grok(4, answered_by="grok-imagine-image-2.0"),
    "grok-imagine-image-2.0": grok(4),
    "gemini-2.5-flash-image": flash((1344, 768), 1290),
    "gemini-3.1-flash-image": flash((1376, 768), 1120),
}
each_model = pytest.mark.parametrize("model", CASES)


def step_for(model: str, **changes: Any) -> ImageGenerationStep:
    settings = {"model": model, "prompt": "a {{what}}", "image_count": COUNT, **CASES[model].given}
    return ImageGenerationStep(**(settings | changes))


FOX = {"what": "fox"}


def test_every_declared_model_is_held_to_the_contract():
    assert {entry.model.name for entry in catalog.models()} == set(CASES)


@each_model
def test_output_has_the_images_and_the_platforms_keys(workspace, model):
    case = CASES[model]
    run = step_for(model).run(FOX, workspace=workspace)
    assert (run.status, run.requested, run.returned, run.blocked) == ("done", COUNT, COUNT, 0)
    assert run.error is None
    assert run.shortfalls == ()
    assert run.output.model_dump()["settings"] == {"model": model, **case.settings}
    assert list(run.output.model_dump()) == ["settings", "assets"]
    for asset in run.output.assets:
        assert asset.file_type == case.file_type
        picture = asset.image()
        assert f"image/{picture.format.lower()}" == case.file_type
        assert picture.size == case.size


@each_model
def test_run_tells_usage_ids_and_who_answered(workspace, model):
    case = CASES[model]
    run = step_for(model).run(FOX, workspace=workspace)
    calls = COUNT if case.provider == "gemini" else 1
    assert run.usage.as_dict() == case.usage
    assert len(set(run.request_ids)) == len(run.receipts) == calls
    assert all("emulated" in request_id for request_id in run.request_ids)
    assert run.answered_by == (case.answered_by or model)
    assert any("answered by" in warning for warning in run.warnings) == (case.answered_by is not None)
    assert (run.prompt, run.inputs) == ("a fox", FOX)
    assert run.duration > 0


@each_model
def test_everything_is_marked_as_emulated(workspace, model):
    run = step_for(model).run(FOX, workspace=workspace)
    assert run.emulated
    assert run.backend == "emulator"
    assert run.paid_by == "nobody (emulator)"
    assert "EMULATED" in repr(run)
    assert "EMULATED" in run._repr_html_()
    assert all(record.emulated for record in workspace.records(run.id))


@each_model
def test_store_has_a_record_for_each_image(workspace, model):
    run = step_for(model).run(FOX, workspace=workspace)
    records = list(workspace.records(run.id))
    assert len(records) == COUNT
    for record, asset in zip(records, run.output.assets, strict=True):
        data = asset.bytes()
        assert record == asset.stored
        assert (record.id, record.file_size) == (asset.id, len(data))
        assert record.sha256 == hashlib.sha256(data).hexdigest()
        assert (record.width, record.height) == CASES[model].size
    assert workspace.store.used == sum(record.file_size for record in records)


@each_model
def test_requests_go_where_they_should_with_what_was_asked(workspace, emulator, model):
    case = CASES[model]
    step_for(model).run(FOX, workspace=workspace)
    requests = emulator.requests
    assert len(requests) == (COUNT if case.provider == "gemini" else 1)
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
    assert [event.kind for event in events] == ["queued", "started", "image", "image", "done"]
    assert {(event.run_id, event.requested) for event in events} == {(run.id, COUNT)}
    images = events[2:4]
    assert sorted(event.index for event in images) == [0, 1]
    for event in images:
        stored = run.output.assets[event.index].stored
        assert (event.image.width, event.image.height, event.image.media_type) == (
            stored.width,
            stored.height,
            stored.file_type,
        )
        assert hashlib.sha256(event.image.data).hexdigest() == stored.sha256
    assert events[-1].run is run


@each_model
def test_the_images_of_a_run_differ(workspace, model):
    run = step_for(model).run(FOX, workspace=workspace)
    assert len({asset.stored.sha256 for asset in run.output.assets}) == COUNT


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
    run = ImageGenerationStep(prompt="a fox", model="gemini-3.1-flash-image").run(workspace=workspace)
    assert "imageConfig" not in emulator.requests[0].body["generationConfig"]
    assert run.output.settings.model_dump() == {"model": "gemini-3.1-flash-image", "image_size": "1:1"}


@each_model
def test_no_real_key_reaches_the_emulator(workspace, emulator, monkeypatch, model):
    for name in ("OPENAI_API_KEY", "XAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, "sk-canary-0123456789abcdef0123456789")
    step_for(model, image_count=1).run(FOX, workspace=workspace)
    (request,) = emulator.requests
    sent = {request.headers.get(name) for name in ("authorization", "x-goog-api-key")} - {None}
    assert sent <= {fingerprint(PLACEHOLDER), fingerprint(f"Bearer {PLACEHOLDER}")}
    assert len(sent) == 1
