"""The platform's emulation, and a step file whose images are in a store beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.platform_server import KEY, SECRET, PlatformServer, served
from support.runs import run_of

import imagegen_nb as ig
from imagegen_nb.store.local import LocalStore


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlatformServer]:
    monkeypatch.setenv("FETCH_HIVE_API_KEY", KEY)
    monkeypatch.setenv("FETCH_HIVE_WEBHOOK_SECRET", SECRET)
    with served() as platform:
        yield platform


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "assets")


@pytest.fixture
def step() -> ig.ImageGenerationStep:
    return ig.ImageGenerationStep(
        name="Hero",
        prompt="A hero of {{product}} by {{makers}}",
        image_size="1536x1024",
        image_count=3,
        image_output_format="png",
        on_failure="continue",
    )


@pytest.fixture
def file(tmp_path: Path, store: LocalStore, step: ig.ImageGenerationStep) -> Path:
    """Three images; the store that has them calls them emulated."""
    inputs = {"product": "a lamp", "makers": ["Ada", "Bo"]}
    run = run_of(step, store, inputs=inputs, identifier="step_2")
    ig.save_step(tmp_path / "hero.step.json", step, run=run)
    return tmp_path / "hero.step.json"
