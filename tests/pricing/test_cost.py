"""The actual cost, from usage as providers really report it, and from the emulator's."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path

import pytest
from support.images import picture
from support.network import http

from imagegen_nb import Gateway, ImageGenerationStep, Workspace, simulate
from imagegen_nb.core.types import ResponseMetadata, Usage
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import (
    InvalidOption,
    InvalidResponse,
    ModerationBlocked,
    ProviderTimeout,
    StepFailed,
)
from imagegen_nb.pricing.cost import cost_of
from imagegen_nb.providers.gemini_content import metadata as gemini_metadata
from imagegen_nb.providers.http.response import ProviderResponse, tokens_by_modality

WIRE = Path(__file__).parents[2].parent / "shared" / "wire"
pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
MODELS = (
    {"image_size": "1024x1024", "image_quality": "low"},
    {"image_size": "1536x1024", "image_quality": "high", "image_count": 2},
    {"model": "gpt-image-2.5-flare", "image_size": "2048x1152", "image_quality": "medium"},
    {"model": "grok-imagine-image", "image_count": 2},
    {"model": "grok-imagine-image-2.0"},
    {"model": "grok-imagine-image-quality"},
    {"model": "gemini-3.1-flash-image", "image_count": 2},
    {"model": "gemini-nano-banana-2.1"},
    {"model": "gemini-3-pro-image"},
)


def _cost(provider, model, usage, reported=None, errors=()):
    receipt = ResponseMetadata(usage=usage, request_id="r1", reported=reported or {"some": 1})
    return cost_of([receipt], errors, provider=provider, model=model)[:3]


@pytest.mark.parametrize("settings", MODELS, ids=lambda settings: str(settings.get("model", "gpt-image-2")))
def test_what_was_estimated_is_what_it_costs(emulator, tmp_path, settings):
    step = ImageGenerationStep(prompt="a fox in the snow", **settings)
    estimated = step.estimate()
    run = step.run(workspace=Workspace(tmp_path, backend=emulator.url))
    cost = run.cost
    assert cost.amount is not None, cost.reasons
    assert cost.amount > 0
    assert estimated.low is not None
    assert estimated.high is not None
    assert estimated.low <= cost.amount <= estimated.high
    assert cost.per_image == cost.amount / run.returned
    assert cost.synthetic


def test_usage_by_modality_and_from_the_cache():
    reported = {"input_tokens_details": {"cached_tokens": 40}}
    amount, _, reasons = _cost("openai", "gpt-image-2", Usage({"text": 100}, {"image": 196}), reported)
    assert reasons == ()
    assert amount == (60 * Decimal(5) + 40 * Decimal("1.25") + 196 * 30) / 1_000_000
    split = {
        "input_tokens_details": {
            "cached_tokens": 50,
            "cached_tokens_details": {"text_tokens": 20, "image_tokens": 30},
        }
    }
    amount, _, _ = _cost("openai", "gpt-image-2", Usage({"text": 100, "image": 200}, {"image": 196}), split)
    expected = 80 * Decimal(5) + 20 * Decimal("1.25") + 170 * Decimal(8) + 30 * Decimal(2) + 196 * Decimal(30)
    assert amount == expected / 1_000_000


@pytest.mark.parametrize(
    ("model", "usage", "reported", "said"),
    [
        ("gpt-image-2", Usage(), {}, "no usage"),
        ("gpt-image-2", Usage({"text": 0, "image": 0}, {"image": 0}, 0), {}, "no usage"),
        ("gpt-image-2", Usage({}, {"image": 196}), {}, "no input tokens"),
        ("gpt-image-2", Usage({"text": 0}, {"image": 196}), {}, "no input tokens"),
        ("gpt-image-2", Usage({"text": 9}, {"unspecified": 196}), {}, "of no kind"),
        ("gpt-image-2", Usage({"text": 9}, {"unspecified": 5000}), {}, "of no kind"),
        ("gpt-image-9", Usage({"text": 9}, {"image": 100}), {}, "no price"),
        (
            "gpt-image-2",
            Usage({"text": 9, "image": 9}, {"image": 100}),
            {"input_tokens_details": {"cached_tokens": 9}},
            "does not say",
        ),
        (
            "gpt-image-2",
            Usage({"text": 9}, {"image": 100}),
            {"input_tokens_details": {"cached_tokens": 10}},
            "more input tokens",
        ),
        (
            "gemini-2.5-flash-image",
            Usage({"text": 9}, {"image": 1290}),
            {"cachedContentTokenCount": 5},
            "no price",
        ),
    ],
)
def test_what_is_not_told_is_none_with_the_reason(model, usage, reported, said):
    provider = "gemini" if model.startswith("gemini") else "openai"
    amount, _, reasons = _cost(provider, model, usage, reported)
    assert amount is None
    assert said in reasons[0]


IMAGE_WITHOUT_OUTPUT = [{"input_tokens": 9}, {"input_tokens": 9, "output_tokens": 0, "total_tokens": 9}]


@pytest.mark.parametrize("usage", IMAGE_WITHOUT_OUTPUT)
def test_an_image_without_output_tokens_does_not_cost_the_prompt_alone(usage):
    account = cost_of([_receipt(usage)], [], provider="openai", model="gpt-image-2", images=1)
    assert account.amount is None
    assert account.reasons == ("the provider reported no output tokens",)


def test_a_blocked_request_beside_an_image_costs_its_prompt():
    made = ResponseMetadata(usage=Usage({"text": 9}, {"image": 1290}), request_id="r1")
    blocked = ResponseMetadata(usage=Usage({"text": 9}), request_id="r2")
    gemini = {"provider": "gemini", "model": "gemini-2.5-flash-image"}
    assert cost_of([made, blocked], [], **gemini, images=1).amount is not None
    assert cost_of([made, blocked], [], **gemini, images=2).amount is None


def test_what_is_written_to_a_cache_counts_once():
    usage = {"input_tokens": 100, "input_tokens_details": {"text_tokens": 100, "cache_write_tokens": 40}}
    assert _receipt({**usage, "output_tokens": 196}).usage.input == {"text": 100}


def _receipt(usage: dict[str, object]) -> ResponseMetadata:
    return ResponseMetadata(
        usage=Usage(tokens_by_modality(usage, "input", "text"), tokens_by_modality(usage, "output", "image")),
        request_id="r1",
        reported=usage,
    )


@pytest.mark.parametrize("stated", [0.05, 1, "0.05", True, -1, float("nan"), None])
def test_a_gateways_own_cost_goes_first_where_it_is_a_number(stated):
    amount, _, _ = _cost("openai", "gpt-image-2", Usage({"text": 1}, {"image": 196}), {"cost": stated})
    stands = type(stated) in (int, float) and stated > 0
    assert amount == (Decimal(str(stated)) if stands else (5 + 196 * Decimal(30)) / 1_000_000)


@pytest.mark.parametrize(
    "stated", [-1, -0.01, "0.04", "NaN", True, float("nan"), float("inf"), 1e12, 10**400, [1]]
)
def test_an_amount_that_no_request_can_cost_is_unknown_and_says_so(stated):
    receipt = ResponseMetadata(
        usage=Usage({"text": 1}, {"image": 196}), request_id="r1", reported={"cost": stated}
    )
    gateway = {"provider": "openai", "model": "gpt-image-2", "unpriced_account": "a gateway"}
    amount, at_least, reasons, source = cost_of([receipt], [], **gateway)
    assert (amount, at_least, source) == (None, 0, "")
    assert reasons == ("the amount stated in the response cannot be the cost of a request",)


def test_ticks_that_no_request_can_cost_are_unknown():
    amount, _, reasons = _cost("xai", "grok-imagine-image", Usage(cost_in_usd_ticks=10**30))
    assert amount is None
    assert "cannot be the cost of a request" in reasons[0]


OWN_KEY = {"cost": 0, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.0361}}


@pytest.mark.parametrize(
    ("reported", "expected", "source"),
    [
        (
            {"cost": 0.04, "cost_details": {"upstream_inference_cost": 0.04}},
            "0.04",
            "usage.cost of the response",
        ),
        ({**OWN_KEY, "is_byok": False, "cost": 0.04}, "0.04", "usage.cost of the response"),
        (OWN_KEY, "0.0361", "usage.cost of the response and what the provider charged your own key"),
        (
            {**OWN_KEY, "cost": 0.0018},
            "0.0379",
            "usage.cost of the response and what the provider charged your own key",
        ),
        ({**OWN_KEY, "cost_details": None}, None, ""),
        ({**OWN_KEY, "cost_details": {"upstream_inference_cost": -1}}, None, ""),
    ],
)
def test_what_the_provider_charges_counts_beside_the_gateways_fee_only_for_a_key_of_ones_own(
    reported, expected, source
):
    """As OpenRouter accounts: other answers state the same amount a second time."""
    receipt = ResponseMetadata(usage=Usage({}, {}), request_id="r1", reported=reported)
    gateway = {"provider": "openai", "model": "gpt-image-2", "unpriced_account": "a gateway"}
    account = cost_of([receipt], [], **gateway)
    assert account.amount == (None if expected is None else Decimal(expected))
    assert account.source == source
    assert bool(account.reasons) is (expected is None)


@pytest.mark.parametrize("name", ["currency", "cost_currency"])
@pytest.mark.parametrize(
    ("currency", "is_dollars"), [("USD", True), ("usd", True), ("", True), (None, True), ("EUR", False)]
)
def test_another_currency_is_not_taken_for_dollars(name, currency, is_dollars):
    receipt = ResponseMetadata(
        usage=Usage({"text": 1}, {"image": 196}), request_id="r1", reported={"cost": 0.04, name: currency}
    )
    gateway = {"provider": "openai", "model": "gpt-image-2", "unpriced_account": "a gateway"}
    account = cost_of([receipt], [], **gateway)
    assert account.amount == (Decimal("0.04") if is_dollars else None)
    assert account.reasons == (() if is_dollars else ("the response states its cost in EUR, not in USD",))


# Through a gateway, by OpenRouter's documented answers

IMAGE = base64.b64encode(picture()).decode()
USAGE = {"prompt_tokens": 16, "completion_tokens": 272, "total_tokens": 288, "cost": 0.011}
ANSWER = {
    "created": 1748372400,
    "data": [{"b64_json": IMAGE, "media_type": "image/png"}],
    "usage": USAGE,
}
COMPLETED = {
    "type": "image_generation.completed",
    "b64_json": IMAGE,
    "media_type": "image/png",
    "usage": USAGE,
}


def answered(body: object) -> bytes:
    return http(json.dumps(body).encode())


def streamed(*events: object) -> bytes:
    lines = [f"data: {json.dumps(event)}\n\n" for event in events]
    return http("".join([*lines, "data: [DONE]\n\n"]).encode(), kind="text/event-stream")


@pytest.fixture
def through(raw_server, tmp_path, monkeypatch):
    """Makes a workspace whose gateway gives this answer."""
    monkeypatch.setenv("HOUSE_KEY", "sk-test-0123456789")

    def make(answer: bytes, most: str | None = None, **options: str) -> Workspace:
        account = Gateway(f"{raw_server(answer).url}/api/v1", "HOUSE_KEY", most)
        return Workspace(tmp_path / "assets", hosted={"openai": account}, **options)

    return make


@pytest.mark.parametrize(
    ("answer", "partial_images"),
    [
        (answered(ANSWER), 0),
        (streamed(COMPLETED), 0),
        (streamed(COMPLETED), 1),
        (streamed(COMPLETED, {"type": "image_generation.done", "usage": USAGE}), 0),
        (streamed(COMPLETED, {"type": "image_generation.done", "usage": USAGE}), 1),
    ],
    ids=["plain", "streamed unasked", "streamed", "said twice, unasked", "said twice"],
)
def test_a_gateways_own_account_is_the_cost_once(through, answer, partial_images):
    workspace = through(answer)
    run = ImageGenerationStep(prompt="a fox").run(workspace=workspace, partial_images=partial_images)
    assert run.returned == 1
    assert (run.cost.amount, run.cost.reasons) == (Decimal("0.011"), ())
    assert run.cost.as_dict()["source"] == "usage.cost of the response"
    (entry,) = workspace.runs()
    assert (entry.charge, entry.cost_ticks, entry.ceiling_ticks) == ("charged", 110_000_000, None)


def test_two_images_that_state_their_costs_and_then_the_sum_cost_the_sum(through):
    other = {**COMPLETED, "usage": {**USAGE, "completion_tokens": 300, "cost": 0.012}}
    total = {"type": "image_generation.done", "usage": {**USAGE, "cost": 0.023}}
    run = ImageGenerationStep(prompt="a fox", image_count=2).run(
        workspace=through(streamed(COMPLETED, other, total))
    )
    assert (run.returned, run.cost.amount) == (2, Decimal("0.023"))


OPENAI_USAGE = {"input_tokens": 9, "output_tokens": 196, "total_tokens": 205}


@pytest.mark.parametrize("stated", [{}, {"cost": 0.011}], ids=["tells nothing", "states it"])
def test_a_gateways_run_out_of_the_ledger_costs_what_it_did(through, stated):
    workspace = through(answered({**ANSWER, "usage": {**OPENAI_USAGE, **stated}}))
    run = ImageGenerationStep(prompt="a fox").run(workspace=workspace)
    (past,) = workspace.history()
    amount = Decimal(str(stated["cost"])) if stated else None
    assert (run.cost.amount, past.cost, past.run.cost.amount) == (amount, amount, amount)
    assert past.run.cost.reasons == run.cost.reasons


def test_an_absurd_cost_costs_no_image_and_counts_by_the_ceiling(through):
    workspace = through(answered({**ANSWER, "usage": {**USAGE, "cost": 1e300}}), "0.20 USD", budget="1 USD")
    run = ImageGenerationStep(prompt="a fox").run(workspace=workspace)
    assert (run.returned, run.cost.amount) == (1, None)
    assert workspace.store.spending(emulated=False).spent == 2_000_000_000


def test_a_budget_refuses_a_gateway_unless_the_user_says_what_an_image_costs_at_most(through):
    step = ImageGenerationStep(prompt="a fox", image_size="1024x1024", image_quality="low")
    workspace = through(answered(ANSWER), budget="1 USD")
    with pytest.raises(StepFailed, match=r"no upper bound .*has prices of its own.*most="):
        step.run(workspace=workspace)
    assert workspace.estimate(step, "a fox").ceiling is None


def test_a_gateways_run_is_reserved_by_the_most_and_settled_by_what_it_stated(through):
    step = ImageGenerationStep(prompt="a fox", image_size="1024x1024", image_quality="low")
    workspace = through(answered(ANSWER), "0.05 USD", budget="0.07 USD")
    estimate = workspace.estimate(step.replace(image_count=2), "a fox")
    assert (estimate.low, estimate.ceiling) == (None, Decimal("0.10"))
    for spent in (11, 22):
        step.run(workspace=workspace)
        (*_, entry) = workspace.runs()
        assert entry.ceiling_ticks == 500_000_000
        assert workspace.store.spending(emulated=False).spent == spent * 10_000_000
    with pytest.raises(StepFailed, match=r"can cost up to \$0.05; \$0.0220 is spent, \$0.0480 is left"):
        step.run(workspace=workspace)


@pytest.mark.parametrize("most", ["", "0.05 EUR", "-1", 0.05, 0])
def test_the_most_is_an_amount(most):
    with pytest.raises(InvalidOption, match="most = "):
        Gateway("https://gateway.example.com/v1", "HOUSE_KEY", most)


def test_ticks_are_xais_own_price():
    amount, _, _ = _cost("xai", "grok-imagine-image", Usage(cost_in_usd_ticks=500_000_000))
    assert amount == Decimal("0.05")


def test_a_failure_whose_charge_is_unknown_makes_the_cost_unknown_not_zero():
    amount, at_least, reasons = _cost(
        "xai",
        "grok-imagine-image",
        Usage(cost_in_usd_ticks=200_000_000),
        errors=[ProviderTimeout("no answer", charge="unknown")],
    )
    assert (amount, at_least) == (None, Decimal("0.02"))
    assert "may have been charged" in reasons[0]


def test_a_failure_that_was_accounted_for_leaves_the_cost_known():
    error = ModerationBlocked("blocked", charge="charged", request_id="r1")
    amount, _, _ = _cost("xai", "grok-imagine-image", Usage(cost_in_usd_ticks=500_000_000), errors=[error])
    assert amount == Decimal("0.05")
    refused = InvalidResponse("refused", charge="none")
    assert cost_of([], [refused], provider="xai", model="grok-imagine-image") == (0, 0, (), "")


def test_a_gateway_that_tells_no_cost_is_not_given_the_list_price(emulator, tmp_path, monkeypatch):
    monkeypatch.setenv("HOUSE_KEY", "sk-test-0123456789")
    account = Gateway("https://gateway.example.com/v1", "HOUSE_KEY")
    workspace = Workspace(tmp_path, backend=emulator.url, hosted={"openai": account})
    run = ImageGenerationStep(prompt="a fox").run(workspace=workspace)
    if run.unpriced_account:
        assert run.cost.amount is None


def test_a_simulated_run_has_no_cost():
    run = simulate(ImageGenerationStep(prompt="a fox"), "success")
    assert run.cost.amount is None
    assert run.cost.short == "cost unknown"


@pytest.mark.parametrize(("fault", "is_known"), [("server_error", False), ("moderation", True)])
def test_a_partial_run_says_what_it_cost(emulator, tmp_path, fault, is_known):
    emulator.script("gemini", Fault(fault))
    step = ImageGenerationStep(
        prompt="a fox", model="gemini-3.1-flash-image", image_count=3, on_failure="continue"
    )
    run = step.run(workspace=Workspace(tmp_path, backend=emulator.url))
    assert run.status == "partial"
    # A blocked image was answered, with its usage; a server that failed may have charged and tells nothing.
    assert (run.cost.amount is not None) is is_known
    assert run.cost.as_dict()["amount"] == (str(run.cost.amount) if is_known else None)
    assert bool(run.cost.reasons) is not is_known
    assert run.cost.at_least > 0 or is_known


def test_what_it_would_have_cost_elsewhere_is_a_range(emulator, tmp_path):
    step = ImageGenerationStep(prompt="a fox", image_size="1024x1024", image_quality="medium", image_count=2)
    run = step.run(workspace=Workspace(tmp_path, backend=emulator.url))
    grok = run.cost_on("grok-imagine-image")
    assert (grok.low, grok.high) == (Decimal("0.04"), Decimal("0.04"))
    same = run.cost_on("gpt-image-2")
    assert same.low <= run.cost.amount <= same.high
    wide = (
        ImageGenerationStep(prompt="a fox", model="grok-imagine-image")
        .run(workspace=Workspace(tmp_path, backend=emulator.url))
        .cost_on("gpt-image-2")
    )
    assert wide.low < same.low / 2 < same.high / 2 < wide.high
    with pytest.raises(InvalidOption, match="not a known model"):
        run.cost_on("gpt-image-0")


@pytest.mark.skipif(not WIRE.is_dir(), reason="recorded traffic is not here")
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("gemini-2.5-flash-image.vertex.json", 9 * Decimal("0.3") + 5 * Decimal("2.5") + 1290 * Decimal(30)),
        ("gemini-2.5-flash-image.text-only.json", 18 * Decimal("0.3") + 48 * Decimal("2.5")),
    ],
)
def test_recorded_usage_is_priced(file, expected):
    answer = json.loads((WIRE / file).read_text())["response"]["body"]
    answer = json.loads(answer) if isinstance(answer, str) else answer
    response = ProviderResponse(provider="gemini", status=200, headers={}, body="")
    receipt = gemini_metadata(answer, response, "gemini-2.5-flash-image")
    amount, _, reasons, _ = cost_of([receipt], [], provider="gemini", model="gemini-2.5-flash-image")
    assert reasons == ()
    assert amount == expected / 1_000_000


def test_what_is_written_to_a_cache_is_billed_as_that():
    details = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 300},
    }
    usage = Usage(input={"text": 1000}, output={"text": 10})
    amount, _, reasons = _cost("openai", "gpt-5.6-luna", usage, details)
    expected = Decimal("0.2") * 600 + Decimal("0.02") * 100 + Decimal("0.25") * 300 + Decimal("1.2") * 10
    assert (amount, reasons) == (expected / 1_000_000, ())


def test_more_written_to_a_cache_than_came_is_unknown():
    details = {"input_tokens_details": {"cache_write_tokens": 300}}
    amount, _, reasons = _cost("openai", "gpt-5.6-luna", Usage(input={"text": 100}), details)
    assert amount is None
    assert "written to a cache" in reasons[0]


def test_a_cache_that_costs_where_no_price_of_it_is_known_is_unknown():
    details = {"input_tokens_details": {"cache_write_tokens": 50}}
    amount, _, reasons = _cost("openai", "gpt-5.4-mini", Usage(input={"text": 100}), details)
    assert (amount, reasons) == (None, ("no price of gpt-5.4-mini for cache write is published",))
