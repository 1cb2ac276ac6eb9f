"""A step's keywords and values are completed: by a notebook's kernel, and by a language server."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from IPython.core.completer import IPCompleter, provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell
from support.project import ROOT

import imagegen_nb as ig
from imagegen_nb.step.step_settings import StepChanges

SETTINGS = set(ig.ImageGenerationStep.model_fields)
STEP = ig.ImageGenerationStep("a lamp")


def test_the_types_know_every_field() -> None:
    assert set(get_type_hints(StepChanges)) == SETTINGS


@pytest.mark.notebooks
@pytest.mark.parametrize("call", ["ig.ImageGenerationStep(", "step.replace("])
def test_a_notebook_completes_every_keyword(call: str) -> None:
    shell = InteractiveShell.instance()
    with provisionalcompleter():
        completer = IPCompleter(shell=shell, namespace={"ig": ig, "step": STEP})
        found = {each.text for each in completer.completions(call, len(call))}
    assert {f"{name}=" for name in SETTINGS} <= found


def test_help_shows_every_keyword_and_that_the_prompt_is_needed() -> None:
    parameters = inspect.signature(ig.ImageGenerationStep).parameters
    assert set(parameters) == SETTINGS
    assert [name for name, each in parameters.items() if each.default is each.empty] == ["prompt"]
    assert set(inspect.signature(STEP.replace).parameters) == SETTINGS | {"changes"}


class Editor:
    """What an editor gets from pyrefly's language server for a file of two lines, in this environment."""

    def __init__(self, folder: Path) -> None:
        self._uri = (folder / "program.py").as_uri()
        command = [Path(sys.executable).with_name("pyrefly"), "lsp", "--indexing-mode", "none"]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        self._server = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nothing)
        self._number = 0
        (folder / "pyrefly.toml").write_text(f"python-interpreter-path = {json.dumps(sys.executable)}\n")
        found = ["search-path = ", json.dumps([str(ROOT)]), "\n"]
        with (folder / "pyrefly.toml").open("a") as file:
            file.writelines(found)
        self._ask("initialize", processId=None, rootUri=folder.as_uri(), capabilities={})
        self._send(method="initialized", params={})

    def completions(self, line: str) -> set[str]:
        """What may stand where the bar is."""
        at = line.index("|")
        text = f"import imagegen_nb as ig\n{line.replace('|', '')}\n"
        document = {"uri": self._uri, "languageId": "python", "version": 1, "text": text}
        self._send(method="textDocument/didOpen", params={"textDocument": document})
        position = {"line": 1, "character": at}
        answer = self._ask("textDocument/completion", textDocument={"uri": self._uri}, position=position)
        self._send(method="textDocument/didClose", params={"textDocument": {"uri": self._uri}})
        return {each["label"] for each in (answer["items"] if isinstance(answer, dict) else answer)}

    def close(self) -> None:
        self._server.kill()
        self._server.communicate()

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._server.stdin is not None
        self._server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._server.stdin.flush()

    def _ask(self, method: str, **params: Any) -> Any:
        self._number += 1
        self._send(id=self._number, method=method, params=params)
        while True:
            message = self._receive()
            if "method" in message and "id" in message:  # it asks for an editor's settings, which are none
                self._send(id=message["id"], result=None)
            elif message.get("id") == self._number:
                return message["result"]

    def _receive(self) -> Any:
        assert self._server.stdout is not None
        length = 0
        while header := self._server.stdout.readline().strip():
            if header.lower().startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        return json.loads(self._server.stdout.read(length))


def words(hint: Any) -> set[str]:
    """The values that a type names, beside what else it takes."""
    parts = get_args(hint)
    return {
        value for part in parts for value in (words(part) if get_args(part) else [part]) if type(value) is str
    }


@pytest.fixture
def editor(tmp_path: Path) -> Iterator[Editor]:
    editor = Editor(tmp_path)
    yield editor
    editor.close()


@pytest.mark.notebooks
def test_an_editor_completes_every_keyword_and_its_values(editor: Editor) -> None:
    for call in ("ig.ImageGenerationStep(|)", "ig.ImageGenerationStep('a lamp').replace(|)"):
        assert {f"{name}=" for name in SETTINGS} <= editor.completions(call)
    offered = {name: values for name, hint in get_type_hints(StepChanges).items() if (values := words(hint))}
    assert {"model", "image_size", "image_quality", "image_output_format", "on_failure"} <= set(offered)
    for name, values in offered.items():
        found = editor.completions(f"ig.ImageGenerationStep(prompt='a lamp', {name}='|')")
        assert {repr(value) for value in values} <= found
    assert "'high'" in editor.completions("ig.ImageGenerationStep('a lamp').replace(image_quality='|')")
