"""Hostile words in every place words are shown: the page a browser builds is that of harmless words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import html5lib
import pytest
from ipywidgets import HTML
from support.runs import run_of

from imagegen_nb import ImageGenerationStep, Run, StepForm, Workspace, check_references, load_step
from imagegen_nb.core.redaction import visible
from imagegen_nb.core.types import MissingImages
from imagegen_nb.core.variables import render
from imagegen_nb.errors import DefinitionError, ProviderFault, VariableError
from imagegen_nb.runs.output_reference_check import Finding, ReferenceReport
from imagegen_nb.step_file.document import SavedStep
from imagegen_nb.widgets.form_state import FieldState
from imagegen_nb.widgets.gallery_page import GalleryPage
from imagegen_nb.widgets.panel import _parts
from rigs.corpora import texts
from rigs.figures import cycles, none_of, note

HARMLESS = "harmless"
ADDRESSES = ("src", "href", "srcset", "action", "data", "poster", "formaction", "style")


@pytest.fixture(scope="module")
def form(tmp_path_factory) -> Iterator[StepForm]:
    """A form with its controls, on providers nobody asks."""
    form = StepForm(ImageGenerationStep(prompt="a {{thing}}"), Workspace(tmp_path_factory.mktemp("form")))
    assert form.panel
    yield form
    form.close()


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory) -> Run:
    """A run with two images in a store."""
    store = Workspace(tmp_path_factory.mktemp("run")).store
    return run_of(ImageGenerationStep(prompt="a fox", image_count=2, name="a name"), store)


def worded(run: Run, words: str) -> Run:
    """`run` with `words` wherever a person, a file or a provider may have said something."""
    error = ProviderFault(words, provider=words, status=500, code=words, request_id=words)
    step = run.step.replace(prompt=clean(words), name=clean(words))
    assets = tuple(
        asset.model_copy(update={"file_name": words, "file_url": words, "file_type": words})
        for asset in run.output.assets
    )
    for asset, known in zip(assets, run.output.assets, strict=True):
        asset._store, asset._stored = known._store, known._stored
    return replace(
        run,
        step=step,
        prompt=words,
        identifier=words,
        error=error,
        warnings=(words, words),
        shortfalls=(MissingImages(count=1, error=error),),
        output=run.output.model_copy(
            update={
                "assets": assets,
                "settings": run.output.settings.model_copy(update={"model": words}),
            }
        ),
    )


def clean(words: str) -> str:
    """What a step takes of them."""
    return words.replace("\0", "").replace("{", "(")[:100].strip() or "x"


def static(run: Run, words: str) -> Iterator[tuple[str, str]]:
    """Every static page the toolkit makes."""
    told = worded(run, words)
    yield "run", told._repr_html_()
    yield "run that went well", replace(told, error=None)._repr_html_()
    yield "output", told.output._repr_html_()
    definition = load_step(b'{"prompt": "a fox"}')
    definition = replace(definition, step=told.step, output=told.output, changes=(words,))
    yield "step file", definition._repr_html_()
    finding = Finding(words, words, "success", words, words, reached=True)
    yield "references", ReferenceReport((finding, replace(finding, reached=False)))._repr_html_()
    shown = GalleryPage.of_run(told).static_page()
    yield "page", shown.html()
    yield "plain page", shown.plain_html()
    records = [asset.stored for asset in told.output.assets if asset.stored]
    page = GalleryPage.of_records("x", [replace(record, file_name=words) for record in records], None)
    shown = replace(page, title=words, notes=(words,)).static_page()
    yield "page of records", shown.html()
    yield "plain page of records", shown.plain_html()


def live(form: StepForm, run: Run, words: str) -> Iterator[tuple[str, str]]:
    """Every piece of HTML in a form that has met these words."""
    panel, text = form.panel, clean(words)
    document = json.dumps({"prompt": text, "name": text, "inputs": {text: text}}).encode()
    panel.import_export._guarded(lambda: panel.import_export._import(words, document))
    panel.import_export._guarded(lambda: _refuse(words))
    form.inputs.clear()
    form.inputs["thing"] = words
    panel.header.show_title(words)
    panel.header.show_payer(words, key_found=False)
    panel.header.show_status(words)
    panel.show_error(ProviderFault(words, code=words))
    for key, field in panel.fields.items():
        state = replace(_state(form, key), hint=words, problems=(words,))
        field.show(replace(state, value=None) if state.control == "text" else state)
    panel.inputs.show("a {{thing}} and {{nothing}}", "")
    yield "preview with a problem", panel.inputs.resolved
    panel.inputs.show("a {{thing}}", f"a {words}")
    yield "form before a run", form._static_page().html()
    yield "fallback before a run", form._fallback.outputs()[0]["text/html"]
    form.run_result = worded(run, words)
    yield "form after a run", form._static_page().html()
    yield "fallback after a run", form._fallback.outputs()[0]["text/html"]
    form.run_result = None
    # The widgets of our own put words into the page as text: test_hostile_text_in_lab looks at that.
    for number, widget in enumerate(part for top in panel.widgets for part in _parts(top)):
        if isinstance(widget, HTML):
            yield f"widget {number}", widget.value


def _state(form: StepForm, key: str) -> FieldState:
    return form._draft.state.fields[key]


def _refuse(words: str) -> str:
    raise DefinitionError(words, place=words)


def tree(page: str) -> list[tuple]:
    """Every element with its attributes, those that only hold words emptied: what a browser builds."""
    root = html5lib.parse(page, namespaceHTMLElements=False)
    return [
        (
            element.tag,
            sorted((name, value if name not in ("alt", "title") else "") for name, value in element.items()),
        )
        for element in root.iter()
        if isinstance(element.tag, str)
    ]


def trees(form: StepForm, run: Run, words: str) -> dict[str, list[tuple]]:
    return {where: tree(page) for where, page in (*static(run, words), *live(form, run, words))}


pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning")


def test_hostile_words_build_the_page_of_harmless_ones(form, plain_run):
    trees(form, plain_run, "others")  # some widgets are made when there first is something to say
    wanted = trees(form, plain_run, HARMLESS)
    assert len(wanted) >= 15
    count, differ = cycles(150, 10_000), 0
    for words in texts(count):
        # Something is always there, since an empty text may rightly leave a line out.
        found = trees(form, plain_run, f"x{words}")
        differ += found != wanted
        assert found == wanted, ascii(words)
    note("script in text", none_of(f"{count:,} cases in {len(wanted)} pages each, differing", differ))


def test_the_comparison_would_see_it(form, plain_run):
    page = dict(static(plain_run, "x<b onclick=alert(1)>"))["run"]
    assert tree(page.replace("&lt;", "<").replace("&gt;", ">")) != tree(page)


def test_no_word_of_anybody_is_an_address(form, plain_run):
    for where, page in (
        *static(plain_run, "javascript:alert(1)"),
        *live(form, plain_run, "javascript:alert(1)"),
    ):
        for element in html5lib.parse(page, namespaceHTMLElements=False).iter():
            values = [element.attrib[name] for name in ADDRESSES if name in element.attrib]
            assert not any("alert" in value for value in values), where


def shown(run: Run, words: str) -> Iterator[str]:
    """What a terminal, or the text of an output, gets to show."""
    told = worded(run, words)
    yield repr(told)
    yield repr(replace(told, error=None))
    yield repr(told.output)
    yield from map(repr, told.output.assets)
    yield repr(GalleryPage.of_run(told).static_page().text())
    definition = load_step(b'{"prompt": "a fox"}')
    yield repr(replace(definition, step=told.step, output=told.output, changes=(words,)))
    yield repr(SavedStep(Path("x.step.json"), 1, (words,)))
    yield repr(check_references(f"{{{{{words}}}}}", ImageGenerationStep(prompt="a fox")))
    try:
        render(f"{{{{{words}}}}}", {})
    except VariableError as error:
        yield str(error)


def test_no_word_commands_a_terminal(plain_run):
    for words in texts(cycles(150, 10_000), seed=2):
        for text in shown(plain_run, words):
            assert visible(text) == text
