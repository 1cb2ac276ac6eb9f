from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from PIL import Image
from support.disks import fill_up, small_disk

from imagegen_nb.errors import ImagegenError, InvalidOption
from imagegen_nb.notebooks import execute as kernel
from imagegen_nb.notebooks.demo import Demo, execute_to, quickstart
from imagegen_nb.store.local import LocalStore

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.notebooks


@pytest.fixture(scope="module")
def demo(quick_starts: None, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo.run(tmp_path_factory.mktemp("demo"))


def outputs(path: Path) -> list[list[str]]:
    """What every code cell of a notebook showed as text.

    The committed ones were recorded, and say so; here the emulator itself is asked.
    """
    cells = nbformat.read(path, as_version=4).cells
    return [
        [shown(output).replace("EMULATED · recorded", "EMULATED") for output in cell.outputs]
        for cell in cells
        if cell.cell_type == "code"
    ]


def shown(output: Any) -> str:
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))


def test_the_demo_leaves_images_an_exported_step_and_a_notebook(demo: Demo) -> None:
    assert [path.name for path in demo.images] == ["hero-image-1.webp", "hero-image-2.webp"]
    for path in demo.images:
        with Image.open(path) as picture:
            assert picture.size == (1536, 1024)
    document = json.loads(demo.steps[0].read_text())
    assert document["provenance"]["backend"] == "emulator"
    assert len(document["output"]["assets"]) == 2


def test_the_committed_notebook_shows_what_running_it_shows(demo: Demo) -> None:
    assert outputs(ROOT / "notebooks" / "quickstart.ipynb") == outputs(demo.notebook)


@pytest.mark.usefixtures("quick_starts")
def test_the_form_notebook_shows_what_running_it_shows(tmp_path: Path) -> None:
    committed = ROOT / "notebooks" / "form.ipynb"
    executed = execute_to(committed.read_text(encoding="utf-8"), tmp_path / "form.ipynb")
    assert outputs(committed) == outputs(executed)
    assert executed.stat().st_size < 60_000


def test_the_notebook_stays_small_and_shows_its_images(demo: Demo) -> None:
    assert demo.notebook.stat().st_size < 150_000
    html = "".join(
        output.data.get("text/html", "")
        for cell in nbformat.read(demo.notebook, as_version=4).cells
        for output in cell.get("outputs", ())
        if output.output_type == "execute_result"
    )
    assert html.count("<img ") == 2 * 5  # each small, and folded up larger
    assert "image/png" not in demo.notebook.read_text()


def test_every_image_it_keeps_is_marked_as_emulated(demo: Demo) -> None:
    store = LocalStore(demo.notebook.parent / "assets")
    records = list(store.records())
    store.close()
    assert len(records) == 3
    assert all(record.emulated for record in records)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("")
    with pytest.raises(InvalidOption, match=r"cannot write to .*a-file/demo: .*; choose another folder"):
        Demo.run(tmp_path / "a-file" / "demo")


@pytest.mark.rigs
def test_a_disk_that_is_full_at_the_end_is_told_and_leaves_no_empty_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", 1 << 16) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        fill_up(disk)
        monkeypatch.setattr(kernel, "execute", lambda *_: "")
        with pytest.raises(ImagegenError) as caught:
            execute_to(quickstart(), disk / "quickstart.ipynb")
        assert str(caught.value) == (
            f"the executed notebook cannot be written to {disk}/quickstart.ipynb: the disk is full. Free "
            "some space, or choose another folder"
        )
        assert [path.name for path in disk.iterdir()] == ["ballast"]
