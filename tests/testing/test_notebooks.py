"""Notebooks as tests, in real kernels: what passes, what fails and says why, and what is left alone."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from PIL import Image
from support.project import CASSETTES, NOTEBOOKS
from support.pytest_run import AS_USERS_DO, PytestRun

import imagegen_nb as ig
from imagegen_nb.notebooks.record import record

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages

KEY = "sk-CanaryOne0a1b2c3d4e5f6g7h8i9j"
CELLS = (
    "import os\nimport imagegen_nb as ig\nworkspace = ig.Workspace('assets', timeout=60)",
    "step = ig.ImageGenerationStep(prompt='a lamp', image_size='1024x1024', image_quality='low')\n"
    "run = step.run(workspace=workspace)\nrun",
    "run.output.assets[0].image().resize((32, 32))",
    "os.environ['OPENAI_API_KEY'].startswith('sk-')",
)
TRICKY = (
    "from IPython.display import clear_output, display\nimport ipywidgets, pathlib, random, sys, time, uuid\n"
    "h = display('first', display_id=True)\nh.update('second')",
    "print('gone')\nclear_output(wait=True)\nprint('kept')",
    "display('gone')\nclear_output()\ndisplay('kept')",
    "box = ipywidgets.Output()\nwith box:\n    print('in the box')\n    1 / 0\nbox",
    "bar = ipywidgets.IntProgress()\ndisplay(bar)\nbar.value = 3\nprint('a\\rb', end='')",
    "print(time.strftime('%Y-%m-%d %H:%M:%S'), uuid.uuid4(), object(), f'{time.perf_counter():.2f} s')\n"
    "print(pathlib.Path.cwd(), run.output.assets[0].file_url, f'job-{random.random()}')\n"
    "print(time.time(), file=sys.stderr)",
)
COMMAND = "record: imagegen-nb record notebooks/hero.ipynb --emulator"


def write(path: Path, *cells: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbformat.write(document, path)
    return path


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one recorded notebook."""
    project = tmp_path_factory.mktemp("recorded")
    (project / "cassettes").mkdir()
    path = write(project / "notebooks" / "hero.ipynb", *CELLS)
    assert record(path, "emulator").differences == ()
    assert not (path.parent / "assets").exists()
    return project


@pytest.fixture
def project(recorded: Path, tmp_path: Path) -> Path:
    """A fresh clone of it."""
    return Path(shutil.copytree(recorded, tmp_path / "clone"))


@pytest.fixture
def elsewhere() -> tuple[str, ...]:
    """What to put before a command so that it has no network but its own loopback, where that is possible."""
    inside = ("unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
    possible = (
        shutil.which("unshare") and not subprocess.run([*inside, "true"], capture_output=True).returncode
    )
    return inside if possible else ()


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1
    path.write_text(text.replace(before, after), encoding="utf-8")


# What passes


def test_a_fresh_clone_passes_twice_and_no_key_reaches_the_kernel(run_pytest, project, elsewhere):
    """The last cell would see the key. The second time there is no network at all, where that is possible."""
    variables = {**AS_USERS_DO, "OPENAI_API_KEY": KEY, "IMAGEGEN_NB_RECORD": "all"}
    for before in ((), elsewhere):
        told = run_pytest(project, "--nbval", "notebooks", before=before, **variables)
        assert told.code == 0, told.text
        assert "4 passed" in told.text


def test_what_no_two_runs_share_is_allowed_for(run_pytest, project):
    """Displays that change, cleared output, widgets, times, ids; and what the user's file names."""
    path = write(project / "notebooks" / "tricky.ipynb", *CELLS[:2], *TRICKY)
    (different,) = record(path, "emulator").differences
    assert different.startswith("Cell 7: mismatch 'stdout'")
    (project / "own.cfg").write_text("regex: job-[0-9.e-]+\nreplace: JOB\n")
    (project / "pytest.ini").write_text(f"[pytest]\naddopts = --nbval-sanitize-with {project / 'own.cfg'}\n")
    assert record(path, "emulator").differences == (), "the test's own options count"
    assert "widgets" not in nbformat.read(path, as_version=4).metadata, "their views end with the kernel"
    (project / "pytest.ini").unlink()
    # And yet it is compared.
    changed = shutil.copy(path, path.with_name("changed.ipynb"))
    shutil.copytree(project / "cassettes/tricky", project / "cassettes/changed")
    replace(changed, '"kept\\n"', '"left\\n"')
    replace(changed, "'second'\"\n", "'third'\"\n")
    told = run_pytest(
        project, "--nbval", "--nbval-current-env", "--nbval-sanitize-with", "own.cfg", "notebooks"
    )
    assert all(words in told.text for words in ("2 failed, 18 passed", "'third'", "left")), told.text
    assert "notebooks/tricky.ipynb::" not in told.text


def test_cells_that_are_left_out_still_run_for_those_that_need_them(run_pytest, project):
    replace(project / "notebooks/hero.ipynb", "resize((32, 32))", "resize((32, 33))")
    told = run_pytest(project, "--nbval", "notebooks/hero.ipynb::Cell 2")
    assert (told.code, "mismatch 'image/png'" in told.text) == (1, True), told.text
    assert "image/png 32x32 sha256" in told.text
    replace(project / "notebooks/hero.ipynb", "prompt='a lamp'", "prompt='a lamq'")
    told = run_pytest(project, "--nbval", "notebooks/hero.ipynb::Cell 2")
    assert "cell 1, which was run because later ones need it, failed: RecordingMissing" in told.text
    assert COMMAND in told.text


def test_it_runs_in_several_processes_and_only_checks_what_is_marked(run_pytest, project):
    shutil.copy(project / "notebooks/hero.ipynb", project / "notebooks/again.ipynb")
    shutil.copytree(project / "cassettes/hero", project / "cassettes/again")
    replace(project / "notebooks/hero.ipynb", "resize((32, 32))", "resize((32, 33))")
    told = run_pytest(project, "--nbval-lax", "notebooks", "-n", "2")
    assert told.code == 0, told.text
    assert "8 passed" in told.text


# What fails, and says why


@dataclass(frozen=True)
class Copy:
    """A copy of the recorded notebook and of its cassette, to change one thing in."""

    project: Path
    name: str

    @property
    def notebook(self) -> Path:
        return self.project / "notebooks" / f"{self.name}.ipynb"

    @property
    def cassette(self) -> Path:
        return self.project / "cassettes" / self.name


def other_pixel(data: bytes) -> bytes:
    """A PNG with one pixel a little redder or less so."""
    written = BytesIO()
    with Image.open(BytesIO(data)) as picture:
        red, *others = picture.getpixel((0, 0))
        picture.putpixel((0, 0), (red ^ 1, *others))
        picture.save(written, "PNG")
    return written.getvalue()


def one_pixel_of_a_recording(copy: Copy) -> None:
    blob = next((copy.cassette / "blobs").iterdir())
    blob.write_bytes(other_pixel(blob.read_bytes()))


def a_missing_blob(copy: Copy) -> None:
    next((copy.cassette / "blobs").iterdir()).unlink()


def one_character_of_a_prompt(copy: Copy) -> None:
    replace(copy.notebook, "prompt='a lamp'", "prompt='a lamq'")


def one_setting(copy: Copy) -> None:
    replace(copy.notebook, "image_quality='low'", "image_quality='medium'")


def a_missing_cassette(copy: Copy) -> None:
    shutil.rmtree(copy.cassette)


def one_pixel_of_a_shown_picture(copy: Copy) -> None:
    document = nbformat.read(copy.notebook, as_version=4)
    data = document.cells[2].outputs[0].data
    data["image/png"] = b64encode(other_pixel(b64decode(data["image/png"]))).decode()
    nbformat.write(document, copy.notebook)


CHANGES = {
    one_pixel_of_a_recording: ".png was changed",
    a_missing_blob: ".png is missing; restore the file",
    one_character_of_a_prompt: "prompt: recorded 'a lamp', asked 'a lamq'",
    one_setting: "quality: recorded 'low', asked 'medium'",
    a_missing_cassette: "there is no cassette 'a-missing-cassette' to replay",
}
"""What is changed, and what the failing cell says."""


@pytest.fixture(scope="module")
def failing(recorded: Path, run_pytest, tmp_path_factory: pytest.TempPathFactory) -> tuple[PytestRun, Path]:
    """One run of pytest over a notebook for each change, and its report in XML."""
    project = Path(shutil.copytree(recorded, tmp_path_factory.mktemp("failing") / "project"))
    for change in (*CHANGES, one_pixel_of_a_shown_picture):
        copy = Copy(project, change.__name__.replace("_", "-"))
        shutil.copy(project / "notebooks/hero.ipynb", copy.notebook)
        shutil.copytree(project / "cassettes/hero", copy.cassette)
        replace(copy.cassette / "cassette.yaml", "hero.ipynb", copy.notebook.name)
        change(copy)
    (project / "notebooks/hero.ipynb").unlink()
    run = run_pytest(project, "--nbval", "notebooks", "--junitxml=report.xml", OPENAI_API_KEY=KEY)
    return run, project / "report.xml"


def text_about(name: str, output: str) -> str:
    """What pytest writes about a notebook: its part of the failures, and its lines of the summary."""
    failures, _, summary = output.partition("FAILURES")[2].partition("short test summary info")
    parts = re.split(r"(?m)^(_{3,} .*_{3,})$", failures)
    about = [
        text for heading, text in zip(parts[1::2], parts[2::2], strict=True) if f"{name}.ipynb" in heading
    ]
    assert about, output
    return "".join([*about, *(line for line in summary.splitlines() if f"{name}.ipynb" in line)])


def results_of(name: str, report: Path) -> Counter[str]:
    """How many cells of a notebook ended how."""
    cells = [
        cell
        for cell in ElementTree.parse(report).iter("testcase")
        if cell.get("classname") == f"notebooks.{name}.ipynb"
    ]
    return Counter(cell[0].tag if len(cell) else "passed" for cell in cells)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_differs_fails_once_and_leads_to_the_cause(failing, change):
    name = change.__name__.replace("_", "-")
    run, report = failing
    assert run.code == 1
    assert results_of(name, report) == {"failure": 1, "passed": 1, "skipped": 2}, run.text
    text = text_about(name, run.text)
    for expected in (CHANGES[change], f"record: imagegen-nb record notebooks/{name}.ipynb --emulator"):
        assert text.count(expected) == 1, run.text
    assert "site-packages" not in run.text.partition("FAILURES")[2]
    assert KEY not in run.text


def test_later_cells_say_once_which_was_refused_and_what_to_do(run_pytest, project):
    replace(project / "notebooks/hero.ipynb", "prompt='a lamp'", "prompt='a lamq'")
    told = run_pytest(project, "--nbval", "notebooks", "-rs")
    assert told.text.count(f"Cell 1 was refused by the cassette; {COMMAND}") == 1, told.text
    assert "SKIPPED [2]" in told.text
    told = run_pytest(
        project, "--nbval", "-rs", *(f"notebooks/hero.ipynb::Cell {number}" for number in (2, 3))
    )
    assert told.text.count("RecordingMissing") == 1, told.text
    assert told.text.count("Cell 1 was refused by the cassette") == 1, told.text


def test_one_pixel_of_a_shown_picture_fails(failing):
    run, report = failing
    name = "one-pixel-of-a-shown-picture"
    text = text_about(name, run.text)
    assert results_of(name, report)["failure"] == 1
    assert text.count("mismatch 'image/png'") == 1, run.text
    assert text.count("image/png 32x32 sha256") == 2


def test_the_kernel_reaches_nothing_not_even_before_the_import(run_pytest, tmp_path, raw_server):
    server = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    ask = f"import urllib.request\nassert urllib.request.urlopen('{server.url}').read() == b'hi'"
    write(tmp_path / "notebooks/hero.ipynb", ask, "import imagegen_nb")
    told = run_pytest(tmp_path, "--nbval", "notebooks")
    assert (told.code, server.requests) == (1, [])
    assert "ReplayError: a connection to 127.0.0.1 was stopped" in told.text
    told = run_pytest(tmp_path, "--nbval", "notebooks", "-o", "imagegen_allow_loopback=true")
    assert told.code == 0, told.text
    assert len(server.requests) == 1


def test_a_kernel_that_cannot_be_guarded_runs_nothing(run_pytest, project):
    """A kernel of another environment, where the package is not installed."""
    (project / "without").mkdir()
    (project / "without/imagegen_nb.py").write_text("raise ImportError('not installed')")
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Other",
        "language": "python",
        "env": {"PYTHONPATH": str(project / "without")},
    }
    (project / "jupyter/kernels/other").mkdir(parents=True)
    (project / "jupyter/kernels/other/kernel.json").write_text(json.dumps(spec))
    options = ("--nbval", "--nbval-kernel-name", "other", "notebooks")
    told = run_pytest(project, *options, JUPYTER_PATH=str(project / "jupyter"))
    assert told.code == 1
    assert "the kernel 'other' of hero.ipynb cannot be kept off the network (ImportError" in told.text
    assert "--nbval-current-env" in told.text
    assert "4 errors" in told.text


def test_a_missing_nbclient_names_what_to_install(run_pytest, project):
    (project / "without").mkdir()
    (project / "without/nbclient.py").write_text("raise ImportError('not installed')")
    environment = {
        "PYTHONPATH": str(project / "without"),
        "IMAGEGEN_NB_SOURCE": "git+https://git.example/a.git",
    }
    done = run_pytest(project, "--nbval", "notebooks", **environment)
    assert done.code == 1
    command = "pip install 'imagegen-nb[test] @ git+https://git.example/a.git'"
    assert f"this needs nbclient: {command}" in done.text


# Stores


def everything(folder: Path) -> dict[str, bytes]:
    """What lies in a folder, but for bytecode."""
    files = (each for each in folder.rglob("*") if each.is_file() and "__pycache__" not in each.parts)
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in files}


def test_a_notebook_with_opinions_passes_twice_beside_a_store_in_use(run_pytest, tmp_path):
    """It shows scores and picks, so that it would show those of its own test before, or the user's."""
    (decide,) = (path for path in NOTEBOOKS if path.stem == "decide")
    shutil.copytree(CASSETTES / "decide", tmp_path / "cassettes" / "decide")
    (tmp_path / "notebooks").mkdir()
    shutil.copy(decide, tmp_path / "notebooks")
    (tmp_path / "tmp").mkdir()
    with ig.Workspace(tmp_path / "notebooks" / "assets", backend="emulator") as workspace:
        ig.ImageGenerationStep(prompt="mine").run(workspace=workspace)
    before = everything(tmp_path)
    for _ in range(2):
        told = run_pytest(tmp_path, "--nbval", "notebooks", TMPDIR=str(tmp_path / "tmp"))
        assert told.code == 0, told.text
    report = {"notebooks/mugs.html"}  # which holds all it shows
    assert {name: data for name, data in everything(tmp_path).items() if name not in report} == before


EXPORT = """
ig.save_step("hero.step.json", step, run=run, overwrite=True)
"{ig.load_step('hero.step.json', workspace=workspace).image().size}"
"""


def test_an_exported_step_is_put_back_as_it_was(run_pytest, tmp_path):
    """Its images lie in a store that ends with the test: what the notebook's user exported is worth more."""
    (tmp_path / "cassettes").mkdir()
    path = write(tmp_path / "notebooks" / "hero.ipynb", *CELLS, EXPORT)
    assert record(path, "emulator").differences == ()
    exported = path.with_name("hero.step.json")
    assert f'"file://{tmp_path}/notebooks/assets/' in exported.read_text()
    exported.write_text("mine")
    assert run_pytest(tmp_path, "--nbval", "notebooks").code == 0
    assert exported.read_text() == "mine"
    exported.unlink()
    assert run_pytest(tmp_path, "--nbval", "notebooks").code == 0
    assert not exported.exists()


PLACES = """
import pathlib
for place in ("assets", pathlib.Path.cwd() / "assets", workspace.store.folder):
    assert ig.Workspace(place).count_records() == 1
assert ig.Workspace(pathlib.Path.home() / "no-such-place").count_runs() == 0
store = workspace.store
print(store.folder.name, "beside", os.path.relpath(store.folder), "and", repr(store))
"""


def test_paths_are_told_as_they_were_asked_for(run_pytest, tmp_path):
    (tmp_path / "cassettes").mkdir()
    path = write(tmp_path / "notebooks" / "hero.ipynb", *CELLS[:2], PLACES)
    assert record(path, "emulator").differences == ()
    told = nbformat.read(path, as_version=4).cells[2].outputs[0].text
    assert f"assets beside assets and LocalStore('{tmp_path}/notebooks/assets', limit=None)\n" in told
    assert run_pytest(tmp_path, "--nbval", "notebooks").code == 0


def test_a_store_that_others_may_share_is_refused(run_pytest, tmp_path):
    write(tmp_path / "notebooks" / "team.ipynb", "import imagegen_nb as ig\nig.Workspace('s3://team/images')")
    told = run_pytest(tmp_path, "--nbval", "notebooks")
    assert (
        "'s3://team/images': a notebook that is tested or recorded has an empty store of its own" in told.text
    )
    assert told.code == 1


# What is left alone


def test_other_notebooks_are_left_alone_but_never_go_live(run_pytest, tmp_path, raw_server):
    """One has its key and its network, as without the plugin; the other calls providers through a helper."""
    server = raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
    helper = (
        "import imagegen_nb as ig\n\ndef draw():\n"
        "    step = ig.ImageGenerationStep(prompt='a lamp')\n"
        f"    gateway = {{'openai': ig.Gateway({server.url!r}, 'OPENAI_API_KEY')}}\n"
        "    step.run(workspace=ig.Workspace('assets', hosted=gateway))\n"
    )
    write(
        tmp_path / "notebooks/other.ipynb",
        f"import os, urllib.request\nassert os.environ['OPENAI_API_KEY'] == {KEY!r}\n"
        f"assert urllib.request.urlopen('{server.url}').read() == b'hi'",
    )
    write(tmp_path / "notebooks/indirect.ipynb", "import helper\nhelper.draw()")
    (tmp_path / "notebooks/helper.py").write_text(helper)
    told = run_pytest(tmp_path, "--nbval", "notebooks", OPENAI_API_KEY=KEY)
    assert "1 failed, 1 passed" in told.text, told.text
    assert "record: imagegen-nb record notebooks/indirect.ipynb --emulator" in told.text
    assert len(server.requests) == 1
