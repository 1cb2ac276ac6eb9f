"""`%%imagegen` and `%imagegen form` in an IPython shell, and in a real kernel with its completions."""

from __future__ import annotations

import pickle

import nbformat
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from support.notebooks import notebook
from traitlets.config import Config

import imagegen_nb as ig
from imagegen_nb.magics import imagegen
from imagegen_nb.notebooks.execute import execute


@pytest.fixture
def shell(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    shell = InteractiveShell(config=Config(HistoryManager={"enabled": False}))
    imagegen.register(shell)
    return shell


def run(shell, line, cell):
    return shell.run_cell_magic("imagegen", line, cell)


def test_the_cell_is_the_prompt_and_its_variables_are_the_notebooks(shell, workspace):
    shell.user_ns |= {"ws": workspace, "product": "lamp"}
    made = run(shell, "--size 1024x640 --count 2 -o hero", "A {{product}} on sand\n")
    assert (made.prompt, made.returned, made.identifier) == ("A lamp on sand", 2, "hero")
    assert shell.user_ns["hero"] is made
    then = run(shell, "--size 1024x640", "Like {{hero.output.assets.1.file_name}},\n{not a variable} $HOME")
    assert then.prompt == "Like a-lamp-on-sand-2.png,\n{not a variable} $HOME"
    assert workspace.count_runs() == 2


@pytest.mark.parametrize(
    ("line", "cell", "said"),
    [
        ("", "A {{product}}", "the notebook has no variable product: run a cell with product ="),
        ("", "A {{product", "prompt = '{{product' (gpt-image-2): holds a variable that is not closed. Write"),
        ("--prompt A", "A lamp", "--prompt is not an option: the prompt belongs in the lines below."),
        ("--prompt=A", "A lamp", "the prompt belongs in the lines below."),
        ("--promt A", "A lamp", "--promt is not an option: the prompt belongs in the lines below."),
        ("--sice=3", "A lamp", "is not an option: did you mean --size?"),
        ("--size 3", "A lamp", "--size = '3' (gpt-image-2): not a size"),
        ("--quality hd", "A lamp", "--quality = 'hd' (gpt-image-2): "),
        ("--model dalle", "A lamp", "--model = 'dalle'"),
        ("--compression 50", "A lamp", "--compression = 50 (gpt-image-2): not available with --format"),
        ("--model grok-imagine-image --size 1:1", "A lamp", "--size = '1:1'"),
        (
            "--workspace other",
            "A lamp",
            "--workspace other: is not a workspace of this notebook; workspaces are ws",
        ),
        ("", "\n", "prompt"),
        ("--model dall-e-3", "A lamp", "not a known model. `imagegen-nb models` lists them all"),
    ],
)
def test_mistakes_are_told_in_a_line_and_nothing_is_asked(shell, workspace, line, cell, said):
    shell.user_ns["ws"] = workspace
    with pytest.raises(UsageError) as refused:
        run(shell, line, cell)
    assert said in str(refused.value)
    assert "ig.Model" not in str(refused.value)
    assert workspace.count_runs() == 0


def test_a_run_that_no_variable_holds_shows_no_paths(shell, workspace):
    shell.user_ns["ws"] = workspace
    unnamed = run(shell, "--size 1024x640", "A lamp")
    assert isinstance(unnamed, ig.Run)
    assert "output.assets" not in repr(unnamed) + unnamed._repr_html_()
    assert unnamed.output.assets[0].file_name in repr(unnamed)
    named = run(shell, "--size 1024x640 -o hero", "A lamp")
    assert "{{hero.output.assets.0.file_url}}" in named._repr_html_()
    assert pickle.loads(pickle.dumps(unnamed)).id == unnamed.id


def test_of_several_workspaces_one_has_to_be_named(shell, workspace, tmp_path):
    shell.user_ns |= {"ws": workspace, "same": workspace}
    assert run(shell, "--size 1024x640", "A lamp").returned == 1
    shell.user_ns["other"] = ig.Workspace(tmp_path / "other", backend="emulator")
    with pytest.raises(UsageError, match="several workspaces: choose one by --workspace ws or same or other"):
        run(shell, "", "A lamp")
    assert run(shell, "--size 1024x640 --workspace ws", "A lamp").returned == 1


def test_without_a_workspace_it_is_the_emulator_and_a_folder_of_its_own(shell, tmp_path):
    made = run(shell, "--size 1024x640", "A lamp")
    assert made.emulated
    assert (tmp_path / "assets").is_dir()
    assert run(shell, "--size 1024x640 --store elsewhere", "A lamp").returned == 1
    assert (tmp_path / "elsewhere").is_dir()


def test_a_failure_of_the_step_is_raised_as_ever(shell, workspace, emulator):
    shell.user_ns["ws"] = workspace
    emulator.script("openai", ig.emulator.Fault("moderation"))
    with pytest.raises(ig.StepFailed):
        run(shell, "--size 1024x640 -o hero", "A lamp")
    assert "hero" not in shell.user_ns


def test_the_line_shows_the_form_with_its_settings(shell, workspace):
    shell.user_ns["ws"] = workspace
    form = shell.run_line_magic("imagegen", "form --model grok-imagine-image --count 3 -o form")
    assert shell.user_ns["form"] is form
    assert form.workspace is workspace
    form.enter("prompt", "A lamp")
    assert (form.step.model, form.step.image_count) == ("grok-imagine-image", 3)
    with pytest.raises(UsageError, match="write %imagegen form"):
        shell.run_line_magic("imagegen", "frm")


@pytest.mark.parametrize("line", ["", "# what are they?", "--help"])
def test_the_line_alone_lists_the_options(shell, capsys, line):
    assert shell.run_line_magic("imagegen", line) is None
    assert "--size" in capsys.readouterr().out


def test_a_cell_that_asks_for_help_lists_them_too_and_runs_nothing(shell, capsys, emulator):
    assert shell.run_cell_magic("imagegen", "--help", "A lamp") is None
    assert "--size" in capsys.readouterr().out
    assert emulator.count() == 0


@pytest.mark.notebooks
def test_a_kernel_completes_the_options_and_replays_the_cell(tmp_path, emulator, kernel):
    setup = f"import imagegen_nb as ig\nws = ig.Workspace('assets', backend={emulator.url!r})"
    prompt = "%%imagegen --size 1024x640 -o hero\nA {{product}} on sand"
    cells = (setup, "%load_ext imagegen_nb", 'product = "lamp"', prompt, "hero.prompt")
    recorded = nbformat.read(notebook(tmp_path, *cells[:2], "%cassette hero all", *cells[2:]), as_version=4)
    assert execute(recorded, tmp_path) == ""
    assert emulator.count() == 1
    replayed = nbformat.read(notebook(tmp_path, *cells[:2], "%cassette hero", *cells[2:]), as_version=4)
    assert execute(replayed, tmp_path) == ""
    assert emulator.count() == 1
    assert replayed.cells[4].outputs[0].data == recorded.cells[4].outputs[0].data
    assert replayed.cells[5].outputs[0].data["text/plain"] == "'A lamp on sand'"
    kernel.execute("%load_ext imagegen_nb")
    text = "%%imagegen --model gpt-image-2 --qual\nA lamp"
    reply = kernel.client.complete(text, text.index("\n"), reply=True, timeout=60)["content"]
    assert reply["matches"] == ["--quality"]
