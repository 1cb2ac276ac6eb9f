"""An image that arrived is kept, whatever is odd about the answer around it: all providers, over real HTTP.

The shapes come from bug reports about gateways and providers; each is rebuilt small here.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from PIL import Image

from imagegen_nb import Gateway, ImageGenerationStep, Run, Workspace
from imagegen_nb.errors import (
    InvalidResponse,
    ModerationBlocked,
    ProviderFault,
    ProviderTimeout,
    QuotaExhausted,
    RateLimited,
)
from imagegen_nb.providers import catalog

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")


def picture(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, shade, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def encoded(shade: int = 0) -> str:
    return base64.b64encode(picture(shade)).decode()


@dataclass(frozen=True)
class Shape:
    """How a provider's answer holds images."""

    model: str
    items: Callable[..., dict[str, Any]]
    item: Callable[[str], dict[str, Any]]
    note: dict[str, Any]
    """Something nobody needs, beside the images."""


def gemini(*images: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(images)}, "finishReason": "STOP"}], **more}


def listed(*images: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"data": list(images), **more}


SHAPES = {
    "openai": Shape("gpt-image-2", listed, lambda text: {"b64_json": text}, {"revised_prompt": "ODD"}),
    "xai": Shape("grok-imagine-image", listed, lambda text: {"b64_json": text}, {"revised_prompt": "ODD"}),
    "gemini": Shape(
        "gemini-nano-banana-2.1",
        gemini,
        lambda text: {"inlineData": {"mimeType": "image/png", "data": text}},
        {"text": "ODD"},
    ),
}
Answer = Callable[[Callable[[bytes], None], threading.Event], None]
each_provider = pytest.mark.parametrize("provider", SHAPES)


def http(
    body: bytes | dict[str, Any], media_type: str = "application/json", length: int | None = None
) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    promised = len(content) if length is None else length
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {promised}\r\n"
    return f"{head}connection: close\r\n\r\n".encode() + content


@pytest.fixture
def ask(raw_server, tmp_path, monkeypatch):
    """Runs one step against one answer; the run, after exactly one request a call."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")

    def run(
        provider: str, answer: bytes | Answer, count: int = 1, timeout: float = 30, **options: Any
    ) -> Run:
        server = raw_server(answer)
        hosted = {provider: Gateway(server.url, "GATEWAY_KEY")}
        workspace = Workspace(tmp_path, hosted=hosted, timeout=timeout)
        step = ImageGenerationStep(
            model=SHAPES[provider].model, prompt="a fox", image_count=count, on_failure="continue"
        )
        outcome = step.run(workspace=workspace, **options)
        assert len(server.requests) == (count if provider == "gemini" else 1)
        return outcome

    return run


def shades(run: Run) -> list[int]:
    return [asset.image().convert("RGB").getpixel((0, 0))[1] for asset in run.output.assets]


WRAPPINGS = {
    "data address": lambda text: f"data:image/png;base64,{text}",
    "lines": lambda text: "\r\n".join(text[start : start + 60] for start in range(0, len(text), 60)) + "\n",
    "no padding": lambda text: text.rstrip("="),
    "URL-safe": lambda text: text.translate(str.maketrans("+/", "-_")),
    "all": lambda text: " data:;base64," + text.rstrip("=").translate(str.maketrans("+/", "-_")) + "\n",
}


@each_provider
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrapped_base64_is_an_image(ask, provider, wrapping):
    shape = SHAPES[provider]
    for shade in range(3):  # lengths with one, two and no padding
        run = ask(provider, http(shape.items(shape.item(WRAPPINGS[wrapping](encoded(shade))))))
        assert (run.status, shades(run), run.warnings) == ("done", [shade], ())


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_a_data_address_needs_no_fetching(ask, provider):
    answer = listed({"url": f"data:image/png;base64,{encoded(9)}"})
    assert shades(ask(provider, http(answer))) == [9]


@each_provider
@pytest.mark.parametrize(
    "rubbish", ["!", "data:image/png;base64,", "A" * 5, "<svg/>", "https://host.example/a.png"]
)
def test_rubbish_stays_an_error(ask, provider, rubbish):
    shape = SHAPES[provider]
    error = ask(provider, http(shape.items(shape.item(rubbish)))).error
    assert (type(error), error.charge) == (InvalidResponse, "unknown")


ODD = {
    rb'"\ud800"': "a lone surrogate",
    b"NaN": "NaN",
    b'"caf\xe9"': "bytes that are not UTF-8",
    b'"a\nb\x01"': "a control character in a text",
    rb'"it\'s"': "an invalid escape",
}


@each_provider
@pytest.mark.parametrize("odd", ODD)
def test_a_flaw_where_nobody_looks_is_told_and_costs_nothing(ask, provider, odd):
    shape = SHAPES[provider]
    image = shape.item(encoded(7))
    answer = shape.items({**shape.note, **image}, usage={"odd": "ODD"}, usageMetadata={"odd": "ODD"})
    run = ask(provider, http(json.dumps(answer).encode().replace(b'"ODD"', odd)))
    assert (run.status, shades(run)) == ("done", [7])
    assert [warning for warning in run.warnings if ODD[odd] in warning]
    json.dumps([receipt.reported for receipt in run.receipts], allow_nan=False).encode()


@each_provider
@pytest.mark.parametrize(
    ("body", "says"),
    [
        (lambda text: b"\xef\xbb\xbf" + text, "a byte order mark"),
        (lambda text: b")]}'\n" + text, "text beside the JSON"),
        (lambda text: text + b"\n<!-- proxy -->", "text beside the JSON"),
        (lambda text: text.decode().encode("utf-16"), "the encoding utf-16"),
        (lambda text: b"[2026-11-27 10:00:00] [INFO] {ready}\n" + text, "text beside the JSON"),
        (lambda text: text.replace(b"]", b",]"), "a comma too many or too few"),
        (lambda text: text + b"]} [x", "text beside the JSON"),
    ],
    ids=["byte order mark", "prefix", "suffix", "utf-16", "a log's line", "commas", "junk"],
)
def test_a_flaw_around_the_answer_is_told_and_costs_nothing(ask, provider, body, says):
    shape = SHAPES[provider]
    run = ask(provider, http(body(json.dumps(shape.items(shape.item(encoded(5)))).encode())))
    assert shades(run) == [5]
    assert says in " ".join(run.warnings)


@each_provider
@pytest.mark.parametrize("broken", [True, False], ids=["connection", "text"])
def test_the_images_before_the_break_are_kept(ask, provider, broken):
    shape = SHAPES[provider]
    whole = json.dumps(shape.items(shape.item(encoded(1)), shape.item(encoded(2)))).encode()
    cut = whole[: whole.rindex(encoded(2).encode()) + 20]
    run = ask(
        provider, http(cut, length=len(whole) if broken else None), count=1 if provider == "gemini" else 2
    )
    assert shades(run) == [1]
    if provider != "gemini":
        (missing,) = run.shortfalls
        assert (run.status, missing.count, missing.error.charge) == ("partial", 1, "unknown")
        assert type(missing.error) is (ProviderFault if broken else InvalidResponse)
        assert ("broke after the request was sent" if broken else "its end is missing") in str(missing.error)


def event_stream(*events: dict[str, Any], between: str = "", newline: str = "\n") -> bytes:
    text = between + "".join(
        f"event: {event.get('type', 'message')}\ndata: {json.dumps(event)}\n\n{between}" for event in events
    )
    return text.replace("\n", newline).encode()


NOTHING = "retry: 500\n\n: keep-alive\n\nid: 1\n: x\n\nevent: ping\n\ndata:\n\ndata: [DONE]\n\n"
PREVIEW = {"type": "image_generation.partial_image", "b64_json": encoded(3), "partial_image_index": 0}
FINISHED = {"type": "image_generation.completed", "b64_json": encoded(4), "usage": {"total_tokens": 5}}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"], ids=repr)
@pytest.mark.parametrize(
    "media_type", ["text/event-stream", "Text/Event-Stream; charset=utf-8", "text/plain"]
)
@pytest.mark.parametrize("between", ["", NOTHING], ids=["plain", "with events that say nothing"])
def test_a_stream_brings_its_image(ask, between, media_type, newline):
    body = event_stream(PREVIEW, FINISHED, between=between, newline=newline)
    kinds = []
    run = ask(
        "openai", http(body, media_type), partial_images=1, on_event=lambda event: kinds.append(event.kind)
    )
    assert (run.status, shades(run), run.usage.total, run.warnings) == ("done", [4], 5, ())
    assert "partial" in kinds or media_type == "text/plain"  # what is no declared stream is read whole


SECONDS = 1.5
"""A deadline that bytes on loopback meet."""
WHOLE = f"data: {json.dumps(FINISHED)}"
BEFORE_IMAGE = event_stream(PREVIEW).decode()
CUTS = {
    "behind the data": WHOLE,
    "behind its line": WHOLE + "\n",
    "behind an event": f"event: {FINISHED['type']}\n{WHOLE}",
    "with returns alone": f"event: {FINISHED['type']}\r{WHOLE}",
    "behind a preview": BEFORE_IMAGE + WHOLE,
    "behind returns": BEFORE_IMAGE.replace("\n", "\r") + WHOLE,
    "in what follows": f"{WHOLE}\n\nevent: usage\ndata: {{",
    "before its own end": WHOLE[: WHOLE.index(', "usage"')],
    "no events at all": json.dumps(FINISHED),
    "a cut answer": json.dumps(listed({"b64_json": encoded(4)}, {"b64_json": encoded(5)}))[:-30],
}


def unfinished(text: str, *, silent: bool) -> Answer:
    """Answers with the beginning of a stream, and then is silent or breaks the connection."""

    def answer(write: Callable[[bytes], None], over: threading.Event) -> None:
        write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n\r\n")
        write(text.encode())
        if silent:
            over.wait(60)

    return answer


@pytest.fixture
def _imported() -> None:
    """Imports count into no deadline here."""
    for entry in catalog.providers():
        entry.prepare()


@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize("silent", [True, False], ids=["silent", "broken"])
@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "plain"])
def test_of_a_stream_that_stops_in_a_line_the_image_is_kept(ask, cut, silent, streamed):
    options = {"partial_images": 1} if streamed else {}
    run = ask("openai", unfinished(CUTS[cut], silent=silent), timeout=SECONDS if silent else 30, **options)
    assert shades(run) == [4]


@pytest.mark.usefixtures("_imported")
@pytest.mark.parametrize("silent", [True, False], ids=["silent", "broken"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        ": ping",
        "data: {",
        BEFORE_IMAGE,
        WHOLE[:40],
        BEFORE_IMAGE + WHOLE[:90],
        '{"data": [{"b64_json": "QQ',
    ],
)
def test_of_a_stream_that_stops_before_its_image_the_cause_is_told(ask, text, silent):
    run = ask("openai", unfinished(text, silent=silent), timeout=SECONDS if silent else 30, partial_images=1)
    expected = ProviderTimeout if silent else ProviderFault
    assert (type(run.error), run.error.charge, shades(run)) == (expected, "unknown", [])


@pytest.mark.parametrize("streamed", [True, False])
@pytest.mark.parametrize(
    "event",
    [
        {"type": "image_generation.completed", "b64_json": f"data:image/png;base64,{encoded(6)}"},
        {"b64_json": encoded(6)},
        {"data": [{"b64_json": encoded(6)}]},
        {"type": "image_edit.completed", "b64_json": encoded(6)},
    ],
    ids=["data address", "without a type", "a whole answer", "of an edit"],
)
def test_events_of_gateways_bring_their_image(ask, event, streamed):
    for body in (event_stream(event), event_stream(event).rstrip(), b"\xef\xbb\xbf" + event_stream(event)):
        options = {"partial_images": 1} if streamed else {}
        run = ask("openai", http(body, "text/event-stream"), **options)
        assert (run.status, shades(run)) == ("done", [6])


def test_a_type_beside_the_data_counts(ask):
    finished = json.dumps({"b64_json": encoded(6)})
    preview = json.dumps({"b64_json": encoded(1), "partial_image_index": 0})
    body = f"event: image_generation.partial_image\ndata: {preview}\n\n"
    body += f"event: image_generation.completed\ndata: {finished}\n\n"
    assert shades(ask("openai", http(body.encode(), "text/event-stream"), partial_images=1)) == [6]


def test_odd_events_are_told_and_cost_nothing(ask):
    body = b"data: {nonsense\n\n" + event_stream(FINISHED | {"odd": "ODD"}).replace(b'"ODD"', b"NaN")
    run = ask("openai", http(body, "text/event-stream"), partial_images=1)
    assert shades(run) == [4]
    assert "an event that is not JSON" in " ".join(run.warnings)
    assert "NaN" in " ".join(run.warnings)


@each_provider
def test_a_plain_request_answered_by_events_brings_its_images(ask, provider):
    shape = SHAPES[provider]
    one, two = shape.items(shape.item(encoded(1))), shape.items(shape.item(encoded(2)))
    run = ask(provider, http(event_stream(one, two, between=NOTHING), "text/event-stream"))
    assert shades(run) == [1, 2]


@each_provider
def test_a_list_of_answers_brings_its_images(ask, provider):
    """As `streamGenerateContent` answers without `alt=sse`."""
    shape = SHAPES[provider]
    answers = [shape.items(shape.item(encoded(shade))) for shade in (1, 2)]
    assert shades(ask(provider, http(json.dumps(answers).encode()))) == [1, 2]


@each_provider
@pytest.mark.parametrize("status", ["200 Fine", "201 Created", "203 Transformed", "206 Partial"])
def test_any_status_of_success_brings_the_images(ask, provider, status):
    shape = SHAPES[provider]
    answer = http(shape.items(shape.item(encoded(1)))).replace(b"200 OK", status.encode(), 1)
    assert shades(ask(provider, answer)) == [1]


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_one_image_needs_no_list(ask, provider):
    assert shades(ask(provider, http({"data": {"b64_json": encoded(1)}}))) == [1]
    assert shades(ask(provider, http({"b64_json": encoded(1)}))) == [1]


def test_a_stream_in_an_encoding_is_read_whole(ask):
    body = gzip.compress(event_stream(PREVIEW, FINISHED))
    answer = http(body, "text/event-stream").replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n", 1)
    assert shades(ask("openai", answer, partial_images=1)) == [4]


@each_provider
def test_more_images_than_asked_are_all_kept(ask, provider):
    shape = SHAPES[provider]
    run = ask(provider, http(shape.items(*(shape.item(encoded(shade)) for shade in (1, 2, 3)))))
    assert (run.status, run.requested, run.returned, shades(run)) == ("done", 1, 3, [1, 2, 3])
    assert "3 images arrived where 1 had been requested; all are kept" in run.warnings
    assert len(run.output.assets) == len({asset.id for asset in run.output.assets}) == 3


def test_more_images_of_several_calls_are_all_kept_in_order(ask):
    answer = gemini(*(SHAPES["gemini"].item(encoded(shade)) for shade in (1, 2)))
    run = ask("gemini", http(answer), count=3)
    assert (run.status, run.returned, shades(run)) == ("done", 6, [1, 1, 1, 2, 2, 2])


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_rubbish_beside_enough_images_is_no_shortfall(ask, provider):
    shape = SHAPES[provider]
    run = ask(provider, http(listed({}, None, shape.item(encoded(1)), {"b64_json": "!"})))
    assert (run.status, shades(run), run.shortfalls) == ("done", [1], ())
    assert "besides the images was unusable" in " ".join(run.warnings)


@pytest.mark.parametrize(
    "other",
    [
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"a note").decode()}},
        {"inlineData": {"mimeType": "image/png", "data": ""}},
        {"inlineData": {}},
        {"inlineData": {"mimeType": "image/png"}},
        {"inlineData": {"mimeType": "image/png", "data": "!"}},
        {"text": "Here it is:"},
        {"thought": True, "inlineData": {"mimeType": "image/png", "data": encoded(8)}},
        {"executableCode": {"code": "print()"}},
        None,
        "text",
    ],
    ids=str,
)
def test_the_first_part_that_is_an_image_is_kept(ask, other):
    image = {"inlineData": {"mimeType": "image/png", "data": encoded(2)}}
    for parts in ((other, image), (image, other)):
        run = ask("gemini", http(gemini(*parts)))
        assert (run.status, shades(run)) == ("done", [2])


def test_an_image_of_a_second_candidate_and_in_snake_case_is_kept(ask):
    image = {"inline_data": {"mime_type": "image/png", "data": encoded(2)}}
    answer = {"candidates": [{"finishReason": "STOP"}, {"content": {"parts": [image]}}]}
    assert shades(ask("gemini", http(answer))) == [2]


@pytest.mark.parametrize("company", [{}, {"mime_type": "image/jpeg"}, {"url": "https://host.example/a.jpg"}])
def test_an_image_marked_as_withheld_is_a_placeholder(ask, company):
    """xAI's protocol says so of `respect_moderation`."""
    withheld = {"b64_json": encoded(1), "respect_moderation": False, **company}
    run = ask("xai", http(listed(withheld)))
    assert (type(run.error), run.error.charge, run.blocked) == (ModerationBlocked, "unknown", 1)
    assert list(run.output.assets) == []
    mixed = ask("xai", http(listed(withheld, {"b64_json": encoded(2), "respect_moderation": True})), count=2)
    assert (mixed.status, shades(mixed), mixed.blocked) == ("partial", [2], 1)


@pytest.mark.parametrize(
    ("usage", "charge"),
    [
        ({}, "unknown"),
        ({"usage": None}, "unknown"),
        ({"usage": {"cost_in_usd_ticks": 0}}, "none"),
        ({"usage": {"cost_in_usd_ticks": 500_000_000}}, "charged"),
    ],
)
def test_a_block_without_usage_may_have_been_charged(ask, usage, charge):
    body = {"code": "imagine:content-moderated", "error": "Generated image rejected.", **usage}
    run = ask("xai", http(body).replace(b"200 OK", b"400 Bad Request"))
    assert (type(run.error), run.error.charge) == (ModerationBlocked, charge)


@each_provider
@pytest.mark.parametrize(
    "body",
    [
        lambda text: text,
        lambda text: text + b"\ndata: [DONE]\n\n",
        lambda text: b": keep-alive\n\n" + text,
        lambda text: json.dumps(json.loads(text), indent=2).encode(),
    ],
    ids=["plain", "with an end", "after a comment", "indented"],
)
def test_json_that_is_declared_to_be_a_stream_is_json(ask, provider, body):
    shape = SHAPES[provider]
    text = json.dumps(shape.items(shape.item(encoded(7)))).encode()
    assert shades(ask(provider, http(body(text), "text/event-stream"))) == [7]
    if provider == "openai":
        assert shades(ask(provider, http(body(text), "text/event-stream"), partial_images=1)) == [7]


def squeezed(data: bytes, how: str) -> bytes:
    if how == "two members":
        return gzip.compress(data[:50]) + gzip.compress(data[50:])
    if how == "raw deflate":
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(data) + packer.flush()
    return {"gzip": gzip.compress, "zlib": zlib.compress, "not at all": bytes}[how](data)


@each_provider
@pytest.mark.parametrize(
    ("how", "label"),
    [
        ("gzip", "gzip"),
        ("gzip", "identity, gzip"),
        ("gzip", None),
        ("two members", "gzip"),
        ("zlib", "deflate"),
        ("raw deflate", "deflate"),
        ("not at all", "gzip"),
        ("not at all", "br"),
        ("not at all", "utf-8"),
        ("not at all", "none"),
    ],
)
def test_the_bytes_say_how_an_answer_is_packed(ask, provider, how, label):
    shape = SHAPES[provider]
    body = squeezed(json.dumps(shape.items(shape.item(encoded(5)))).encode(), how)
    answer = http(body)
    if label:
        answer = answer.replace(b"\r\n\r\n", f"\r\ncontent-encoding: {label}\r\n\r\n".encode(), 1)
    assert shades(ask(provider, answer)) == [5]


@each_provider
def test_a_packed_answer_whose_connection_breaks_is_read_as_far_as_it_came(ask, provider):
    shape = SHAPES[provider]
    body = gzip.compress(json.dumps(shape.items(shape.item(encoded(5)))).encode())
    answer = http(body, length=len(body) + 1).replace(b"\r\n\r\n", b"\r\ncontent-encoding: gzip\r\n\r\n", 1)
    assert shades(ask(provider, answer)) == [5]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"], ids=repr)
def test_a_last_event_counts_although_the_connection_breaks(ask, end):
    body = event_stream(PREVIEW, FINISHED).rstrip() + end
    run = ask("openai", http(body, "text/event-stream", length=len(body) + 9), partial_images=1)
    assert (run.status, shades(run)) == ("done", [4])


def test_an_event_that_is_cut_is_no_image(ask):
    body = event_stream(PREVIEW, FINISHED)[:-60]
    run = ask("openai", http(body, "text/event-stream", length=len(body) + 9), partial_images=1)
    assert (type(run.error), run.error.charge) == (ProviderFault, "unknown")


@pytest.mark.parametrize("provider", ["openai", "xai"])
def test_an_address_instead_of_an_image_is_told_and_not_fetched(ask, provider):
    error = ask(provider, http(listed({"url": "https://host.example/paid.png?signature=x"}))).error
    assert (type(error), error.charge) == (InvalidResponse, "unknown")
    assert "https://host.example/paid.png?signature=x" in str(error)
    if provider == "openai":
        finished = {"type": "image_generation.completed", "url": "https://host.example/paid.png"}
        error = ask(provider, http(event_stream(finished), "text/event-stream"), partial_images=1).error
        assert "https://host.example/paid.png" in str(error)


def test_the_only_picture_is_kept_although_it_is_marked_as_a_thought(ask):
    drafts = [{"thought": True, **SHAPES["gemini"].item(encoded(shade))} for shade in (1, 2)]
    run = ask("gemini", http(gemini(*drafts)))
    assert (run.status, shades(run)) == ("done", [2])
    assert "marked as a thought" in " ".join(run.warnings)
    blocked = {"candidates": [{"content": {"parts": drafts}, "finishReason": "IMAGE_SAFETY"}]}
    assert type(ask("gemini", http(blocked)).error) is ModerationBlocked


UNSAFE = "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_DATA_LEAKAGE"
REJECTED = "Your request was rejected as a result of our safety system."
DAILY = (
    "Limit reached on requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 7m12s."
)
DEPLETED = "Your prepayment credits are depleted."
CAP = "Your project has exceeded its monthly spending cap."


def google(**info: Any) -> dict[str, Any]:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **info}]
    return {"error": {"message": "no", "details": details}}


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind", "charge"),
    [
        ("xai", 403, {"code": "No permission", "error": UNSAFE}, ModerationBlocked, "unknown"),
        ("xai", 400, {"error": UNSAFE}, ModerationBlocked, "unknown"),
        ("openai", 400, {"error": {"message": REJECTED}}, ModerationBlocked, "none"),
        ("openai", 400, {"error": {"code": "ResponsibleAIPolicyViolation"}}, ModerationBlocked, "none"),
        ("openai", 429, {"error": {"code": "billing_not_active"}}, QuotaExhausted, "none"),
        ("openai", 429, {"code": "insufficient_quota", "message": "no"}, QuotaExhausted, "none"),
        ("openai", 403, {"error": {"code": "insufficient_user_quota"}}, QuotaExhausted, "none"),
        ("openai", 429, {"error": {"message": DAILY}}, RateLimited, "none"),
        ("gemini", 429, {"error": {"message": CAP, "details": []}}, QuotaExhausted, "none"),
        ("gemini", 429, {"error": {"message": DEPLETED}}, QuotaExhausted, "none"),
        ("gemini", 429, google(metadata={"quota_limit_value": "0"}), QuotaExhausted, "none"),
        ("gemini", 429, google(metadata={"quota_limit": "RequestsPerDay"}), QuotaExhausted, "none"),
        ("gemini", 403, google(reason="BILLING_DISABLED"), QuotaExhausted, "none"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("media_type", ["application/json", "text/event-stream"])
def test_refusals_in_the_shapes_of_public_reports(ask, provider, status, body, kind, charge, media_type):
    answer = http(body, media_type).replace(b"200 OK", f"{status} No".encode(), 1)
    run = ask(provider, answer)  # one request: nothing of this is cured by waiting a minute
    assert (type(run.error), run.error.status, run.error.charge) == (kind, status, charge)
    assert run.error.retry_after == (432 if kind is RateLimited else None)


@pytest.mark.parametrize(("cost", "charge"), [(0, "none"), (20_000_000, "charged"), (None, "unknown")])
def test_what_withheld_images_cost_is_told(ask, cost, charge):
    usage = {} if cost is None else {"usage": {"cost_in_usd_ticks": cost}}
    answer = listed({"b64_json": encoded(1), "respect_moderation": False}, **usage)
    assert ask("xai", http(answer)).error.charge == charge


@pytest.mark.parametrize(
    ("provider", "answer", "output"),
    [
        (
            "xai",
            {"usage": {"prompt_tokens": 12, "completion_tokens": 270, "total_tokens": 282}},
            {"image": 270},
        ),
        (
            "openai",
            {"usage": {"input_tokens": 5, "output_tokens": 25, "total_tokens": 35}},
            {"image": 25, "unspecified": 5},
        ),
        (
            "gemini",
            {"usageMetadata": {"promptTokenCount": 8, "totalTokenCount": 1298}},
            {"unspecified": 1290},
        ),
    ],
)
def test_tokens_add_up_whatever_is_itemised(ask, provider, answer, output):
    shape = SHAPES[provider]
    usage = ask(provider, http(shape.items(shape.item(encoded(1)), **answer))).usage
    assert usage.output == output
    assert sum(usage.input.values()) + sum(usage.output.values()) == usage.total


def test_the_usage_of_all_pieces_of_a_stream_counts(ask):
    image = SHAPES["gemini"].item(encoded(1))
    full = {"promptTokenCount": 8, "candidatesTokenCount": 1290, "totalTokenCount": 1298}
    pieces = [gemini(image, usageMetadata=full), gemini({"text": ""}, usageMetadata={"promptTokenCount": 8})]
    usage = ask("gemini", http(event_stream(*pieces), "text/event-stream")).usage
    assert (usage.output, usage.total) == ({"unspecified": 1290}, 1298)
