"""The documents do what they say: each page is run from its top, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from support.environment import own_environment
from support.object_server import ObjectServer
from support.pages import FILES, RUN, SHOWN, blocks
from support.project import ROOT
from traitlets.config import Config

import imagegen_nb as ig
from imagegen_nb.cli.sweep_file import read_sweep
from imagegen_nb.emulator import Emulator
from imagegen_nb.providers import catalog

DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted([*DOCS.glob("*.md"), *(DOCS / "tutorial").glob("*.md"), *(DOCS / "howto").glob("*.md")]),
]
OWN_TEST = ("s3", "stores", "dask")
SHELL = [path for path in PAGES if any(block.kind == "sh" for block in blocks(path))]
BUCKET, SCHEDULER = "s3://bucket/team", "tcp://scheduler.example:8786"
ALL = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
SAID_ELSEWHERE = {"cassettes": {"bash"}}
"""`tests/cli/test_init.py` and `tests/test_install.py` follow these commands."""
PLAIN = [
    path
    for path in PAGES
    if path not in SHELL and any(block.kind in ("python", "ipython") for block in blocks(path))
]


def parameters(pages: list[Path]) -> list[Any]:
    """Those without a test of their own, each by its name."""
    return [pytest.param(path, id=name(path)) for path in pages if path.stem not in OWN_TEST]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture(autouse=True)
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A folder of their own, and nothing left behind that a page put into the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


def run(path: Path, emulator: Emulator, place: str = "", own: str = "") -> dict[str, Any]:
    """Run the blocks of a page, one after the other, and give the names it leaves.

    `own` takes the place of the address `place`, which nobody has.
    """
    names: dict[str, Any] = {"__name__": "page"}
    notebook = InteractiveShell(user_ns=names, config=Config(HistoryManager={"enabled": False}))
    for block in blocks(path):
        text = block.text.replace('backend="emulator"', f'backend="{emulator.url}"')
        text = text.replace(place, own) if place else text
        if block.file and block.kind in (*FILES, "python"):
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.kind == "python":
            exec(compile(text, str(path), "exec"), names)  # our own text
        elif block.kind == "ipython":
            notebook.run_cell(text).raise_error()
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
        env={
            **environment,
            "PATH": path,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("path", parameters(PLAIN))
def test_a_page_runs(path: Path, emulator: Emulator) -> None:
    names = run(path, emulator)
    if check := RESULTS.get(path.stem):
        check(names)


@pytest.mark.notebooks
@pytest.mark.timeout(600)  # a page starts up to ten programs, and kernels
@pytest.mark.parametrize("path", parameters(SHELL))
def test_a_page_with_commands_runs(path: Path, emulator: Emulator) -> None:
    run(path, emulator)


@pytest.mark.notebooks
def test_the_readme_example_is_a_program_as_it_stands(tmp_path: Path) -> None:
    (example,) = (block.text for block in blocks(ROOT / "README.md") if block.kind == "python")
    assert len([line for line in example.splitlines() if line.strip()]) <= 20
    Path("example.py").write_text(example, encoding="utf-8")
    shell(f"{sys.executable} example.py")
    step_file = ig.load_step(tmp_path / "hero.step.json")
    assert (step_file.step.name, step_file.step.image_count) == ("Hero", 2)
    assert sorted(path.name for path in Path("images").iterdir()) == ["hero-1.png", "hero-2.png"]


def test_the_page_about_buckets_runs(emulator: Emulator, object_server: ObjectServer) -> None:
    names = run(DOCS / "howto" / "s3.md", emulator, BUCKET, object_server.new_url())
    assert names["shared"].assets[0].file_url.startswith("http")


def test_the_page_about_stores_runs(emulator: Emulator, object_server: ObjectServer) -> None:
    names = run(DOCS / "stores.md", emulator, BUCKET, object_server.new_url())
    assert names["for_others"].assets[0].file_url.startswith("http")


@pytest.mark.rigs
@pytest.mark.filterwarnings("ignore")
def test_the_page_about_dask_runs(emulator: Emulator) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        run(DOCS / "howto" / "dask.md", emulator, SCHEDULER, cluster.scheduler_address)


@pytest.mark.parametrize("path", ALL, ids=name)
def test_each_block_says_what_it_is(path: Path) -> None:
    """What is run, what is a file, and what only is shown: other kinds would be read by no test."""
    known = {*RUN, *FILES, *SHOWN, *SAID_ELSEWHERE.get(path.stem, ())}
    assert {block.kind for block in blocks(path)} <= known
    is_run = any(block.kind in RUN for block in blocks(path))
    assert not is_run or path in PAGES


def _sweep_was_exported(names: dict[str, Any]) -> None:
    assert ig.load_step("hero.step.json").step == names["winner"].step
    assert read_sweep(Path("night.toml")).load(workspace=names["ws"]).counts() == {"waiting": 6}


def _card_follows(names: dict[str, Any]) -> None:
    assert names["run"]["step_3"].prompt == "A card in the mood of hero-1.png: lamp"


def _baseline_was_written(_names: dict[str, Any]) -> None:
    assert Path("baselines/hero.png").exists()


def _swatch_is_blue(names: dict[str, Any]) -> None:
    catalog.unregister("swatch")
    assert names["run"].images[0].getpixel((0, 0)) == (0, 0, 255)


RESULTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "CONTRIBUTING": _swatch_is_blue,
    "sweeps": _sweep_was_exported,
    "workflows": _card_follows,
    "testing": _baseline_was_written,
}
"""What a page has to have brought about, beside running."""
