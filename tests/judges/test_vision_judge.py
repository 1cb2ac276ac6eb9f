"""The ready judge, from an image to a score: on the emulator, and on servers that answer as none should."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import asdict
from decimal import Decimal

import pytest
from PIL import Image

from imagegen_nb import AzureOpenAI, Gateway, ImageGenerationStep, VertexAI, Workspace
from imagegen_nb.core.images import CheckedImage
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import (
    AssetNotFound,
    AuthenticationFailed,
    BudgetExceeded,
    ImageRejected,
    InvalidOption,
    InvalidResponse,
    MissingCredential,
    ModelLifecycleWarning,
    ModerationBlocked,
    ProviderError,
    ProviderFault,
    QuotaExhausted,
)
from imagegen_nb.judges import VisionJudge
from imagegen_nb.providers import Lifecycle, Model, Provider, catalog
from imagegen_nb.step.output import Asset

MODELS = {"openai": "gpt-5.4-mini", "xai": "grok-4.6", "gemini": "gemini-3-flash-preview"}
RUBRIC = "Is the lamp whole, and is its shade blue?"

each_provider = pytest.mark.parametrize("provider", MODELS)


@pytest.fixture
def image(workspace):
    return stored(workspace, picture(200))


def picture(shade: int, size: tuple[int, int] = (320, 240)) -> bytes:
    made = Image.new("RGB", size, (shade, 40, 40))
    made.paste((250, 250, 250), (0, 0, size[0] // 2, size[1] // 3))
    buffer = io.BytesIO()
    made.save(buffer, "PNG")
    return buffer.getvalue()


def stored(workspace: Workspace, data: bytes) -> Asset:
    """An image in the workspace's store."""
    checked = CheckedImage(data, "image/png", 320, 240, has_alpha=False)
    record = workspace.store.stage(checked, run_id="r1", emulated=True)
    (kept,) = workspace.store.put([record])
    return Asset.of(kept, workspace.store)


def judge_of(provider: str, workspace: Workspace, **options: object) -> VisionJudge:
    return VisionJudge(MODELS[provider], rubric=RUBRIC, workspace=workspace, **options)


def asked(judge: VisionJudge, image: Asset) -> dict[str, object]:
    return asyncio.run(judge(image))


@each_provider
def test_a_picture_gets_a_score_with_a_reason(workspace, emulator, image, provider):
    said = asked(judge_of(provider, workspace), image)
    assert set(said) == {"score", "reason"}
    assert 0 < said["score"] < 10
    assert "EMULATED" in said["reason"]
    (request,) = emulator.requests
    assert (request.provider, request.model) == (provider, MODELS[provider])


@each_provider
def test_the_score_is_the_pictures_own(workspace, provider):
    judge = judge_of(provider, workspace)
    scores = [asked(judge, stored(workspace, picture(shade)))["score"] for shade in (0, 120, 250, 0)]
    assert len(set(scores)) == 3
    assert scores[0] == scores[3]


@each_provider
def test_the_scale_holds(workspace, image, provider):
    wide = judge_of(provider, workspace, scale=(-50, 50))
    narrow = judge_of(provider, workspace, scale=(0, 1))
    assert 0 < asked(narrow, image)["score"] < 1
    assert asked(wide, image)["score"] == pytest.approx(asked(narrow, image)["score"] * 100 - 50, abs=1)


@each_provider
def test_a_verdict_says_what_it_cost(workspace, image, provider):
    verdict = asyncio.run(judge_of(provider, workspace).judge(image))
    assert verdict.cost.amount is not None, verdict.cost.reasons
    assert verdict.cost.amount > 0
    assert verdict.emulated
    assert verdict.model == MODELS[provider]
    (entry,) = workspace.runs()
    assert (entry.count, entry.estimate, entry.state, entry.emulated) == (0, 0, "done", True)
    assert 0 < entry.cost_ticks <= entry.ceiling_ticks
    assert Decimal(entry.cost_ticks) / 10**10 == verdict.cost.amount


@each_provider
def test_a_large_image_is_sent_small(workspace, emulator, provider):
    large = stored(workspace, picture(90, (3000, 1500)))
    said = asked(judge_of(provider, workspace, longest_edge=512), large)
    assert "512 x 256" in said["reason"]


def test_a_judge_is_called_by_its_name_for_as_long_as_it_is_the_same(workspace):
    judge = judge_of("openai", workspace)
    assert judge.name.startswith("gpt-5.4-mini-")
    assert judge.name.endswith("-emulated")
    assert judge.name == judge_of("openai", workspace, most_tokens=2048).name
    others = [
        VisionJudge("gpt-5.4-mini", rubric="Another", workspace=workspace),
        VisionJudge("gpt-5.5", rubric=RUBRIC, workspace=workspace),
        judge_of("openai", workspace, scale=(0, 5)),
        judge_of("openai", workspace, longest_edge=512),
        judge_of("openai", Workspace(workspace.store)),
    ]
    assert len({judge.name, *(other.name for other in others)}) == 6


@each_provider
def test_a_refusal_is_an_error_that_names_the_image_and_is_paid_for(workspace, emulator, image, provider):
    emulator.script(provider, Fault("moderation"))
    with pytest.raises(ModerationBlocked, match=image.file_name) as caught:
        asked(judge_of(provider, workspace), image)
    assert caught.value.charge == "charged"
    (entry,) = workspace.runs()
    assert (entry.state, entry.charge) == ("failed", "charged")
    assert entry.cost_ticks > 0


@each_provider
@pytest.mark.parametrize("variant", ["null", "list", "object"])
def test_an_empty_answer_is_an_error(workspace, emulator, image, provider, variant):
    emulator.script(provider, Fault("empty", variant=variant))
    with pytest.raises(InvalidResponse, match="without any text"):
        asked(judge_of(provider, workspace), image)


@each_provider
def test_an_answer_that_is_no_json_is_an_error(workspace, emulator, image, provider):
    emulator.script(provider, Fault("text_only"))
    with pytest.raises(InvalidResponse, match=rf"no verdict on image .*{image.id}.*not the JSON"):
        asked(judge_of(provider, workspace), image)


@each_provider
def test_an_answer_that_was_cut_off_says_what_to_allow(workspace, image, provider):
    with pytest.raises(InvalidResponse, match=r"cut off at 64 tokens.*most_tokens="):
        asked(judge_of(provider, workspace, most_tokens=64), image)


FAULTS = [
    (Fault("server_error"), ProviderFault, "unknown"),
    (Fault("quota"), QuotaExhausted, "none"),
    (Fault("auth"), AuthenticationFailed, "none"),
    (Fault("drop"), ProviderFault, "unknown"),
    (Fault("html"), InvalidResponse, "unknown"),
    (Fault("json_list"), InvalidResponse, "unknown"),
    (Fault("truncated_json"), InvalidResponse, "unknown"),
    (Fault("redirect"), ProviderFault, "none"),
    (Fault("huge"), InvalidResponse, "unknown"),
    (Fault("echo_key"), AuthenticationFailed, "none"),
]


@each_provider
@pytest.mark.parametrize(("fault", "kind", "charge"), FAULTS, ids=lambda value: getattr(value, "kind", ""))
def test_a_failure_is_never_a_score(workspace, emulator, image, provider, fault, kind, charge):
    emulator.script(provider, fault)
    with pytest.raises(kind, match=image.id) as caught:
        asked(judge_of(provider, workspace), image)
    assert caught.value.charge in (charge, "charged")
    assert caught.value.__context__ is None
    (entry,) = workspace.runs()
    assert entry.state == "failed"
    assert "instead of images" not in str(caught.value)


@each_provider
def test_a_rate_limit_is_waited_out(workspace, emulator, image, provider):
    emulator.script(provider, Fault("rate_limit", retry_after="0.01"))
    assert asked(judge_of(provider, workspace), image)["score"] > 0
    assert len(emulator.requests) == 2


def test_an_image_without_its_bytes_is_named_before_anything_is_asked(workspace, emulator, image):
    imported = Asset(**image.model_dump())
    with pytest.raises(AssetNotFound, match=rf"{image.file_name}.*cannot be judged.*Nothing was asked"):
        asked(judge_of("openai", workspace), imported)
    assert emulator.requests == ()
    assert list(workspace.runs()) == []


def test_a_damaged_image_is_named_before_anything_is_asked(workspace, emulator):
    broken = stored(workspace, picture(30)[:-200])
    with pytest.raises(ImageRejected, match=rf"{broken.file_name}.*Nothing was asked.*store check"):
        asked(judge_of("openai", workspace), broken)
    assert emulator.requests == ()


def test_without_a_key_nothing_is_asked_and_nothing_is_entered(tmp_path, workspace, image):
    judge = judge_of("openai", Workspace(tmp_path / "other"))
    with pytest.raises(MissingCredential):
        asked(judge, image)
    assert list(judge.workspace.runs()) == []


def test_a_budget_holds_for_judges(emulator, tmp_path, workspace, image):
    tight = Workspace(tmp_path / "tight", backend=emulator.url, budget="0.0001 USD")
    with pytest.raises(
        BudgetExceeded, match=r"^budget = .*this question can .*cheaper model, or raise budget"
    ):
        asked(judge_of("openai", tight), image)
    assert emulator.requests == ()
    assert list(tight.runs()) == []
    enough = Workspace(tmp_path / "enough", backend=emulator.url, budget="0.0205 USD")
    judge = judge_of("openai", enough)
    assert asked(judge, image)["score"] > 0

    def go_on() -> None:
        for _ in range(4):
            asked(judge, image)

    with pytest.raises(BudgetExceeded, match="is spent"):
        go_on()


def test_under_a_budget_a_model_that_nothing_bounds_is_refused(emulator, tmp_path, image):
    bound = Workspace(tmp_path / "bound", backend=emulator.url, budget="100 USD", run_budget="2 USD")
    judge = VisionJudge("gpt-9", rubric=RUBRIC, workspace=bound, provider="openai")
    named = r"^run_budget = \$2\.00, budget = \$100\.00: .*a question to gpt-9 .*no price of gpt-9"
    with pytest.raises(BudgetExceeded, match=named):
        asked(judge, image)


def test_judges_and_runs_share_a_budget(emulator, tmp_path, image):
    shared = Workspace(tmp_path / "shared", backend=emulator.url, session_budget="0.03 USD")
    asked(judge_of("openai", shared), image)
    step = ImageGenerationStep(
        prompt="a lamp", image_size="1024x1024", image_quality="medium", on_failure="continue"
    )
    run = step.run(workspace=shared)
    assert isinstance(run.error, BudgetExceeded)
    assert "is spent" in str(run.error)


def test_a_cancelled_question_does_not_stay_under_way(workspace, emulator, image):
    emulator.script("openai", Fault("hang"))

    async def give_up() -> None:
        asking = asyncio.create_task(judge_of("openai", workspace)(image))
        while not emulator.requests:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    asyncio.run(give_up())
    (entry,) = workspace.runs()
    assert (entry.state, entry.charge) == ("interrupted", "unknown")


def test_many_are_asked_at_once(workspace, emulator):
    judge = judge_of("openai", workspace)
    pictures = [stored(workspace, picture(shade)) for shade in range(0, 240, 20)]

    async def all_of_them() -> list[dict[str, object]]:
        return await asyncio.gather(*(judge(each) for each in pictures))

    assert len({said["score"] for said in asyncio.run(all_of_them())}) > 6
    assert workspace.count_runs() == len(pictures)


def http(body: object) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
    return head.encode() + content


def responses_of(text: str, **more: object) -> dict[str, object]:
    """An answer of OpenAI's Responses API."""
    content = [{"type": "output_text", "annotations": [], "text": text}]
    output = [{"type": "reasoning", "summary": []}, {"type": "message", "content": content}]
    usage = {"input_tokens": 900, "output_tokens": 40, "total_tokens": 940}
    return {"status": "completed", "model": MODELS["openai"], "output": output, "usage": usage, **more}


def chat_of(text: str) -> dict[str, object]:
    """An answer of xAI's chat completions, as a gateway gives it: without a price."""
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage}


def content_of(text: str) -> dict[str, object]:
    """An answer of Google's `generateContent`."""
    parts = [{"text": "hm", "thought": True}, {"text": text}]
    usage = {"promptTokenCount": 900, "candidatesTokenCount": 40, "totalTokenCount": 940}
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}],
        "usageMetadata": usage,
    }


ANSWERS = {"openai": responses_of, "xai": chat_of, "gemini": content_of}

NO_VERDICTS = {
    '{"image_seen": true, "reason": "fine"}': "has no score",
    '{"image_seen": true, "reason": "fine", "score": null}': "NoneType, no number",
    '{"image_seen": true, "reason": "fine", "score": true}': "bool, no number",
    '{"image_seen": true, "reason": "fine", "score": "7"}': "str, no number",
    '{"image_seen": true, "reason": "fine", "score": NaN}': "not the JSON",
    '{"image_seen": true, "reason": "fine", "score": 1e999}': "inf lies outside",
    '{"image_seen": true, "reason": "fine", "score": 10.5}': "10.5 lies outside the scale from 0 to 10",
    '{"image_seen": true, "reason": "fine", "score": -1}': "-1 lies outside",
    '{"image_seen": false, "reason": "none", "score": 0}': "no image reached it",
    "[7]": "not the JSON",
    "7": "not the JSON",
    "I would give it a 7.": "not the JSON",
}


@pytest.mark.parametrize("provider", ANSWERS)
@pytest.mark.parametrize("text", NO_VERDICTS)
def test_what_is_no_verdict_is_told_and_never_a_score(
    raw_server, tmp_path, monkeypatch, image, provider, text
):
    monkeypatch.setenv("GATEWAY_KEY", "sk-gateway-0123456789abcdef")
    server = raw_server(http(ANSWERS[provider](text)))
    workspace = Workspace(tmp_path / "live", hosted={provider: Gateway(f"{server.url}/v1", "GATEWAY_KEY")})
    with pytest.raises(InvalidResponse, match=NO_VERDICTS[text]) as caught:
        asked(judge_of(provider, workspace), image)
    assert image.id in str(caught.value)
    assert caught.value.charge == "charged"
    (entry,) = workspace.runs()
    assert (entry.state, entry.charge, entry.cost_ticks) == ("failed", "charged", None)
    assert "sk-gateway" not in str(asdict(entry))
    (request,) = server.requests
    assert b"sk-gateway" not in request.body


def test_a_provider_without_an_answer_says_so(workspace):
    class Paint(Provider):
        name, label, base_url, key_variable = "paint", "Paint", "https://paint.example", "PAINT_KEY"
        models = (Model(name="paint-1", settings={}, lifecycle=Lifecycle(since="2026-01-01")),)

        async def generate(self, request, connection):
            yield

    catalog.register(Paint())
    try:
        with pytest.raises(InvalidOption, match="Paint cannot be asked about images"):
            VisionJudge("paint-1", rubric=RUBRIC, workspace=workspace, provider="paint")
    finally:
        catalog.unregister("paint")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "gpt-5.4-mimi"}, "nearest is gpt-5.4-mini"),
        ({"model": "gpt-nope"}, "nearest is gpt-5.5"),
        ({"model": "gemini-2.5-flush"}, "nearest is gemini-3.5-flash-lite"),
        ({"model": ""}, "name of a vision model"),
        ({"model": None}, "name of a vision model"),
        ({"provider": "nobody"}, "not a provider; choose from openai"),
        ({"rubric": "  "}, "rubric: give text"),
        ({"rubric": 5}, "rubric: give text"),
        ({"rubric": "Is it sk-proj-a1B2c3D4e5F6g7H8i9J0?"}, "rubric holds an OpenAI key. Take it out"),
        ({"rubric": "x" * 20_001}, "at most 20,000 characters"),
        ({"scale": (10, 0)}, "lowest and the highest"),
        ({"scale": (0, float("inf"))}, "lowest and the highest"),
        ({"scale": 10}, "lowest and the highest"),
        ({"scale": (False, True)}, "lowest and the highest"),
        ({"longest_edge": 10}, "longest_edge = 10"),
        ({"most_tokens": 1}, "most_tokens = 1"),
        ({"most_tokens": 4096.0}, "whole number"),
        ({"workspace": "assets"}, "give a workspace"),
    ],
    ids=str,
)
def test_what_cannot_be_a_judge_is_refused_at_once(workspace, options, says):
    usual = {"model": "gpt-5.4-mini", "rubric": RUBRIC, "workspace": workspace}
    with pytest.raises(InvalidOption, match=says):
        VisionJudge(**{**usual, **options})


def test_what_is_no_image_of_a_run_is_refused(workspace):
    with pytest.raises(InvalidOption, match="image is a str"):
        asked(judge_of("openai", workspace), "lamp.png")


def test_a_model_that_ends_says_so_once(workspace):
    with pytest.warns(ModelLifecycleWarning, match=r"gpt-5-mini is deprecated.*2026-12-11.*gpt-6\.1-terra"):
        VisionJudge("gpt-5-mini", rubric=RUBRIC, workspace=workspace)
    VisionJudge("gpt-5-mini", rubric=RUBRIC, workspace=workspace)


def test_an_unknown_model_of_a_known_provider_is_asked_for(workspace, image):
    judge = VisionJudge("gpt-9", rubric=RUBRIC, workspace=workspace, provider="openai")
    with pytest.raises(ProviderError, match="does not exist"):
        asked(judge, image)


NO_IMAGE_CAME = {
    "xai": {"usage": {"prompt_tokens": 90, "prompt_tokens_details": {"text_tokens": 90, "image_tokens": 0}}},
    "gemini": {
        "usageMetadata": {
            "promptTokenCount": 90,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 90}],
        }
    },
    "openai": {"usage": {"input_tokens": 90, "input_tokens_details": {"image_tokens": 0}}},
}


@each_provider
def test_where_the_usage_counts_no_image_token_there_is_no_score(
    raw_server, tmp_path, monkeypatch, image, provider
):
    monkeypatch.setenv("GATEWAY_KEY", "sk-gateway-0123456789abcdef")
    fine = '{"image_seen": true, "reason": "lovely", "score": 9}'
    server = raw_server(http({**ANSWERS[provider](fine), **NO_IMAGE_CAME[provider]}))
    workspace = Workspace(tmp_path / "live", hosted={provider: Gateway(server.url, "GATEWAY_KEY")})
    with pytest.raises(InvalidResponse, match=r"no image reached the model.*counts no image token"):
        asked(judge_of(provider, workspace), image)


@each_provider
def test_through_a_gateway_the_cost_is_what_it_states(raw_server, tmp_path, monkeypatch, image, provider):
    monkeypatch.setenv("GATEWAY_KEY", "sk-gateway-0123456789abcdef")
    fine = ANSWERS[provider]('{"image_seen": true, "reason": "lovely", "score": 9}')
    server = raw_server(http(fine))
    workspace = Workspace(tmp_path / "live", hosted={provider: Gateway(server.url, "GATEWAY_KEY")})
    verdict = asyncio.run(judge_of(provider, workspace).judge(image))
    assert (verdict.score, verdict.reason, verdict.cost.amount) == (9.0, "lovely", None)
    assert verdict.cost.reasons
    assert not verdict.emulated
    if provider != "gemini":
        server.answer = http({**fine, "usage": {**fine["usage"], "cost": 0.0021}})
        verdict = asyncio.run(judge_of(provider, workspace).judge(image))
        assert verdict.cost.amount == Decimal("0.0021")


def test_vertex_ai_is_asked_at_its_own_address(emulator, tmp_path, image):
    hosted = {"gemini": VertexAI("my-project", location="europe-west1")}
    workspace = Workspace(tmp_path / "vertex", backend=emulator.url, hosted=hosted)
    assert asked(judge_of("gemini", workspace), image)["score"] > 0
    assert "/projects/my-project/locations/europe-west1/publishers/google/" in emulator.requests[0].path


def test_azures_classic_address_has_no_way_to_ask(emulator, tmp_path, image):
    hosted = {"openai": AzureOpenAI("https://mine.openai.azure.com", "2025-04-01-preview")}
    workspace = Workspace(tmp_path / "azure", backend=emulator.url, hosted=hosted)
    with pytest.raises(InvalidOption, match=r"classic address of an Azure account.*Gateway"):
        asked(judge_of("openai", workspace), image)
    assert emulator.requests == ()
    (entry,) = workspace.runs()
    assert (entry.state, entry.charge) == ("failed", "none")


@each_provider
def test_a_key_that_an_answer_repeats_is_masked(raw_server, tmp_path, monkeypatch, image, provider):
    key = "gateway-key-0123456789abcdef"
    monkeypatch.setenv("GATEWAY_KEY", key)
    leaky = json.dumps({"image_seen": True, "reason": f"the key is {key}", "score": 9})
    server = raw_server(http(ANSWERS[provider](leaky)))
    workspace = Workspace(tmp_path / "live", hosted={provider: Gateway(server.url, "GATEWAY_KEY")})
    verdict = asyncio.run(judge_of(provider, workspace).judge(image))
    assert "the key is" in verdict.reason
    assert key not in verdict.reason
    assert key not in repr(list(workspace.runs()))
