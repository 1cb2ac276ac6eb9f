"""What every provider must do, as cases and as facts that hold of a run of each: said once, for every lane.

One lane asks the emulator over loopback, another replays cassettes; both check the same facts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from imagegen_nb import ImageGenerationStep, Run, Workspace
from imagegen_nb.core.events import RunEvent
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidResponse, ModerationBlocked, ProviderError, RateLimited

FOX = {"what": "fox"}
COUNT = 2

RICH = {
    "image_size": "1536x1024",
    "image_quality": "low",
    "image_background": "opaque",
    "image_output_format": "webp",
    "image_output_compression": 80,
}


@dataclass(frozen=True)
class Case:
    """Settings given, and what must come of them.

    `settings` are what the output tells beside the model. With `error` (the kind, its HTTP status and its
    charge) the emulator is told `fault`, and no image comes.
    """

    provider: str
    model: str
    settings: dict[str, Any]
    size: tuple[int, int]
    file_type: str
    usage: dict[str, Any]
    given: dict[str, Any] = field(default_factory=dict)
    answered_by: str | None = None
    count: int = COUNT
    previews: int = 0
    fault: Fault | None = None
    error: tuple[type[ProviderError], int, Literal["none", "unknown", "charged"]] | None = None

    @property
    def calls(self) -> int:
        """How many requests a run makes."""
        return self.count if self.provider == "gemini" else 1

    def step(self, **changes: Any) -> ImageGenerationStep:
        settings = {"model": self.model, "prompt": "a {{what}}", "image_count": self.count, **self.given}
        return ImageGenerationStep(**(settings | changes))


def gpt(model: str, tokens: int, quality: str = "low") -> Case:
    settings = {**RICH, "image_quality": quality}
    return Case(
        "openai",
        model,
        settings,
        (1536, 1024),
        "image/webp",
        _gpt_usage(2 * tokens),
        {**settings, "image_moderation": "low"},
    )


def _gpt_usage(output: int) -> dict[str, Any]:
    return {
        "input_tokens": {"text": 2, "image": 0},
        "output_tokens": {"image": output, "text": 0},
        "total_tokens": 2 + output,
    }


def grok(model: str, cents: int, answered_by: str | None = None, count: int = COUNT) -> Case:
    settings = {"provider": "xai", "image_count": count}
    usage = {"cost_in_usd_ticks": count * cents * 100_000_000}
    return Case("xai", model, settings, (1024, 1024), "image/png", usage, {}, answered_by, count)


def flash(
    model: str,
    size: tuple[int, int],
    tokens: int,
    ratio: str = "16:9",
    count: int = COUNT,
    thoughts: int = 0,
    **more: Any,
) -> Case:
    usage = {
        "input_tokens": {"text": 2 * count},
        "output_tokens": {"image": count * tokens} | ({"thoughts": count * thoughts} if thoughts else {}),
        "total_tokens": (2 + tokens + thoughts) * count,
    }
    given = {"image_size": ratio}
    return Case("gemini", model, given, size, "image/png", usage, given, count=count, **more)


CASES = {
    case.model: case
    for case in (
        gpt("gpt-image-2", 158),
        gpt("gpt-image-2.5-flare", 158),
        gpt("gpt-image-2.5-sunburst", 5488, "max"),
        gpt("gpt-image-2.6-flare", 158),
        gpt("gpt-image-2.6-sunburst", 5488, "max"),
        grok("grok-imagine-image", 2),
        grok("grok-imagine-image-quality", 4, answered_by="grok-imagine-image-2.0"),
        grok("grok-imagine-image-2.0", 4),
        flash("gemini-2.5-flash-image", (1344, 768), 1290),
        flash("gemini-3.1-flash-image", (1376, 768), 1120, thoughts=153),
        flash("gemini-nano-banana-2.1", (1376, 768), 1120, thoughts=153),
        flash("gemini-3.1-flash-lite-image", (1376, 768), 1120),
        flash("gemini-3-pro-image", (1376, 768), 1120),
    )
}
"""Every declared model, at its fullest."""


def small_gpt(kind: str, count: int = 1) -> Case:
    """The fewest pixels the model makes, at its lowest quality, as a file of that kind."""
    given = {"image_size": "1024x640", "image_quality": "low", "image_output_format": kind}
    given |= {"image_output_compression": 60} if kind != "png" else {}
    told = {"image_output_compression": None, "image_background": "opaque", **given}
    usage = _gpt_usage(count * 107)
    return Case("openai", "gpt-image-2", told, (1024, 640), f"image/{kind}", usage, given, count=count)


def refused(case: Case, fault: Fault, *error: Any, usage: dict[str, Any]) -> Case:
    """`case` as it ends when the provider answers with `fault`: `error` is its kind, status and charge."""
    given = {**case.given, "on_failure": "continue"}
    return replace(case, fault=fault, error=error, usage=usage, given=given)


SQUARE = flash("gemini-2.5-flash-image", (1024, 1024), 1290, "1:1", count=1)
WEBP = small_gpt("webp")

RECORDED = {
    "openai-png": small_gpt("png"),
    "openai-jpeg": small_gpt("jpeg"),
    "openai-webp-two": small_gpt("webp", count=2),
    "openai-streamed": replace(
        WEBP,
        previews=2,
        usage={
            "input_tokens": {"text": 2, "image": 0},
            "output_tokens": {"image": 307},
            "total_tokens": 309,
        },
    ),
    "openai-refused": refused(WEBP, Fault("moderation"), ModerationBlocked, 400, "none", usage={}),
    "openai-rate-limit": refused(
        # Longer than anybody waits: else the call would be made again.
        WEBP,
        Fault("rate_limit", retry_after="100"),
        RateLimited,
        429,
        "none",
        usage={},
    ),
    "grok": grok("grok-imagine-image", 2),
    "grok-quality": grok("grok-imagine-image-quality", 4, answered_by="grok-imagine-image-2.0", count=1),
    "gemini-square": SQUARE,
    "gemini-wide": flash("gemini-3.1-flash-image", (1376, 768), 1120, count=1, thoughts=153),
    "gemini-three": flash("gemini-3.1-flash-image", (1024, 1024), 1120, "1:1", count=3, thoughts=153),
    "gemini-blocked": refused(
        SQUARE,
        Fault("moderation"),
        ModerationBlocked,
        200,
        "unknown",
        usage={"input_tokens": {"text": 2}, "total_tokens": 2},
    ),
    "gemini-text-only": refused(
        SQUARE,
        Fault("text_only"),
        InvalidResponse,
        200,
        "unknown",
        usage={"input_tokens": {"text": 2}, "output_tokens": {"unspecified": 12}, "total_tokens": 14},
    ),
}
"""What is recorded, by the name of its cassette below `cassettes/contract/`: small pictures."""


def check_output(run: Run, case: Case) -> None:
    """The images, and the output in the platform's keys."""
    assert (run.status, run.requested, run.returned, run.blocked) == ("done", case.count, case.count, 0)
    assert run.error is None
    assert run.shortfalls == ()
    assert run.output.model_dump()["settings"] == {"model": case.model, **case.settings}
    assert list(run.output.model_dump()) == ["settings", "assets"]
    for asset in run.output.assets:
        assert asset.file_type == case.file_type
        picture = asset.image()
        assert f"image/{(picture.format or '').lower()}" == case.file_type
        assert picture.size == case.size
    assert len({asset.stored.sha256 for asset in run.output.assets if asset.stored}) == case.count


def check_told(run: Run, case: Case) -> None:
    """Usage, ids, and who answered."""
    assert run.usage.as_dict() == case.usage
    assert len(set(run.request_ids)) == len(run.receipts) == case.calls
    # Google's id stands in the body; the others' headers are written down under an id of our own.
    maker = "emulated" if run.cassette is None or case.provider == "gemini" else "recorded"
    assert all(maker in request_id for request_id in run.request_ids)
    assert run.answered_by == (case.answered_by or case.model)
    assert any("answered by" in warning for warning in run.warnings) == (case.answered_by is not None)
    assert (run.prompt, run.inputs) == ("a fox", FOX)
    assert run.duration > 0


def check_marked(run: Run, workspace: Workspace) -> None:
    """Everything says that an emulator made it."""
    assert run.emulated
    assert run.backend == "emulator"
    assert run.paid_by == "nobody (emulator)"
    assert "EMULATED" in repr(run)
    assert "EMULATED" in run._repr_html_()
    assert all(record.emulated for record in workspace.records(run.id))


def check_stored(run: Run, case: Case, workspace: Workspace) -> None:
    """A record for each image, true to its bytes."""
    records = list(workspace.records(run.id))
    assert len(records) == case.count
    for record, asset in zip(records, run.output.assets, strict=True):
        data = asset.bytes()
        assert record == asset.stored
        assert (record.id, record.file_size) == (asset.id, len(data))
        assert record.sha256 == hashlib.sha256(data).hexdigest()
        assert (record.width, record.height) == case.size
    assert workspace.store.used == sum(record.file_size for record in records)


def check_events(events: list[RunEvent], run: Run, case: Case) -> None:
    """Everything is told, in order."""
    kinds = ["queued", "started", *["partial"] * case.previews, *["image"] * case.count, "done"]
    assert [event.kind for event in events] == kinds
    assert {(event.run_id, event.requested) for event in events} == {(run.id, case.count)}
    images = [event for event in events if event.kind == "image"]
    assert sorted(event.index for event in images) == list(range(case.count))
    for event in images:
        stored = run.output.assets[event.index].stored
        assert stored is not None
        told = (event.image.width, event.image.height, event.image.media_type)
        assert told == (stored.width, stored.height, stored.file_type)
        assert hashlib.sha256(event.image.data).hexdigest() == stored.sha256
    assert events[-1].run is run


def check_failed(events: list[RunEvent], run: Run, case: Case) -> None:
    """A provider that gives no image: an error of our own, told and kept, and nothing else."""
    error = run.error
    assert isinstance(error, ProviderError)
    assert (type(error), error.status, error.charge) == case.error
    assert (run.status, run.requested, run.returned) == ("failed", case.count, 0)
    assert run.output.assets == ()
    assert run.output.error is not None
    assert run.output.error.kind == error.kind
    assert run.usage.as_dict() == case.usage
    assert [event.kind for event in events] == ["queued", "started", "failed"]
