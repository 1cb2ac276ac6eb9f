"""The tutorial and the guides do what they say: each page is run from its top, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.environment import own_environment
from support.object_server import ObjectServer
from support.pages import FILES, RUN, SHOWN, blocks
from support.project import ROOT

from imagegen_nb.emulator import Emulator

DOCS = ROOT / "docs"
PAGES = sorted([*(DOCS / "tutorial").glob("*.md"), *(DOCS / "howto").glob("*.md"), DOCS / "platform.md"])
SHELL = [path for path in PAGES if any(block.kind == "sh" for block in blocks(path))]
BUCKET, SCHEDULER = "s3://bucket/team", "tcp://scheduler.example:8786"
NEW = [*PAGES, *(DOCS / "explanation").glob("*.md"), *(DOCS / "reference").rglob("*.md"), DOCS / "index.md"]


PLAIN = [
    pytest.param(path, id=f"{path.parent.name}-{path.stem}")
    for path in PAGES
    if path not in SHELL and path.stem not in ("s3", "dask") and any(b.kind == "python" for b in blocks(path))
]


@pytest.fixture(autouse=True)
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of their own, and nothing left behind that a page put into the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def run(path: Path, emulator: Emulator, place: str = "", own: str = "") -> dict[str, Any]:
    """Run the blocks of a page, one after the other, and give the names it leaves.

    `own` takes the place of the address `place`, which nobody has.
    """
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks(path):
        text = block.text.replace('backend="emulator"', f'backend="{emulator.url}"')
        text = text.replace(place, own) if place else text
        if block.file and block.kind in (*FILES, "python"):
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            exec(compile(text, str(path), "exec"), names)  # our own text
        elif block.kind == "sh":
            shell(block.text)
    return names


def shell(text: str) -> None:
    """As a reader would type it, where `imagegen-nb` and `pytest` are those of this environment."""
    folder = Path(sys.executable).parent
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    environment = own_environment(without="^(CI|BUILD_NUMBER|PYTEST_(?!DEBUG_TEMPROOT).*|IMAGEGEN_NB_.*)$")
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", text],
        env={**environment, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("path", PLAIN)
def test_a_page_runs(path: Path, emulator: Emulator) -> None:
    run(path, emulator)


@pytest.mark.notebooks
@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SHELL])
def test_a_page_with_commands_runs(path: Path, emulator: Emulator) -> None:
    run(path, emulator)


def test_the_page_about_buckets_runs(emulator: Emulator, object_server: ObjectServer) -> None:
    names = run(DOCS / "howto" / "s3.md", emulator, BUCKET, object_server.new_url())
    assert names["shared"].assets[0].file_url.startswith("http")


@pytest.mark.rigs
@pytest.mark.filterwarnings("ignore")
def test_the_page_about_dask_runs(emulator: Emulator) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        run(DOCS / "howto" / "dask.md", emulator, SCHEDULER, cluster.scheduler_address)


@pytest.mark.parametrize("path", NEW, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_each_block_says_what_it_is(path: Path) -> None:
    """What is run, what is a file, and what only is shown: other kinds would be read by no test."""
    assert {block.kind for block in blocks(path)} <= {*RUN, *FILES, *SHOWN}
