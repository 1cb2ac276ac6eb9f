"""`%cassette` in a real kernel: what it uses, shows and leaves, and in a shell what it registers."""

from __future__ import annotations

import nbformat
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from support.notebooks import RUN, SETUP, notebook
from traitlets.config import Config

from imagegen_nb import replay
from imagegen_nb.errors import ReplayError
from imagegen_nb.notebooks.execute import execute
from imagegen_nb.replay import cassette_file, environment, magics
from imagegen_nb.replay.magics import CassetteMagic

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_the_magic_records_cell_by_cell_replays_and_tells(project, emulator):
    """The first kernel is killed at its end: what was recorded is on the disk by then."""
    own = SETUP.replace("timeout=60", f"timeout=60, backend={emulator.url!r}")
    load = "%load_ext imagegen_nb"
    path = notebook(project, own, load, "%cassette hero all", RUN, "%cassette hero once")
    document = nbformat.read(path, as_version=4)
    assert "is in use" not in execute(document, project)
    assert emulator.count() == 1
    path = notebook(project, own, load, "%cassette hero", RUN, "%cassette", "%cassette off", "%cassette")
    replayed = nbformat.read(path, as_version=4)
    assert execute(replayed, project) == ""
    assert emulator.count() == 1
    assert replayed.cells[3].outputs[0].data == document.cells[3].outputs[0].data
    shown = replayed.cells[4].outputs[0].data["text/plain"]
    assert "replaying cassette 'hero': 1 recording\n  recorded against the emulator on" in shown
    assert "not played" in replayed.cells[2].outputs[0].data["text/plain"]
    assert replayed.cells[5].outputs == replayed.cells[6].outputs == []


@pytest.mark.notebooks
@pytest.mark.usefixtures("quick_starts")
def test_cells_are_saved_before_the_kernel_dies(project, emulator):
    own = SETUP.replace("timeout=60", f"timeout=60, backend={emulator.url!r}")
    variables = environment.environment_for(project / "cassettes/hero", mode="all")
    path = notebook(project, own, RUN, "import os; os._exit(1)")
    assert execute(nbformat.read(path, as_version=4), project, environment=variables) == "the kernel died"
    assert len(cassette_file.read(project / "cassettes/hero")[1]) == 1


def test_a_line_that_names_too_much_is_an_error_and_leaves_what_is_in_use(lamp):
    magic = CassetteMagic()
    assert magic.cassette(lamp.name).replaying
    with pytest.raises(ReplayError, match="%cassette NAME all, or %cassette off"):
        magic.cassette("lamp all twice")
    assert replay.status().name == "lamp"
    with pytest.raises(ReplayError, match="No closing quotation"):
        magic.cassette("'lamp")
    assert replay.status().name == "lamp"
    assert magic.cassette("off") is None
    assert magic.cassette("") is None


@pytest.mark.parametrize("line", ["nope", "lamp al", "lamp all twice", "'lamp"])
@pytest.mark.usefixtures("project")
def test_a_shell_shows_a_mistake_in_a_line(line, capsys):
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    magics.register(shell)
    result = shell.run_cell(f"%cassette {line}")
    told = capsys.readouterr()
    assert isinstance(result.error_in_exec, UsageError)
    assert told.out == ""
    assert told.err.startswith("UsageError: ")
    assert len(told.err.splitlines()) <= 2
    assert "all" in told.err or "quotation" in told.err
    assert "replay cassettes/hero" in shell.find_line_magic("cassette").__doc__


def test_a_comment_behind_it_says_nothing(lamp):
    magic = CassetteMagic()
    assert magic.cassette(f"{lamp.name}  # it's recorded").replaying
    assert magic.cassette("# which one?").name == "lamp"
    assert magic.cassette("off # done") is None


def test_a_missing_cassette_is_recorded_by_the_magics_own_line(project):
    with pytest.raises(ReplayError) as refused:
        CassetteMagic().cassette("nope")
    assert str(refused.value).endswith("record: %cassette nope all")
    with pytest.raises(ReplayError, match="nope al: al is not a way to use it; write %cassette nope"):
        CassetteMagic().cassette("nope al")
