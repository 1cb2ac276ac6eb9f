"""Notebooks as tests, in real kernels: what passes, what fails and says why, and what is left alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from PIL import Image

from imagegen_nb.notebooks.record import record

pytestmark = [
    pytest.mark.notebooks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the Jupyter packages
]

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
    shutil.rmtree(path.parent / "assets")
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
    for before in ((), elsewhere):
        told = run_pytest(
            project, "--nbval", "notebooks", before=before, OPENAI_API_KEY=KEY, IMAGEGEN_NB_RECORD="all"
        )
        assert told.code == 0, told.text
        assert "4 passed" in told.text


def test_what_no_two_runs_share_is_allowed_for(run_pytest, project):
    """Displays that change, cleared output, widgets, times, ids; and what the user's file names."""
    path = write(project / "notebooks" / "tricky.ipynb", *CELLS[:2], *TRICKY)
    (different,) = record(path, "emulator").differences
    assert different.startswith("cell 8: recorded '20")
    assert "widgets" not in nbformat.read(path, as_version=4).metadata, "their views end with the kernel"
    (project / "own.cfg").write_text("regex: job-[0-9.e-]+\nreplace: JOB\n")
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


def change_a_pixel(path: Path) -> None:
    with Image.open(path) as picture:
        red, *others = picture.getpixel((0, 0))
        picture.putpixel((0, 0), (red ^ 1, *others))
        picture.save(path)


def one_pixel_of_a_recording(project: Path) -> None:
    change_a_pixel(next((project / "cassettes/hero/blobs").iterdir()))


def a_missing_blob(project: Path) -> None:
    next((project / "cassettes/hero/blobs").iterdir()).unlink()


def one_character_of_a_prompt(project: Path) -> None:
    replace(project / "notebooks/hero.ipynb", "prompt='a lamp'", "prompt='a lamq'")


def one_setting(project: Path) -> None:
    replace(project / "notebooks/hero.ipynb", "image_quality='low'", "image_quality='medium'")


def a_missing_cassette(project: Path) -> None:
    shutil.rmtree(project / "cassettes/hero")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (one_pixel_of_a_recording, (".png was changed",)),
        (a_missing_blob, (".png is missing; restore the file",)),
        (one_character_of_a_prompt, ("prompt: recorded 'a lamp', asked 'a lamq'",)),
        (one_setting, ("quality: recorded 'low', asked 'medium'",)),
        (a_missing_cassette, ("there is no cassette 'hero' to replay",)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_differs_fails_once_and_leads_to_the_cause(run_pytest, project, change, words):
    change(project)
    told = run_pytest(project, "--nbval", "notebooks", OPENAI_API_KEY=KEY)
    assert told.code == 1
    assert "1 failed, 1 passed, 2 skipped" in told.text
    for expected in (*words, COMMAND):
        assert told.text.count(expected) == 1, told.text
    assert "site-packages" not in told.text.partition("FAILURES")[2]
    assert KEY not in told.text


def test_one_pixel_of_a_shown_picture_fails(run_pytest, project):
    path = project / "notebooks/hero.ipynb"
    document = nbformat.read(path, as_version=4)
    data = document.cells[2].outputs[0].data
    picture = Image.open(BytesIO(b64decode(data["image/png"])))
    red, *others = picture.getpixel((0, 0))
    picture.putpixel((0, 0), (red ^ 1, *others))
    packed = BytesIO()
    picture.save(packed, "PNG")
    data["image/png"] = b64encode(packed.getvalue()).decode()
    nbformat.write(document, path)
    told = run_pytest(project, "--nbval", "notebooks")
    assert (told.code, told.text.count("mismatch 'image/png'")) == (1, 1), told.text
    assert told.text.count("image/png 32x32 sha256") == 2


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
