"""`assert_run`: everything at once, and every difference told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.images import picture

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption, ModerationBlocked, ProviderFault
from imagegen_nb.testing import assert_run

STEP = ig.ImageGenerationStep(
    name="Hero",
    prompt="a {{what}}",
    image_count=2,
    image_size="1536x1024",
    image_output_format="webp",
    on_failure="continue",
)
AS_IT_IS = {
    "status": "done",
    "count": 2,
    "size": "1536x1024",
    "format": "webp",
    "alpha": False,
    "max_bytes": 5_000_000,
    "model": "gpt-image-2",
    "prompt": "a fox",
    "emulated": True,
}
OTHERWISE = {
    "status": "partial",
    "count": 3,
    "size": "1024x1024",
    "format": "png",
    "alpha": True,
    "max_bytes": 10,
    "model": "grok-imagine-image",
    "prompt": "a hare",
    "emulated": False,
}


@pytest.fixture
def run(workspace):
    return STEP.run({"what": "fox"}, workspace=workspace)


def told(run, **expected):
    """The message of the failure."""
    with pytest.raises(AssertionError) as caught:
        assert_run(run, **expected)
    return str(caught.value)


def test_a_run_that_is_as_expected(run):
    assert_run(run)
    assert_run(run, **AS_IT_IS)


@pytest.mark.parametrize("name", AS_IT_IS)
def test_each_expectation_can_fail(run, name):
    message = told(run, **{**AS_IT_IS, name: OTHERWISE[name]})
    assert name in message
    for_each_image = name in ("size", "format", "alpha", "max_bytes")
    assert f": {2 if for_each_image else 1} difference" in message


def test_everything_is_told_at_once_and_says_where(run):
    lines = told(run, **OTHERWISE).splitlines()
    assert lines[0] == f"{run.title}: 13 differences"
    assert "  count: expected 3, got 2" in lines
    assert "  prompt: expected 'a hare', got 'a fox'" in lines
    assert "  assets.1 (hero-2.webp) size: expected '1024x1024', got '1536x1024'" in lines
    assert "  assets.0 (hero-1.webp) format: expected 'png', got 'webp'" in lines


def test_failed_and_partial_runs(workspace, emulator):
    emulator.script("openai", Fault("moderation"), Fault("fewer", images=1))
    failed, partial = (STEP.run({"what": "fox"}, workspace=workspace) for _ in range(2))
    assert_run(failed, error=ModerationBlocked, count=0)
    assert_run(partial, status="partial", count=1)
    assert "error: expected ProviderFault, got ModerationBlocked" in told(failed, error=ProviderFault)
    message = told(failed, count=2)
    assert "status: expected 'done', got 'failed'" in message
    assert "(the run says: openai:" in message
    assert "returned 1 of 2 images" in told(partial)
    assert "got none" in told(partial, error=ModerationBlocked, status="partial")


def test_sizes_and_formats_are_read_off_the_bytes_not_the_record(run):
    """A file that was changed behind the record's back is noticed, also when nothing is asked about it."""
    store = run.output.assets[0]._store
    data = picture("PNG", (64, 48))
    for asset in run.output.assets:
        store.paths.blob(asset.stored.sha256, asset.file_type).write_bytes(data)
    message = told(run, size="1536x1024")
    assert "size: expected '1536x1024', got '64x48'" in message
    assert "file_type: recorded as 'image/webp', the bytes are 'image/png'" in message
    assert f"the bytes are {len(data)}" in told(run)


def test_images_that_are_damaged_or_gone(run):
    first, second = run.output.assets
    store = first._store
    store.paths.blob(first.stored.sha256, first.file_type).write_bytes(first.bytes()[:200])
    store.paths.blob(second.stored.sha256, second.file_type).unlink()
    message = told(run)
    assert "assets.0 (hero-1.webp) bytes: damaged or incomplete WEBP data" in message
    assert "assets.1 (hero-2.webp) bytes:" in message


def test_a_simulated_run_is_no_live_one():
    run = ig.simulate(STEP)
    assert_run(run, count=2, size="1536x1024", format="webp")
    assert "emulated: expected False, got True" in told(run, emulated=False)


@pytest.mark.parametrize(
    ("change", "expected", "says"),
    [
        ({}, {"format": "jpg"}, r"did you mean jpeg\?"),
        ({"run": "a run"}, {}, "run is of type str"),
    ],
)
def test_what_cannot_be_asserted_is_refused(change, expected, says):
    run = change.get("run", ig.simulate(STEP))
    with pytest.raises(InvalidOption, match=says):
        assert_run(run, **expected)


def test_another_status_than_recorded_is_not_overlooked():
    run = replace(ig.simulate(STEP), status="cancelled")
    assert "expected 'done', got 'cancelled'" in told(run)
