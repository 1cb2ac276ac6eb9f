"""The sheet: the form's order and labels, what to enter, and a page that needs nothing."""

from __future__ import annotations

import re
from pathlib import Path

import html5lib
import pytest
from support.runs import run_of

import imagegen_nb as ig
from imagegen_nb.platform import sheet, verify, wiring
from imagegen_nb.platform.copy_page import Row
from imagegen_nb.step_file.export import define
from imagegen_nb.store.local import LocalStore


def rows(step: ig.ImageGenerationStep) -> dict[str, tuple[str, str]]:
    return {row.label: (row.value, row.note) for row in sheet(define(step)).settings}


def test_the_settings_stand_in_the_forms_order_under_its_labels(file: Path) -> None:
    told = sheet(file)
    assert [row.label for row in told.settings] == [
        *("Model", "Name", "Prompt", "Image Size", "Image Count", "Image Quality", "Image Background"),
        *("Image Moderation", "Output Format", "Output Compression", "Charge Type", "When the step fails"),
    ]
    values = {row.label: row.value for row in told.settings}
    assert values["Prompt"] == "A hero of {{product}} by {{makers}}"
    assert (values["Image Count"], values["Image Quality"], values["Charge Type"]) == ("3", "", "Hosted")
    assert told.inputs == (Row("product", "a lamp", "Text"), Row("makers", '["Ada", "Bo"]', "Array"))
    assert "{{step_2.output.assets.2.file_url}}" in repr(told)
    fails = {row.label: row.note for row in told.settings}["When the step fails"]
    assert "the later steps run" in fails


def test_nothing_is_said_twice() -> None:
    told = repr(sheet(define(ig.ImageGenerationStep("A lamp"), identifier="step_2")))
    assert told.startswith("Image Generation step\n  Identifier step_2, model gpt-image-2\n")
    assert "  Name: (leave it)\n" in told
    named = sheet(define(ig.ImageGenerationStep("A lamp", name="Hero"), identifier="step_2"))
    assert named.notes[0] == "Image Generation step, identifier step_2, model gpt-image-2"


@pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")
def test_what_the_form_hides_or_disables_is_not_to_be_entered(file: Path) -> None:
    notes = {row.label: row.note for row in sheet(file).settings}
    assert notes["Output Compression"] == (
        "cannot be edited beside Output Format PNG: PNG is never compressed with loss"
    )
    gemini = rows(ig.ImageGenerationStep(model="gemini-2.5-flash-image", prompt="x", image_size="16:9"))
    assert "Output Format" not in gemini
    assert ("16:9", "") in gemini.values()
    assert "Image Size" not in rows(ig.ImageGenerationStep(model="grok-imagine-image", prompt="x"))


def test_defaults_are_in_the_forms_words() -> None:
    told = rows(ig.ImageGenerationStep("A lamp"))
    assert {told[label][1] for label in ("Image Size", "Image Quality")} == {"not set; the default is Auto"}


def test_inputs_without_a_value_and_other_steps_outputs() -> None:
    step = ig.ImageGenerationStep(prompt="{{a.b}} {{c}} {{n}} {{step_1.output.text}}")
    told = sheet(define(step, inputs={"a": {"b": 1}, "n": 3}))
    assert [row.label for row in told.inputs] == ["a", "c", "n"]
    assert "which no Start input is" in told.inputs[0].note


def test_the_page_asks_for_nothing_and_escapes_all(tmp_path: Path) -> None:
    hostile = "<img src=https://x.invalid onerror=alert(1)>\"'</code>{{product}}"
    step = ig.ImageGenerationStep(name=hostile, prompt=hostile)
    page = sheet(define(step, inputs={"product": hostile})).save(tmp_path / "sheet.html").read_text("utf-8")
    document = html5lib.parse(page, namespaceHTMLElements=False)
    assert document.findall(".//img") == []
    assert len(document.findall(".//script")) == 1
    assert [code.text for code in document.iter("code")].count(hostile) == 3
    assert all("hidden" in button.attrib for button in document.iter("button"))
    assert re.findall(r'(?:src|href)="(?!data:)', page) == []


def test_in_a_notebook_it_is_a_table_that_needs_no_script(file: Path) -> None:
    hostile = "<script>alert(1)</script>\"'</code>{{product}}"
    step = ig.ImageGenerationStep(name=hostile, prompt=hostile)
    for told in (sheet(define(step, inputs={"product": hostile})), wiring(file)):
        part = html5lib.parseFragment(told._repr_html_(), namespaceHTMLElements=False)
        assert len(part.findall(".//table")) > 1
        assert [part.findall(f".//{name}") for name in ("script", "button", "pre", "h1", "h2", "h3")] == [
            []
        ] * 6
    part = html5lib.parseFragment(sheet(define(step))._repr_html_(), namespaceHTMLElements=False)
    assert [code.text for code in part.iter("code")].count(hostile) == 2
    # No rule of its style reaches what else is in the notebook.
    rules = re.findall(r"(?:^|})\s*([^{}@]+){", part.find(".//style").text)
    assert rules
    assert all(
        one.strip().startswith(".ig-sheet") for rule in rules for one in re.split(r",(?![^(]*\))", rule)
    )


def test_a_key_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FETCH_HIVE_API_KEY", "fhk_0123456789abcdef")
    told = sheet(define(ig.ImageGenerationStep(prompt="{{a}}"), inputs={"a": "fhk_0123456789abcdef"}))
    assert "fhk_0123" not in repr(told) + told.html() + told._repr_html_()


def test_a_prompt_of_several_lines_stays_one_entry() -> None:
    told = repr(sheet(define(ig.ImageGenerationStep(prompt="A lamp.\n\nNo text."))))
    assert "  Prompt: A lamp.\n    \n    No text.\n" in told


def test_the_sheet_says_of_each_path_what_it_is(file: Path) -> None:
    page = sheet(file).html()
    assert "<summary>" in page
    assert page.count('aria-label="Copy assets.0.file_url"') == 1
    assert "success, all images came: every path resolves" in page


@pytest.mark.loopback
def test_a_step_or_run_at_hand_needs_no_file(
    file: Path, step: ig.ImageGenerationStep, store: LocalStore
) -> None:
    assert sheet(step).settings == sheet(file).settings
    run = run_of(step, store, inputs={"product": "a lamp", "makers": ["Ada", "Bo"]}, identifier="step_2")
    told = sheet(run)
    assert (told.inputs, told.wiring.identifier) == (sheet(file).inputs, "step_2")
    assert verify(run, deployment="hero", base_url="emulator")
