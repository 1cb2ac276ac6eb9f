"""A run's spans as OpenTelemetry's own SDK receives them, and that a run without it imports none of it."""

from __future__ import annotations

import asyncio
import base64
import json
import threading

import pytest
from support.images import picture
from support.ledger import run_program
from support.network import http

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import ModerationBlocked, StepFailed
from imagegen_nb.judges import VisionJudge

STEP = ig.ImageGenerationStep(prompt="A {{product}}", image_size="1024x640", image_output_format="jpeg")
SECRET = "a-key-of-no-known-shape"
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


class Spans:
    """What the SDK's own exporter received, oldest first."""

    def __init__(self, exporter):
        self._exporter = exporter

    @property
    def all(self):
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name):
        return [span for span in self.all if span.name == name]

    @property
    def run(self):
        (span,) = [span for span in self.all if span.name.startswith("generate_content ")]
        return span

    def text(self):
        return "\n".join(span.to_json() for span in self.all)


@pytest.fixture
def spans(monkeypatch):
    # Imported here: from then on the other tests of this process make spans too, which go nowhere.
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield Spans(exporter)
    provider.shutdown()


@pytest.mark.parametrize("method", ["on_start", "on_end"])
def test_whoever_reads_spans_may_fail_and_no_image_is_lost(emulator, workspace, spans, monkeypatch, method):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import SpanProcessor

    def broken(*_):
        raise RuntimeError("no room in the queue")

    processor = SpanProcessor()
    setattr(processor, method, broken)
    trace.get_tracer_provider().add_span_processor(processor)
    run = STEP.run({"product": "lamp"}, workspace=workspace)
    assert (run.status, len(run.output.assets), emulator.count()) == ("done", 1, 1)
    emulator.script("openai", Fault("moderation"))
    with pytest.raises(StepFailed, match="safety system"):
        STEP.run({"product": "lamp"}, workspace=workspace)
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_a_question_says_what_was_asked_and_what_it_used(emulator, workspace, spans, monkeypatch):
    monkeypatch.setenv("OTHER_SERVICE_TOKEN", SECRET)
    run = STEP.run({"product": "lamp"}, workspace=workspace)
    judge = VisionJudge("grok-4.6", rubric=f"Is it {SECRET}?", workspace=workspace)
    verdict = asyncio.run(judge.judge(run.output.assets[0]))
    (span,) = spans.named("chat grok-4.6")
    told = span.attributes
    assert (span.kind.name, span.status.status_code.name) == ("CLIENT", "UNSET")
    assert (told["gen_ai.operation.name"], told["gen_ai.output.type"]) == ("chat", "json")
    assert (told["gen_ai.provider.name"], told["gen_ai.request.max_tokens"]) == ("x_ai", 4096)
    assert told["gen_ai.usage.image.input_tokens"] > 0
    assert told["imagegen_nb.cost.amount"] == float(verdict.cost.amount)
    request = spans.all[-1]
    assert request.parent.span_id == span.context.span_id
    assert SECRET not in spans.text()
    assert "contrast" not in spans.text()


def test_a_question_without_an_answer_says_how_it_failed(emulator, workspace, spans):
    run = STEP.run({"product": "lamp"}, workspace=workspace)
    emulator.script("openai", Fault("moderation"))
    judge = VisionJudge("gpt-5.4-mini", rubric="Is it blue?", workspace=workspace)
    with pytest.raises(ModerationBlocked):
        asyncio.run(judge.judge(run.output.assets[0]))
    (span,) = spans.named("chat gpt-5.4-mini")
    assert span.status.status_code.name == "ERROR"
    assert span.attributes["error.type"] == "moderation"
    assert span.attributes["imagegen_nb.cost.amount"] > 0


def test_a_run_says_what_was_asked_and_what_it_used(emulator, workspace, spans):
    run = STEP.replace(image_count=2).run({"product": "lamp"}, workspace=workspace)
    span = spans.run
    assert (span.name, span.kind.name, span.status.status_code.name) == (
        "generate_content gpt-image-2",
        "CLIENT",
        "UNSET",
    )
    told = dict(span.attributes)
    host, _, port = emulator.url.removeprefix("http://").partition(":")
    assert told == {
        "gen_ai.operation.name": "generate_content",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-image-2",
        "gen_ai.output.type": "image",
        "gen_ai.request.choice.count": 2,
        "gen_ai.response.model": "gpt-image-2",
        "gen_ai.usage.input_tokens": sum(run.usage.input.values()),
        "gen_ai.usage.text.input_tokens": run.usage.input["text"],
        "gen_ai.usage.output_tokens": run.usage.output["image"],
        "gen_ai.usage.image.output_tokens": run.usage.output["image"],
        "server.address": host,
        "server.port": int(port),
        "imagegen_nb.run.id": run.id,
        "imagegen_nb.backend": "emulator",
        "imagegen_nb.image_size": "1024x640",
        "imagegen_nb.image_output_format": "jpeg",
        "imagegen_nb.images.returned": 2,
        "imagegen_nb.cost.amount": float(run.cost.amount),
        "imagegen_nb.cost.currency": "USD",
    }


CACHED = {
    "input_tokens": 300,
    "input_tokens_details": {
        "text_tokens": 100,
        "image_tokens": 200,
        "cached_tokens": 40,
        "cached_tokens_details": {"text_tokens": 40, "image_tokens": 0},
        "cache_write_tokens": 7,
    },
    "output_tokens": 196,
}


def test_tokens_from_a_cache_have_the_names_of_the_conventions(raw_server, tmp_path, spans, monkeypatch):
    """The example of `gen_ai.usage.input_tokens` in semantic-conventions-genai."""
    answer = {"data": [{"b64_json": base64.b64encode(picture()).decode()}], "usage": CACHED}
    monkeypatch.setenv("HOUSE_KEY", SECRET)
    account = ig.Gateway(raw_server(http(json.dumps(answer).encode())).url, "HOUSE_KEY")
    ig.ImageGenerationStep(prompt="a lamp").run(workspace=ig.Workspace(tmp_path, hosted={"openai": account}))
    told = {name: value for name, value in spans.run.attributes.items() if "input_tokens" in name}
    assert told == {
        "gen_ai.usage.input_tokens": 300,
        "gen_ai.usage.cache_read.input_tokens": 40,
        "gen_ai.usage.text.input_tokens": 100,
        "gen_ai.usage.text.cache_read.input_tokens": 40,
        "gen_ai.usage.image.input_tokens": 200,
        "gen_ai.usage.cache_write.input_tokens": 7,
    }


def test_each_request_is_a_span_of_its_own_in_that_of_the_run(emulator, workspace, spans):
    step = ig.ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="A lamp", image_count=2)
    step.run(workspace=workspace)
    requests = spans.named("POST")
    assert [span.parent.span_id for span in requests] == [spans.run.context.span_id] * 2
    assert [span.attributes["http.response.status_code"] for span in requests] == [200, 200]
    assert spans.run.attributes["gen_ai.provider.name"] == "gcp.gemini"


def test_the_callers_span_is_the_parent_of_the_run(emulator, workspace, spans):
    from opentelemetry import trace

    with trace.get_tracer("own").start_as_current_span("notebook") as own:
        STEP.run({"product": "lamp"}, workspace=workspace)
    assert spans.run.parent.span_id == own.get_span_context().span_id


def test_attempts_that_were_refused_stand_beside_the_one_that_was_not(emulator, workspace, spans):
    emulator.script("openai", Fault("rate_limit", retry_after="0.01"))
    STEP.run({"product": "lamp"}, workspace=workspace)
    first, second = spans.named("POST")
    assert (first.attributes["error.type"], first.status.status_code.name) == ("429", "ERROR")
    assert "http.request.resend_count" not in first.attributes
    assert second.attributes["http.request.resend_count"] == 1
    assert spans.run.status.status_code.name == "UNSET"


@pytest.mark.parametrize("on_failure", ["terminate", "continue"])
def test_a_failed_run_says_how_it_failed(emulator, workspace, spans, on_failure):
    emulator.script("openai", Fault("moderation"))
    step = STEP.replace(on_failure=on_failure)
    if on_failure == "terminate":
        with pytest.raises(StepFailed):
            step.run({"product": "lamp"}, workspace=workspace)
    else:
        step.run({"product": "lamp"}, workspace=workspace)
    span = spans.run
    assert (span.status.status_code.name, span.attributes["error.type"]) == ("ERROR", "moderation")
    assert span.attributes["imagegen_nb.images.returned"] == 0
    assert span.status.description
    assert not span.events  # a recorded exception would bring its message and its frames


def test_a_broken_connection_is_named_by_its_class(emulator, workspace, spans):
    emulator.script("openai", Fault("drop"))
    with pytest.raises(StepFailed):
        STEP.run({"product": "lamp"}, workspace=workspace)
    (request,) = spans.named("POST")
    assert request.attributes["error.type"] == "RemoteProtocolError"
    assert "http.response.status_code" not in request.attributes
    # What it cost nobody knows: that is no amount, and not 0.
    assert "imagegen_nb.cost.amount" not in spans.run.attributes


def test_a_cancelled_run_says_so(emulator, workspace, spans):
    emulator.latency = 5
    started = threading.Event()
    job = workspace.submit(STEP, {"product": "lamp"}, on_event=lambda event: started.set())
    started.wait(10)
    job.cancel()
    with pytest.raises(BaseException, match="cancelled"):
        job.wait()
    assert spans.run.attributes["error.type"] == "cancelled"


def test_prompts_are_told_by_permission_only_and_keys_and_images_never(
    emulator, workspace, spans, monkeypatch
):
    monkeypatch.setenv("OTHER_SERVICE_TOKEN", SECRET)
    STEP.run({"product": f"lamp {SECRET}"}, workspace=workspace)
    assert "lamp" not in spans.text()
    monkeypatch.setenv(CAPTURE, "SPAN_ONLY")
    run = STEP.run({"product": f"vase {SECRET}"}, workspace=workspace)
    told = spans.all[-2].attributes["gen_ai.input.messages"]
    ((message),) = json.loads(told)
    assert message["role"] == "user"
    assert message["parts"][0]["content"].startswith("A vase ")
    assert SECRET not in spans.text()
    assert max(map(len, spans.text().splitlines())) < 2_000
    assert run.output.assets[0].file_url not in spans.text()


def test_a_run_without_it_imports_none_of_it(emulator):
    program = f"""
import sys, tempfile
import imagegen_nb as ig
with tempfile.TemporaryDirectory() as folder, ig.Workspace(folder, backend={emulator.url!r}) as workspace:
    ig.ImageGenerationStep(prompt="A lamp", image_size="1024x640").run(workspace=workspace)
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    assert run_program(program).strip() == "[]"
