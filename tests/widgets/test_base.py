"""Scripts that come from the kernel, and what is left in a saved notebook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ipywidgets.widgets.widget import _instances

import imagegen_nb.widgets
from imagegen_nb.core.html_repr import html_output
from imagegen_nb.widgets.base import BaseWidget, DisplayProbe, EntryWidget
from imagegen_nb.widgets.gallery import Gallery
from imagegen_nb.widgets.output_tree import OutputTree
from imagegen_nb.widgets.prompt import PromptBox
from imagegen_nb.widgets.tiles import TileChoice

ASSETS = Path(imagegen_nb.widgets.__file__).parent / "assets"
FALLBACK = ASSETS.parent / "fallback.py"
KINDS: list[type[BaseWidget]] = [PromptBox, TileChoice, OutputTree, Gallery]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the widgets send to the page."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(BaseWidget, "send", lambda _, content, buffers=None: sent.append(content))
    return sent


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_that_asks_gets_the_script_and_the_style(kind: type[BaseWidget], sent: list[dict[str, Any]]):
    widget = kind()
    widget._handle_custom_msg({"type": "script"}, [])
    answers = [content for content in sent if content["type"] == "script"]
    assert len(answers) == 1
    assert answers[0]["script"].count("export default { render }") == 1
    assert ".igw-button" in answers[0]["style"]


@pytest.mark.parametrize("message", [None, 3, [], {}, {"type": "scripts"}, {"type": ["script"]}])
def test_other_messages_are_not_answered(message: object, sent: list[dict[str, Any]]):
    PromptBox()._handle_custom_msg(message, [])
    assert sent == []


@pytest.mark.parametrize("kind", [PromptBox, TileChoice])
def test_an_entry_is_answered_by_its_name_with_what_became_of_it(
    kind: type[EntryWidget], sent: list[dict[str, Any]]
):
    widget = kind()
    widget._handle_custom_msg({"type": "entry", "value": "a", "entry": "page-1"}, [])
    assert sent == [{"type": "entered", "entry": "page-1", "value": "a"}]
    sent.clear()
    for unnamed in ({}, {"entry": 3}, {"entry": "x" * 65}):
        widget._handle_custom_msg({"type": "entry", "value": "b", **unnamed}, [])
    assert (widget.value, sent) == ("b", [])


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_holds_no_script(kind: type[BaseWidget]):
    assert len(str(kind().get_state())) < 3_000


@pytest.mark.parametrize("kind", KINDS)
def test_what_stands_for_the_widget_is_html_too(kind: type[BaseWidget]):
    data, metadata = kind()._repr_mimebundle_()
    assert data["text/html"] == html_output(data["text/plain"])
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert metadata == {}


def test_a_display_probe_tells_that_a_page_shows_it(sent: list[dict[str, Any]]):
    displays = []
    probe = DisplayProbe(on_display=lambda: displays.append(True))
    assert displays == []
    probe._handle_custom_msg({"type": "script"}, [])
    assert displays == [True]
    assert ".ig-form" in sent[0]["style"]
    assert not [line for line in sent[0]["script"].splitlines() if line.startswith((" ", "//"))]


def test_a_display_probe_puts_the_focus_where_it_is_told(sent: list[dict[str, Any]]):
    probe = DisplayProbe(on_display=lambda: None)
    probe.focus("ig-prompt")
    assert sent == [{"type": "focus", "class": "ig-prompt"}]


def test_a_change_is_not_sent_before_a_page_asks(sent: list[dict[str, Any]]):
    prompt = PromptBox()
    prompt.variables = [{"path": "a"}]
    assert sent == []
    prompt._handle_custom_msg({"type": "script"}, [])
    prompt.variables = [{"path": "b"}]
    assert [message["type"] for message in sent] == ["script", "values"]


@pytest.mark.parametrize("kind", [PromptBox, TileChoice])
def test_an_entry_is_taken_and_not_sent_back(kind: type[BaseWidget], monkeypatch: pytest.MonkeyPatch):
    states: list[object] = []
    widget = kind()
    monkeypatch.setattr(kind, "send_state", lambda _, key=None: states.append(key))
    for value in ("1024x1024", 3, None):
        widget._handle_custom_msg({"type": "entry", "value": value}, [])
    assert widget.value == "1024x1024"
    assert states == []


@pytest.mark.parametrize("kind", KINDS)
def test_closing_leaves_nothing(kind: type[BaseWidget]):
    before = set(_instances)
    kind().close()
    assert set(_instances) == before


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.js")), ids=lambda path: path.name)
def test_scripts_are_small_and_never_write_markup_or_load_anything(path: Path):
    script = path.read_text(encoding="utf-8")
    assert len(script.encode()) < 8192
    forbidden = ["innerHTML", "outerHTML", "insertAdjacentHTML", "eval(", "fetch(", "https:"]
    if path.name != "bootstrap.js":  # it imports what the kernel sent
        forbidden.append("import(")
    assert [word for word in forbidden if word in script] == []


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.css")), ids=lambda path: path.name)
def test_colours_stand_in_one_sheet(path: Path):
    """Others name them, so that light and dark are right in every host, and contrast is."""
    named = re.findall(r"--jp-[\w-]*color[\w-]*", path.read_text(encoding="utf-8"))
    assert path.name in ("colours.css", "kernel_gone.css") or named == []


@pytest.mark.parametrize("path", [*sorted(ASSETS.glob("*.css")), FALLBACK], ids=lambda path: path.name)
def test_what_a_parent_looks_like_for_a_child_names_whom_it_concerns(path: Path):
    """For one rule as `a:has(b) > *`, Chromium works out the whole page's style after each change in it."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    selectors = re.findall(r"[^{}]*:has\([^{}]*(?=\{)", text)
    assert [selector for selector in selectors if re.search(r"[\s>~+](\*|:(?!is\())", selector)] == []


@pytest.mark.parametrize("path", sorted(ASSETS.glob("*.css")), ids=lambda path: path.name)
def test_styles_load_nothing(path: Path):
    assert "url(" not in path.read_text(encoding="utf-8")
    assert "@import" not in path.read_text(encoding="utf-8")
