"""Steps to record, a project folder for each test, and the certainty that none leaves a cassette in use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx2
import pytest

from imagegen_nb import ImageGenerationStep, Run, Workspace, replay
from imagegen_nb.core import active_cassette
from imagegen_nb.core.active_cassette import CASSETTE_VARIABLE
from imagegen_nb.emulator import Emulator
from imagegen_nb.replay.cassette_file import About
from imagegen_nb.replay.environment import AGAINST_VARIABLE, MODE_VARIABLE, NOTEBOOK_VARIABLE
from imagegen_nb.replay.folder_writer import FolderWriter
from imagegen_nb.replay.recording import Recording

UNPATCHED = httpx2.AsyncHTTPTransport.handle_async_request
LAMP = ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
GROK = ImageGenerationStep(model="grok-imagine-image", prompt="a lamp", image_count=2)
FLASH = ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a lamp", image_count=3)
STEPS = [LAMP, GROK, FLASH]
PROVIDERS = {"gpt-image-2": "openai", "grok-imagine-image": "xai", "gemini-nano-banana-2.1": "gemini"}


def write_cassette(folder: Path, about: About, recordings: Sequence[Recording]) -> None:
    FolderWriter(folder).write(about, recordings)


def pictures(run: Run) -> list[str]:
    return [asset.stored.sha256 for asset in run.output.assets if asset.stored]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory; afterwards nothing may be patched."""
    for name in (CASSETTE_VARIABLE, MODE_VARIABLE, AGAINST_VARIABLE, NOTEBOOK_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(active_cassette, "_environment_read", False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cassettes").mkdir()
    yield tmp_path
    assert active_cassette._current is None
    assert httpx2.AsyncHTTPTransport.handle_async_request is UNPATCHED


@pytest.fixture
def live(project: Path) -> Iterator[Workspace]:
    """A workspace on the live providers, without any key."""
    with Workspace(project / "live", timeout=30) as workspace:
        yield workspace


@pytest.fixture
def lamp(workspace: Workspace, emulator: Emulator, project: Path) -> Path:
    """The cassette `lamp`, with one call in it; its folder."""
    with replay.use("lamp", "all"):
        LAMP.run(workspace=workspace)
    emulator.clear()
    return project / "cassettes" / "lamp"
