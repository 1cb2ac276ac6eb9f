"""Every way a provider can fail, over real HTTP: what comes of it, and how often each call is sent.

Only what provably did not reach the model is sent again. Waits take no time here; they are listed.
"""

from __future__ import annotations

import asyncio
import importlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pytest
from rigs.figures import none_of, note

from imagegen_nb import Gateway, ImageGenerationStep, StepFailed, Workspace
from imagegen_nb.emulator import Fault
from imagegen_nb.emulator.faults import KINDS
from imagegen_nb.errors import (
    AuthenticationFailed,
    BadRequest,
    ImagegenError,
    InvalidResponse,
    ModelRetired,
    ModerationBlocked,
    ProviderError,
    ProviderFault,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
)

pytestmark = [pytest.mark.rigs, pytest.mark.usefixtures("waits")]

PROVIDERS = ("openai", "xai", "gemini")
MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
GATEWAY_PATHS = {"openai": "/openai/v1", "xai": "/xai/v1", "gemini": "/gemini"}
COUNT = 2
REQUESTS = {"openai": 1, "xai": 1, "gemini": COUNT}
"""The calls one run makes."""
ATTEMPTS = 6
"""How often a call is made that is refused for its rate again and again."""
DEADLINES = (0.6, 3.0, 15.0)
"""Seconds: the shortest that lets everything leave on this machine is the one that counts."""
CAP = 4_000_000
KEY = "odd.key~of+no/known=shape:0123456789"

Charge = Literal["none", "unknown", "charged"]
Expected = tuple[type[ProviderError], int | None, Charge] | None
"""The error, its HTTP status and its charge; None where the images come all the same."""


@dataclass(frozen=True)
class Row:
    fault: Fault
    openai: Expected
    xai: Expected
    gemini: Expected
    says: str = ""
    """Words the message must have, whoever the provider."""
    meets: int = 1
    """How often each call meets the fault."""
    sent: int = 1
    """How often each call is sent."""


def everywhere(fault: Fault, expected: Expected, says: str = "", meets: int = 1, sent: int = 1) -> Row:
    return Row(fault, expected, expected, expected, says, meets, sent)


SILENT = (ProviderTimeout, None, "unknown")
BROKEN = (ProviderFault, None, "unknown")
USELESS = (InvalidResponse, 200, "unknown")
WITHHELD = (ModerationBlocked, 200, "unknown")
BAD_KEY_400 = (AuthenticationFailed, 400, "none")
BAD_KEY_401 = (AuthenticationFailed, 401, "none")
BLOCKED = (ModerationBlocked, 400, "none")
BILLED = (ModerationBlocked, 400, "charged")

# fmt: off
TABLE = [
    # refused before anything was made
    everywhere(Fault("rate_limit", retry_after="7"), (RateLimited, 429, "none"), meets=6, sent=6),
    Row(Fault("quota"),
        (QuotaExhausted, 429, "none"), (QuotaExhausted, 403, "none"), (QuotaExhausted, 429, "none")),
    Row(Fault("auth"),
        BAD_KEY_401, BAD_KEY_400, BAD_KEY_400),
    Row(Fault("echo_key"),
        BAD_KEY_401, BAD_KEY_400, BAD_KEY_400,
        "[redacted]"),
    everywhere(Fault("permission"), (AuthenticationFailed, 403, "none")),
    everywhere(Fault("not_found"), (ModelRetired, 404, "none")),
    everywhere(Fault("bad_request", message="No such thing."), (BadRequest, 400, "none"), "No such thing."),
    *(everywhere(Fault("redirect", status=status), (ProviderFault, status, "none"), "redirect")
      for status in (301, 302, 303, 307, 308)),
    # refused by a safety system
    Row(Fault("moderation"),
        BLOCKED, BILLED, WITHHELD),
    Row(Fault("moderation", variant="prompt"),
        BLOCKED, BILLED, (ModerationBlocked, 200, "none")),
    # broken on the way
    *(everywhere(Fault("server_error", status=status), (ProviderFault, status, "unknown"))
      for status in (500, 502, 503, 504)),
    everywhere(Fault("server_error", status=502, variant="html"),
               (ProviderFault, 502, "unknown"), "failed inside"),
    everywhere(Fault("hang"), SILENT, "not repeated"),
    everywhere(Fault("drip", seconds=0.05), SILENT, "not repeated"),
    everywhere(Fault("drop"), BROKEN, "after the request was sent"),
    everywhere(Fault("drop", reset=True), BROKEN, "after the request was sent"),
    everywhere(Fault("cut"), BROKEN, "after the request was sent"),
    # answers that are none
    everywhere(Fault("html"), USELESS, "an HTML page"),
    everywhere(Fault("truncated_json"), USELESS, "not valid JSON"),
    everywhere(Fault("json_list"), USELESS, "JSON list"),
    everywhere(Fault("huge", size=2 * CAP), USELESS, "larger than"),
    # answers without images
    everywhere(Fault("empty", variant="null"), USELESS),
    everywhere(Fault("empty", variant="list"), USELESS),
    everywhere(Fault("empty", variant="object"), USELESS),
    everywhere(Fault("text_only"), USELESS),
    Row(Fault("fewer", images=0),
        USELESS, (ModerationBlocked, 200, "none"), USELESS),
    # images that are none
    everywhere(Fault("bad_base64"), USELESS, "base64"),
    everywhere(Fault("wrong_bytes", variant="html"), USELESS, "HTML"),
    everywhere(Fault("wrong_bytes", variant="random"), USELESS, "not a PNG, JPEG or WebP"),
    everywhere(Fault("truncated_image"), USELESS, "damaged or incomplete"),
    # nothing wrong enough to lose the images
    everywhere(Fault("rate_limit", retry_after="7"), None, meets=1, sent=2),
    everywhere(Fault("rate_limit", retry_after="7"), None, meets=5, sent=6),
    everywhere(Fault("ok"), None),
    everywhere(Fault("delay", seconds=0.05), None),
    everywhere(Fault("gzip"), None),
    everywhere(Fault("wrong_type"), None),
]
# fmt: on
STREAMS = {"stream_error", "stream_cut"}
BAD = [row for row in TABLE if row.openai is not None]
GOOD = [row for row in TABLE if row.openai is None]
each_provider = pytest.mark.parametrize("provider", PROVIDERS)
each_policy = pytest.mark.parametrize("policy", ["terminate", "continue"])


def name(row: Row) -> str:
    fault = row.fault
    often = f"{row.meets}-times" if row.meets > 1 else ""
    return "-".join(str(part) for part in (fault.kind, fault.status, fault.variant, often) if part)


def each_row(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", rows, ids=name)


counted: list[tuple[str, int, int]] = []
"""For each run of the matrix: its fault, and the requests that were allowed and that came."""


@pytest.fixture(scope="module", autouse=True)
def told():
    yield
    kinds = len({kind for kind, _, _ in counted})
    others = sum(allowed != came for _, allowed, came in counted)
    what = f"{kinds} kinds in {len(counted)} runs, policies and providers, with another number of requests"
    note("faults", none_of(what, others))


@pytest.fixture(scope="module", autouse=True)
def sdks_are_loaded():
    """Their first import takes a good part of the short deadlines here."""
    importlib.import_module("openai")
    importlib.import_module("google.genai")


class SmallWorkspace(Workspace):
    """Accepts answers of a few megabytes only."""

    def connection(self, provider, route):
        return replace(super().connection(provider, route), largest_response=CAP)


@pytest.fixture
def gateways(emulator, tmp_path, monkeypatch) -> Iterator[Workspace]:
    """All providers through gateways on the emulator: live calls, with a real key."""
    monkeypatch.setenv("GATEWAY_KEY", KEY)
    hosted = {name: Gateway(emulator.url + path, "GATEWAY_KEY") for name, path in GATEWAY_PATHS.items()}
    with SmallWorkspace(tmp_path / "assets", hosted=hosted, timeout=30) as workspace:
        yield workspace


def step(provider: str, policy: str = "terminate", **changes) -> ImageGenerationStep:
    settings = {"model": MODELS[provider], "prompt": "a fox", "image_count": COUNT, "on_failure": policy}
    return ImageGenerationStep(**(settings | changes))


def script(emulator, provider: str, *faults: Fault, meets: int = 1) -> None:
    """The faults of runs, one each: for Gemini each call of a run meets the same."""
    for fault in faults:
        emulator.script(provider, *[fault] * REQUESTS[provider] * meets)


def run_or_failure(workspace: Workspace, step: ImageGenerationStep):
    """The run, and the `StepFailed` that was raised, if any."""
    try:
        return step.run(workspace=workspace), None
    except StepFailed as failed:
        return failed.run, failed


def run_past_deadline(workspace, emulator, step, faults, *, returned: int = 0):
    """The run of a step whose provider stays silent, as `run_or_failure` gives it.

    A busy machine may not even send the requests in time, or not store the images that came. That is another
    failure than the one looked for, so the run is made again with a longer deadline.
    """
    provider = next(name for name, model in MODELS.items() if model == step.model)
    for deadline in DEADLINES:
        workspace.timeout = deadline
        emulator.clear()
        emulator.script(provider, *faults)
        run, failed = run_or_failure(workspace, step)
        if (emulator.count(), run.returned) == (step.image_count if provider == "gemini" else 1, returned):
            break
    return run, failed


def assert_stands_alone(error: BaseException | None) -> None:
    """No exception of an SDK hangs on to it, by any link."""
    assert error is not None
    assert error.__cause__ is None
    assert error.__context__ is None


def test_the_table_has_every_kind_of_fault():
    assert {row.fault.kind for row in TABLE} | STREAMS == set(KINDS)


@each_policy
@each_provider
@each_row(BAD)
def test_failure(gateways, emulator, row, provider, policy):
    if row.fault.kind in ("hang", "drip"):
        faults = [row.fault] * REQUESTS[provider]
        run, failed = run_past_deadline(gateways, emulator, step(provider, policy), faults)
    else:
        script(emulator, provider, row.fault, meets=row.meets)
        run, failed = run_or_failure(gateways, step(provider, policy))

    kind, status, charge = getattr(row, provider)
    error = run.error
    assert type(error) is kind, error
    assert (error.provider, error.status, error.charge) == (provider, status, charge)
    assert row.says in str(error)
    assert error.message
    assert KEY not in f"{error} {error!r} {error.__dict__}"

    assert_asked(emulator, row, provider)
    assert (failed is not None) == (policy == "terminate")
    assert (run.status, run.requested, run.returned) == ("failed", COUNT, 0)
    assert run.blocked == (COUNT if kind is ModerationBlocked else 0)
    assert sum(short.count for short in run.shortfalls) == COUNT
    assert list(gateways.records()) == []

    assert_told_as_plain_data(run)
    assert_stands_alone(error)
    for short in run.shortfalls:
        assert_stands_alone(short.error)
    if failed is not None:
        assert failed.error is error
        assert str(failed) == str(error)
        assert_stands_alone(failed)


def assert_asked(emulator, row: Row, provider: str, calls: int | None = None) -> None:
    """Each call has left as often as it may."""
    allowed = (REQUESTS[provider] if calls is None else calls) * row.sent
    counted.append((row.fault.kind, allowed, emulator.count()))
    assert emulator.count() == allowed


def assert_told_as_plain_data(run) -> None:
    """What later steps and files see of the failure, and what a process pool would carry over."""
    error = run.error
    told = run.output.model_dump(mode="json")
    assert list(told) == ["settings", "assets", "error"]
    assert told["settings"]["model"] == run.step.model
    assert told["assets"] == []
    assert told["error"] == {
        "kind": error.kind,
        "message": error.message,
        "provider": error.provider,
        "status": error.status,
        "code": error.code,
        "request_id": error.request_id,
        "charge": error.charge,
        "requested": COUNT,
        "returned": 0,
        "blocked": run.blocked,
    }
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)


def names_the_request(row: Row, provider: str) -> bool:
    """OpenAI and xAI do in a header, Gemini in the JSON of a success only."""
    _, status, _ = getattr(row, provider)
    if provider == "gemini":
        return status == 200 and row.fault.kind not in ("html", "truncated_json", "json_list", "huge")
    return status is not None


@pytest.mark.parametrize(
    ("row", "provider"),
    [
        pytest.param(row, provider, id=f"{name(row)}-{provider}")
        for row in BAD
        for provider in PROVIDERS
        if names_the_request(row, provider)
    ],
)
def test_an_answered_failure_names_the_request(gateways, emulator, row, provider):
    """Whoever asks a provider's support needs it."""
    script(emulator, provider, row.fault, meets=row.meets)
    error = step(provider, "continue", image_count=1).run(workspace=gateways).error
    assert (error.request_id or "").startswith("emulated-" if provider == "gemini" else "req_emulated_")


@each_policy
@each_provider
@each_row(GOOD)
def test_survived(gateways, emulator, row, provider, policy):
    # Calls take what is scripted in turn, and one of several might meet all it can bear and one more.
    count = COUNT if row.sent < ATTEMPTS else 1
    calls = min(count, REQUESTS[provider])
    emulator.script(provider, *[row.fault] * calls * row.meets)
    run = step(provider, policy, image_count=count).run(workspace=gateways)
    assert (run.status, run.returned, run.error) == ("done", count, None)
    assert_asked(emulator, row, provider, calls)


@each_provider
def test_wrong_type_is_stored_as_what_it_is(gateways, emulator, provider):
    script(emulator, provider, Fault("wrong_type"))
    run = step(provider).run(workspace=gateways)
    # OpenAI and Gemini declared PNG and sent JPEG; xAI the reverse, and PNG is what Grok images are kept as.
    expected = "image/png" if provider == "xai" else "image/jpeg"
    assert {asset.file_type for asset in run.output.assets} == {expected}
    assert {f"image/{asset.image().format.lower()}" for asset in run.output.assets} == {expected}
    assert any("the bytes are image/jpeg" in warning for warning in run.warnings) == (provider != "xai")


@each_provider
@pytest.mark.parametrize("fault", ["rate_limit", "hang", "drop", "html", "moderation"])
async def test_arun_fails_alike(gateways, emulator, provider, fault):
    row = next(row for row in TABLE if row.fault.kind == fault)
    requests = 2 * REQUESTS[provider] * row.sent
    for deadline in DEADLINES if fault == "hang" else (30.0,):
        gateways.timeout = deadline
        emulator.clear()
        script(emulator, provider, row.fault, row.fault, meets=row.meets)
        with pytest.raises(StepFailed) as caught:
            await step(provider).arun(workspace=gateways)
        run = await step(provider, "continue").arun(workspace=gateways)
        if emulator.count() == requests:
            break
    assert type(caught.value.error) is getattr(row, provider)[0]
    assert_stands_alone(caught.value)
    assert_stands_alone(caught.value.error)
    assert type(run.error) is getattr(row, provider)[0]
    assert emulator.count() == requests


@each_provider
@pytest.mark.parametrize(
    "fault",
    [
        Fault("server_error", retry_after="0", retry_after_ms="1"),
        Fault("server_error", status=503, retry_after="0", retry_after_ms="1"),
        Fault("drop"),
        Fault("quota"),
    ],
    ids=["500", "503", "drop", "quota"],
)
def test_nothing_else_is_sent_again_however_kindly_the_provider_asks(gateways, emulator, provider, fault):
    """Also not a while later, and not by the SDK: a retry hint only informs."""
    script(emulator, provider, fault)
    step(provider, "continue").run(workspace=gateways)
    asyncio.run(asyncio.sleep(0.3))
    assert emulator.count() == REQUESTS[provider]
    assert {request.headers.get("x-stainless-retry-count", "0") for request in emulator.requests} == {"0"}


@pytest.mark.parametrize(
    ("fault", "seconds"),
    [
        (Fault("rate_limit", retry_after="7"), 7),
        (Fault("rate_limit", retry_after="0.5"), 0.5),
        (Fault("rate_limit", retry_after="7", retry_after_ms="1500"), 1.5),
        (Fault("rate_limit", retry_after="Fri, 21 Nov 2014 00:00:00 GMT"), 0),
        (Fault("server_error", status=503, retry_after="3"), 3),
    ],
    ids=lambda value: getattr(value, "retry_after", None),
)
@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_retry_after_is_told(gateways, emulator, provider, fault, seconds):
    script(emulator, provider, fault, meets=ATTEMPTS)
    assert step(provider, "continue").run(workspace=gateways).error.retry_after == seconds


@pytest.mark.parametrize(
    ("hints", "seconds"),
    [
        ({"retry_after": "7"}, 7),
        ({"retry_after": "7", "retry_after_ms": "1500"}, 1.5),
        ({"retry_after": "Fri, 21 Nov 2014 00:00:00 GMT"}, 0),
        ({"retry_after": "soon"}, 1),
        ({}, 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_a_refused_call_waits_as_long_as_it_is_asked_to(gateways, emulator, provider, hints, seconds, waits):
    script(emulator, provider, Fault("rate_limit", **hints))
    assert step(provider).run(workspace=gateways).status == "done"
    if provider == "openai" and seconds == 1:
        seconds = 12  # as its words say, where no header does
    assert seconds <= sum(waits) <= 1.1 * seconds
    assert emulator.count() == 2


@pytest.mark.parametrize("hint", ["100000", "61", "Fri, 21 Nov 2999 00:00:00 GMT"])
@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_who_asks_for_an_absurd_wait_is_not_asked_again(gateways, emulator, provider, hint, waits):
    script(emulator, provider, Fault("rate_limit", retry_after=hint))
    run = step(provider, "continue").run(workspace=gateways)
    assert (type(run.error), run.error.retry_after > 60) == (RateLimited, True)
    assert (emulator.count(), waits) == (1, [])
    assert step(provider).run(workspace=gateways).status == "done", "nor is anybody else kept waiting"


@each_provider
def test_a_wait_past_the_deadline_is_not_begun(gateways, emulator, provider, waits):
    gateways.timeout = 5
    script(emulator, provider, Fault("rate_limit", retry_after="12"))
    run = step(provider, "continue").run(workspace=gateways)
    assert (type(run.error), run.error.charge) == (RateLimited, "none")
    assert emulator.count() == REQUESTS[provider]
    assert waits == []


@each_provider
def test_a_wait_is_told(gateways, emulator, provider):
    script(emulator, provider, Fault("rate_limit", retry_after="12"))
    events = []
    step(provider).run(workspace=gateways, on_event=events.append)
    told = [event for event in events if event.kind == "waiting"]
    assert {event.reason for event in told} == {"rate limit"}
    assert 12 <= told[0].seconds <= 13.2
    assert [event.kind for event in events][-1] == "done"


@pytest.mark.parametrize("hint", ["soon", "", "-3", "1e999", "nan", "7 apples"])
@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_a_senseless_retry_after_is_no_number(gateways, emulator, provider, hint):
    script(emulator, provider, Fault("rate_limit", retry_after=hint), meets=ATTEMPTS)
    error = step(provider, "continue").run(workspace=gateways).error
    assert type(error) is RateLimited
    assert error.retry_after in (None, 0, 12 if provider == "openai" else None)  # its words say 12 s


def test_gemini_says_when_to_come_back_in_its_body(gateways, emulator):
    script(emulator, "gemini", Fault("rate_limit"), meets=ATTEMPTS)
    assert step("gemini", "continue").run(workspace=gateways).error.retry_after == 12


@pytest.mark.parametrize("kept", [1, 2])
@each_provider
def test_images_that_came_are_kept_and_counted(gateways, emulator, provider, kept):
    count = 3
    faults = [Fault("ok")] * kept + [Fault("fewer")] * (count - kept)
    emulator.script(provider, *(faults if provider == "gemini" else [Fault("fewer", images=kept)]))
    events = []
    run = step(provider, image_count=count).run(workspace=gateways, on_event=events.append)
    assert (run.status, run.error) == ("partial", None)
    blocked = count - kept if provider == "xai" else 0
    assert (run.requested, run.returned, run.blocked) == (count, kept, blocked)
    assert len(list(gateways.records(run.id))) == kept
    assert sum(short.count for short in run.shortfalls) == count - kept
    assert all(asset.image() for asset in run.output.assets)
    assert "error" not in run.output.model_dump()
    assert f"{kept} of {count} images · partial" in repr(run)
    assert f"{run.shortfalls[0].count} missing" in repr(run)
    assert [event.kind for event in events] == ["queued", "started", *["image"] * kept, "done"]


@pytest.mark.parametrize(
    "fault", [row.fault for row in BAD if row.fault.kind not in ("hang", "drip") and row.sent == 1], ids=repr
)
def test_one_failing_call_of_gemini_does_not_cost_the_other_images(gateways, emulator, fault):
    emulator.script("gemini", fault)
    run = step("gemini", image_count=3).run(workspace=gateways)
    assert (run.status, run.requested, run.returned) == ("partial", 3, 2)
    (short,) = run.shortfalls
    row = next(row for row in TABLE if row.fault == fault)
    assert type(short.error) is row.gemini[0]
    assert run.blocked == (1 if row.gemini[0] is ModerationBlocked else 0)
    assert emulator.count() == 3


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_the_deadline_keeps_geminis_images_that_came_in_time(gateways, emulator, fault):
    three = step("gemini", image_count=3)
    run, _ = run_past_deadline(gateways, emulator, three, [Fault(fault)], returned=2)
    assert (run.status, run.returned) == ("partial", 2)
    (short,) = run.shortfalls
    assert (type(short.error), short.error.charge) == (ProviderTimeout, "unknown")
    assert emulator.count() == 3


@each_provider
@pytest.mark.parametrize("fault", ["wrong_bytes", "bad_base64", "truncated_image"])
def test_every_unusable_image_is_accounted_for(gateways, emulator, provider, fault):
    script(emulator, provider, Fault(fault))
    run = step(provider, "continue").run(workspace=gateways)
    assert len(run.shortfalls) == COUNT
    assert run.usage.as_dict() != {}


@each_provider
def test_a_later_prompt_can_tell_why_a_step_failed(gateways, emulator, provider):
    script(emulator, provider, Fault("moderation"))
    run = step(provider, "continue").run(workspace=gateways)
    prompt = (
        "after {{step_1.output.error.kind}}: "
        "{{step_1.output.error.returned}} of {{step_1.output.error.requested}}"
    )
    later = step(provider, prompt=prompt).run({"step_1": run}, workspace=gateways)
    assert later.prompt == "after moderation: 0 of 2"


@each_provider
def test_the_next_run_is_unharmed(gateways, emulator, provider):
    for row in BAD:
        if row.fault.kind not in ("hang", "drip", "huge"):
            script(emulator, provider, row.fault, meets=row.meets)
            assert step(provider, "continue").run(workspace=gateways).status == "failed"
    assert step(provider).run(workspace=gateways).status == "done"


@each_provider
def test_a_failed_run_tells_its_events(gateways, emulator, provider):
    for policy in ("terminate", "continue"):
        script(emulator, provider, Fault("server_error"))
        events = []
        try:
            run = step(provider, policy).run(workspace=gateways, on_event=events.append)
        except StepFailed as failed:
            run = failed.run
        assert [event.kind for event in events] == ["queued", "started", "failed"]
        assert events[-1].run is run
        assert isinstance(events[-1].error, ImagegenError)
        assert events[-1].error is run.error


@pytest.mark.parametrize(
    "code",
    [
        "billing_hard_limit_reached",
        "credit_balance_exhausted",
        "organization_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "project_spend_limit_exceeded",
    ],
)
def test_openais_words_for_no_money(gateways, emulator, code):
    emulator.script("openai", Fault("quota", code=code))
    error = step("openai", "continue").run(workspace=gateways).error
    assert (type(error), error.code, error.charge) == (QuotaExhausted, code, "none")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("IMAGE_SAFETY", ModerationBlocked),
        ("IMAGE_PROHIBITED_CONTENT", ModerationBlocked),
        ("IMAGE_RECITATION", ModerationBlocked),
        ("PROHIBITED_CONTENT", ModerationBlocked),
        ("SAFETY", ModerationBlocked),
        ("IMAGE_OTHER", InvalidResponse),
        ("OTHER", InvalidResponse),
        ("NO_IMAGE", InvalidResponse),
        ("MAX_TOKENS", InvalidResponse),
        ("SOMETHING_NEW", InvalidResponse),
        ("FINISH_REASON_UNSPECIFIED", InvalidResponse),
        ("BLOCK_REASON_UNSPECIFIED", InvalidResponse),
    ],
)
def test_geminis_finish_reasons(gateways, emulator, code, kind):
    script(emulator, "gemini", Fault("moderation", code=code))
    error = step("gemini", "continue").run(workspace=gateways).error
    assert (type(error), error.code, error.charge) == (kind, code, "unknown")
    assert ("safety system" in str(error)) == (code in ("SAFETY", "IMAGE_SAFETY") or "PROHIBITED" in code)


@pytest.mark.parametrize(
    "reason",
    ["SAFETY", "PROHIBITED_CONTENT", "IMAGE_SAFETY", "BLOCKLIST", "MODEL_ARMOR", "JAILBREAK"],
)
def test_geminis_reasons_to_block_a_prompt(gateways, emulator, reason):
    script(emulator, "gemini", Fault("moderation", variant="prompt", code=reason))
    run = step("gemini", "continue").run(workspace=gateways)
    assert (type(run.error), run.error.code, run.error.charge) == (ModerationBlocked, reason, "none")
    assert run.blocked == COUNT


@pytest.mark.parametrize(
    "reason", ["OTHER", "BLOCKED_REASON_UNSPECIFIED", "BLOCK_REASON_UNSPECIFIED", "FINISH_REASON_UNSPECIFIED"]
)
def test_a_prompt_refused_for_no_named_reason_is_not_blocked_by_a_safety_system(gateways, emulator, reason):
    script(emulator, "gemini", Fault("moderation", variant="prompt", code=reason))
    run = step("gemini", "continue").run(workspace=gateways)
    assert (type(run.error), run.error.code, run.error.charge) == (BadRequest, reason, "none")
    assert run.blocked == 0
    assert "safety" not in str(run.error)


@pytest.mark.parametrize("reason", ["SOMETHING_NEW", "LANGUAGE"])
def test_a_block_for_an_unknown_reason_claims_no_safety_system(gateways, emulator, reason):
    script(emulator, "gemini", Fault("moderation", variant="prompt", code=reason))
    run = step("gemini", "continue").run(workspace=gateways)
    assert (type(run.error), run.error.code, run.error.charge) == (ModerationBlocked, reason, "none")
    assert f"for a reason that is not known here ({reason})" in str(run.error)
    assert "safety" not in str(run.error)


def test_words_instead_of_an_image_are_quoted(gateways, emulator):
    script(emulator, "gemini", Fault("text_only"))
    error = step("gemini", "continue").run(workspace=gateways).error
    assert "has words and no picture" in error.message


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
def test_a_retired_model_names_its_successor(gateways, emulator):
    emulator.retired = True
    run = step("gemini", "continue", model="gemini-2.5-flash-image").run(workspace=gateways)
    assert type(run.error) is ModelRetired
    assert run.error.charge == "none"
    assert "Use gemini-3.1-flash-lite-image" in str(run.error)
