"""What a run reserves, and how the ledger holds its end."""

from __future__ import annotations

import io
import os
from dataclasses import asdict

import pytest
from PIL import Image

from imagegen_nb import ImageGenerationStep, Workspace
from imagegen_nb.core import images
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import ModerationBlocked, ProviderFault, StoreError
from imagegen_nb.runs import ledger

GROK = "grok-imagine-image"
FLASH = "gemini-nano-banana-2.1"


def begun(charge="unknown"):
    step = ImageGenerationStep(prompt="x", image_count=2)
    return ledger.opening_entry("run-1", step, "emulator", replaying=charge == "none")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"image_size": "1024x1024"}, 1024 * 1024 * 4),
        ({"image_size": "1024x1024", "image_count": 3}, 3 * 1024 * 1024 * 4),
        ({"image_size": "1024x1024", "image_output_format": "webp"}, 1024 * 1024 * 2),
        ({"image_size": "3840x2160", "image_output_format": "jpeg"}, 3840 * 2160 * 2),
        ({}, 1536 * 1024 * 4),
        ({"model": GROK}, 1536 * 1024 * 4),  # xAI sends JPEG, and PNG is kept
        ({"model": FLASH, "image_size": "16:9"}, 1536 * 1024 * 4),
    ],
    ids=str,
)
def test_the_estimate_is_pixels_times_what_the_format_takes(settings, expected):
    assert ImageGenerationStep(prompt="x", **settings).stored_size.reserved == expected


@pytest.mark.parametrize("model", ["gpt-image-2", GROK, FLASH])
@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_the_estimate_is_more_than_what_comes(workspace, model, output_format):
    """Else runs side by side could pass the storage limit together."""
    settings = {"image_output_format": output_format} if model == "gpt-image-2" else {}
    run = ImageGenerationStep(model=model, prompt="a fox", image_count=2, **settings).run(workspace=workspace)
    (entry,) = workspace.runs()
    assert sum(asset.file_size for asset in run.output.assets) < entry.estimate


def _uncompressed_bytes_a_pixel() -> float:
    """Of a PNG of noise, which nothing compresses."""
    edge = 512
    buffer = io.BytesIO()
    noise = Image.frombytes("RGBA", (edge, edge), os.urandom(edge * edge * 4))
    noise.save(buffer, "PNG", compress_level=0)
    return len(buffer.getvalue()) / edge**2


@pytest.mark.parametrize(
    ("settings", "previews"),
    [
        ({"image_count": 10, "image_size": "3840x2160"}, 0),
        ({"image_count": 10}, 0),
        ({"image_count": 10, "model": GROK}, 0),
        ({"image_count": 1, "model": FLASH}, 0),
        ({"image_size": "3840x2160"}, 3),
        ({}, 0),
    ],
    ids=str,
)
def test_an_answer_may_be_as_large_as_what_was_asked_for(settings, previews):
    step = ImageGenerationStep(prompt="x", **settings)
    width, height = map(int, (step.image_size or "2880x2880").split("x"))
    largest_file = width * height * _uncompressed_bytes_a_pixel()
    in_base64 = largest_file * 4 / 3
    assert in_base64 * (step.image_count + previews) < ledger.largest_response(step, previews)
    assert largest_file < images.LARGEST_FILE
    assert ledger.largest_response(step, previews) >= 200 * 1024 * 1024


def test_an_entry_says_what_is_asked_and_not_what_for():
    step = ImageGenerationStep(prompt="a secret plan", name="secret too", image_count=3)
    entry = ledger.opening_entry("run-1", step, "live", replaying=False)
    assert (entry.provider, entry.model, entry.count, entry.emulated) == ("openai", "gpt-image-2", 3, False)
    assert (entry.state, entry.charge, entry.ended_at) == ("calling", "unknown", "")
    assert "secret" not in str(asdict(entry))


BLOCKED = ModerationBlocked("blocked", charge="none")
BILLED = ModerationBlocked("blocked", charge="charged")
BROKEN = ProviderFault("broken", charge="unknown")


@pytest.mark.parametrize(
    ("facts", "errors", "expected"),
    [
        ({"called": True, "kept": True, "cancelled": False}, [], ("done", "charged")),
        ({"called": True, "kept": True, "cancelled": False}, [BLOCKED], ("done", "charged")),
        ({"called": True, "kept": False, "cancelled": False}, [BLOCKED], ("failed", "none")),
        ({"called": True, "kept": False, "cancelled": False}, [BLOCKED, BROKEN], ("failed", "unknown")),
        ({"called": True, "kept": False, "cancelled": False}, [BROKEN, BILLED], ("failed", "charged")),
        ({"called": True, "kept": False, "cancelled": False}, [StoreError("full")], ("failed", "unknown")),
        ({"called": False, "kept": False, "cancelled": False}, [StoreError("full")], ("failed", "none")),
        ({"called": False, "kept": False, "cancelled": True}, [], ("cancelled", "none")),
        ({"called": True, "kept": False, "cancelled": True}, [], ("interrupted", "unknown")),
        ({"called": True, "kept": False, "cancelled": True}, [BLOCKED], ("interrupted", "unknown")),
        ({"called": True, "kept": True, "cancelled": True}, [], ("interrupted", "charged")),
    ],
)
def test_how_a_run_ended_and_what_it_may_have_cost(facts, errors, expected):
    entry = ledger.closing_entry(begun(), errors=errors, **facts)
    assert (entry.state, entry.charge) == expected


def test_a_replay_costs_nothing_however_it_ends():
    for kept in (True, False):
        entry = ledger.closing_entry(begun("none"), called=True, kept=kept, cancelled=False, errors=[BROKEN])
        assert entry.charge == "none"


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("ok", ("done", "charged")),
        ("auth", ("failed", "none")),
        ("server_error", ("failed", "unknown")),
        ("drop", ("failed", "unknown")),
        ("moderation", ("failed", "none")),
        ("empty", ("failed", "unknown")),
    ],
)
def test_the_ledger_of_real_runs(workspace: Workspace, emulator, fault, expected):
    emulator.script("openai", Fault(fault))
    run = ImageGenerationStep(prompt="a fox", on_failure="continue").run(workspace=workspace)
    (entry,) = workspace.runs()
    assert (entry.run_id, entry.state, entry.charge) == (run.id, *expected)
    assert entry.emulated
