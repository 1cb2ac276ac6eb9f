"""What is wrong with variables in a prompt is told with the remedy, and what is no mistake is left alone."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from imagegen_nb.core.variable_mistakes import (
    corrections,
    fill,
    how_to_use,
    mistakes,
    note_of_braces_around,
    note_of_empty,
    note_of_unused,
    problems,
    unclosed,
)
from imagegen_nb.core.variables import paths, render, without
from imagegen_nb.errors import VariableError

RUN = {"output": {"settings": {"model": "gpt-image-2"}, "assets": [{"file_url": "file:///a.png"}]}}


TEMPLATES = st.lists(st.sampled_from(["{{", "}}", "{", "}", "a", ".", " ", "0"]), max_size=12).map("".join)


NULL = "is null: there is nothing to fill in; give it a value, or leave it out of the prompt"


@pytest.mark.parametrize(
    ("template", "is_unclosed", "nested"),
    [
        ("{{ {x} }}", False, "{{ {x} }}"),
        ("{{a {b}}", False, "{{a {b}}"),
        ('style={{ {"color": {"a": 1}} }}', False, '{{ {"color": {"a": 1}}'),
        ("{{{product}}}", False, ""),
        ("{{{{product}}}}", False, "{{{{product}}}}"),
        ("{{{product}}{", False, ""),
        ("{ {{product}} }", False, ""),
        ('{"a": {"b": 1}}', False, ""),
        ("}} {{", True, ""),
        ("{{a", True, ""),
        ("{{a {{b}}", True, ""),
        ("{{a}} {{ {x} }} and {{y", True, "{{ {x} }}"),
        ("no variable", False, ""),
    ],
)
def test_braces_that_are_no_variable_are_told_apart(template, is_unclosed, nested):
    told = {mistake.fault: mistake.written for mistake in mistakes(template)}
    assert unclosed(template) == ("is not closed" in told) == is_unclosed
    assert told.get("has braces inside", "") == nested


@pytest.mark.parametrize(
    ("template", "problem", "remedy"),
    [
        (
            "{{produkt}}",
            "{{produkt}} has no value; the nearest available path is {{product}}",
            "Give it a value",
        ),
        ("{{product", "{{product is not closed", "Write {{product}}"),
        ("{{product} on a table", "{{product is not closed", "Write {{product}}"),
        ("a {{ product on a table", "{{ product is not closed", "Write {{product}}"),
        ("{{produkt on", "{{produkt is not closed", "the nearest available path is {{product}}"),
        ("{{run.output.assets.0.file_ur", "{{run.output.assets.0.file_ur is not closed", "0.file_url}}"),
        ("{{run.output.", "{{run.output is not closed", "Write {{run.output}}"),
        ("{{", "{{ is not closed", "Close it with }}"),
        ("{{a {{product}}", "{{a is not closed", "Close it with }}; available: {{product}}"),
        ("{{product}} and {{", "{{ is not closed", "Close it with }}"),
        ("{{ {x} }}", "{{ {x} }} has braces inside", "Write only a path there"),
        ("a {product} on a table", "{product} has single braces", "Write {{product}}"),
        ("a {run.output} on a table", "{run.output} has single braces", "Write {{run.output}}"),
        ("{{product[0]}}", "{{product[0]}} is not a path", "Write {{product.0}}"),
        ("{{nothing}}", f"{{{{nothing}}}} {NULL}", "holds text"),
    ],
)
def test_what_is_wrong_with_a_variable_is_told_with_the_remedy(template, problem, remedy):
    ((told, mended),) = problems(template, {"product": "bottle", "run": RUN, "nothing": None})
    assert told == problem
    assert remedy in mended


@pytest.mark.parametrize(
    ("template", "remedy"),
    [
        ("{{animal}} and {{animal", "Write {{animal}}"),
        ("{{animal}} and {{anmal", "Close it with }}; the nearest available path is {{animal}}"),
        ("{{animal}} and {{xyz", "Close it with }}; available: {{animal}}, {{product}}"),
        ("a {{xyz", "Close it with }}; available: {{product}}"),
        ("a {{run.outputs", "Close it with }}; the nearest available path is {{run.output}}"),
        ("{{prodct}} and {{xyz", "Close it with }}; available: {{product}}"),
        ("{{animal}}, {{prodct}} and {{xyz", "Close it with }}; available: {{animal}}, {{product}}"),
        ("{{product_2}} and {{product_2", "Write {{product_2}}"),
        ("{{prodct}} and {{prodc", "Close it with }}; the nearest available path is {{product}}"),
    ],
)
def test_a_tag_is_closed_with_what_its_prompt_has_before_what_others_have(template, remedy):
    context = {"run": RUN, "product": "bottle"}
    assert problems(template, context, {"product": "bottle"})[-1][1] == remedy
    assert problems("a {{xyz", {"run": RUN}, {}) == (
        ("{{xyz is not closed", "Close it with }}; available: {{run}}"),
    )
    assert problems("a {{xyz", {}, {}) == (("{{xyz is not closed", "Write {{xyz}}"),)


def test_an_unclosed_tag_is_mended_to_what_its_prompt_has():
    assert list(corrections("{{animal}}, {{anmal", {})) == [
        ("{{anmal", "animal", "{{animal}}, {{animal}}"),
    ]
    # Nothing is mended to a name that is itself misspelt; one that stands there twice may have no value yet.
    given = {"product": "bottle"}
    assert [meant for _, meant, _ in corrections("{{prodct}} and {{prodc", given)] == ["product"] * 2
    assert [meant for _, meant, _ in corrections("{{product_2}} and {{product_2", given)][1:] == ["product_2"]


def test_what_is_told_of_a_mistake_holds_no_key():
    key = "AIza" + "a1B2_" * 7
    for template in (f"{{{{{key}", f"{{{{ {{{key}}} }}}}", f"{{{{{key} b}}}}"):
        told = problems(template, {})
        assert "[redacted]" in told[0][0]
        assert key not in str(told)


@pytest.mark.parametrize(
    "template",
    ["", "plain", "{{product}}", "{other}", "{{{product}}}", "}} {", '{"a": {"b": 1}}', "{ a}"],
)
def test_other_braces_are_text(template):
    assert problems(template, {"product": "bottle"}) == ()


def test_everything_wrong_is_told_at_once():
    told = problems("{{gone}} {{a b}} {{nothing}} {{open", {"nothing": None})
    assert [line.split()[0] for line, _ in told] == ["{{gone}}", "{{nothing}}", "{{a", "{{open"]


@given(TEMPLATES)
def test_braces_are_either_told_of_or_gone(template):
    """What is left as text after filling in was told of, however the braces lie."""
    told = problems(template, {"a": "value"})
    if not told:
        assert "{{" not in render(template, {"a": "value"})


@given(TEMPLATES)
@example("{{ a")
@example("{{  ")
@example("{{ a.}")
@example("{{ {{0}} a")
def test_what_is_a_mistake_does_not_depend_on_the_inputs(template):
    """A step is refused for the same braces as its run would be, in the same words."""
    alone, filled = list(mistakes(template)), list(mistakes(template, {"a": "value"}))
    assert [mistake.line for mistake in alone] == [mistake.line for mistake in filled]
    assert {mistake.line for mistake in alone} <= {line for line, _ in problems(template, {"a": "value"})}
    assert all(mistake.written in template and mistake.remedy for mistake in alone)


@given(TEMPLATES)
def test_a_template_without_a_mistake_has_no_opened_tag_left(template):
    if not list(mistakes(template)):
        assert "{{" not in without(template, {path.partition(".")[0] for path in paths(template)})


@given(TEMPLATES)
def test_braces_without_an_input_of_their_name_are_text(template):
    if not paths(template) and not list(mistakes(template)):
        assert fill(template, {"b": "value"}) == template


def test_an_input_in_single_braces_is_refused():
    with pytest.raises(VariableError, match=r"\{product\} has single braces: Write \{\{product\}\}\. Braces"):
        fill("a {product} and {{colour}}", {"product": "lamp", "colour": "red"})
    assert fill("a {product} and {{colour}}", {"colour": "red"}) == "a {product} and red"
    assert fill('a {{colour}} {"product": 1}', {"colour": "red", "product": 1}) == 'a red {"product": 1}'


def test_a_mistake_is_told_shortly_however_long_it_is():
    for template in ("{{" + "a" * 30_000, "{{" + "a b" * 9_000 + "}}", "{{ {" + "a" * 30_000 + "} }}"):
        (mistake,) = mistakes(template)
        assert len(mistake.line) < 150


@pytest.mark.parametrize(
    ("template", "names", "hint"),
    [
        ("a {product}", ["product"], "{product} has single braces: Write {{product}}"),
        ("a {product.name} in {{x}}", ["x", "product"], "{product.name} has single braces: Write"),
        ("a lamp", ["product", "place"], "did you mean {{product}}?"),
        ("a lamp in this place", ["product", "place"], "did you mean {{place}}?"),
        ("a {{product}} of this colour", ["place", "colour"], "did you mean {{colour}}?"),
        ("a {{product}} of colours", ["colour"], ""),
        ("a {{product.colour}}", ["colour"], ""),
        ("a lamp", ["a place"], ""),
    ],
)
def test_how_an_unused_input_is_used(template, names, hint):
    told = how_to_use(names, template)
    assert told.startswith(hint)
    assert bool(told) == bool(hint)


@pytest.mark.parametrize(
    ("template", "context", "note"),
    [
        (
            "a lamp",
            {"product": "x", "place": {}},
            "the prompt does not use the inputs product, place; did you mean {{product}}?",
        ),
        (
            "a {{product}} of this colour",
            {"product": "x", "colour": "red", "place": "a wood"},
            "the prompt does not use the inputs colour, place; did you mean {{colour}}?",
        ),
        (
            "a {{product}} of this colour",
            {"product": "x", "place": "a wood"},
            "the prompt does not use the input place",
        ),
        (
            "a {{product.name}}",
            {"product": {"name": "x"}, "place": "a wood", "prodct": "y"},
            "the prompt does not use the inputs place, prodct; did you mean product?",
        ),
        ("a {{product}} like a hero", {"product": "x", "hero": RUN}, ""),
        ("a lamp", {}, ""),
    ],
)
def test_inputs_that_no_variable_uses_are_noted(template, context, note):
    """Beside variables only texts and numbers: an object may well be what other steps need."""
    assert note_of_unused(template, context) == note


@pytest.mark.parametrize(
    ("template", "note"),
    [
        ("a {{product}}", ""),
        ("a {{colour}} {{product}}", "{{colour}} is empty, so the prompt has nothing in its place"),
        (
            "{{a.b}} {{ colour }}{{a.b}}",
            "{{a.b}}, {{colour}} are empty, so the prompt has nothing in their place",
        ),
        ("a {{none}} {{list}} {{zero}}", ""),
    ],
)
def test_a_variable_whose_text_is_empty_is_noted(template, note):
    context = {"product": "x", "colour": "", "a": {"b": " \n"}, "list": [], "zero": 0}
    assert note_of_empty(template, context) == note


@pytest.mark.parametrize(
    ("template", "tag", "path", "corrected"),
    [
        ("{{produt}} and {{ produt }}", "{{produt}}", "product", "{{product}} and {{product}}"),
        ("{{brand.colors.0}}", "{{brand.colors.0}}", "brand.colours.0", "{{brand.colours.0}}"),
        (
            "{{brand.colours[1]}} {{product}}",
            "{{brand.colours[1]}}",
            "brand.colours.1",
            "{{brand.colours.1}} {{product}}",
        ),
        ("{{product}} {{brand.nam. And", "{{brand.nam", "brand.name", "{{product}} {{brand.name}}. And"),
        ("{product} {{product}} {other}", "{product}", "product", "{{product}} {{product}} {other}"),
        ("a {brand.nam}", "{brand.nam}", "brand.name", "a {{brand.name}}"),
    ],
)
def test_a_tag_with_one_plain_meaning_is_corrected(template, tag, path, corrected):
    context = {"product": "lamp", "brand": {"name": "Lumen", "colours": ["red", "blue"]}}
    assert list(corrections(template, context)) == [(tag, path, corrected)]


@pytest.mark.parametrize("template", ["{{xyz}}", "{{}}", "{{", "{{brand.zzz.q}}", "{{product}}", "{{a b}}"])
def test_what_may_mean_anything_is_not_corrected(template):
    assert list(corrections(template, {"product": "lamp", "brand": {"name": "Lumen"}})) == []


OUTER = "the prompt has {}, whose outer braces are sent as text; write {} where that is not meant"


@pytest.mark.parametrize(
    ("template", "note"),
    [
        ("a {{{product}}}", OUTER.format("{{{product}}}", "{{product}}")),
        ("a {{{ product }}}", OUTER.format("{{{product}}}", "{{product}}")),
        ("a {{{product}} on sand", OUTER.format("{{{product}}", "{{product}}")),
        ("a {{product}}} on sand", OUTER.format("{{product}}}", "{{product}}")),
        ("{{{a}}} and {{{b.c}}} and {{{a}}}", OUTER.format("{{{a}}} and 1 more", "{{a}}")),
        ("a {{product}}", ""),
        ("a { {{product}} }", ""),
        ('{"a": {{product}}}', ""),
        ('{"a": {"b": {{product}}}}', ""),
        ("{{{a}}: {{b}}}", ""),
        ("plain } {", ""),
        ("{{{not a path}}}", ""),
    ],
)
def test_outer_braces_that_are_sent_are_noted(template, note):
    assert note_of_braces_around(template) == note


def test_a_note_of_outer_braces_holds_no_key_and_is_short():
    key = "sk-proj-" + "a1B2" * 12
    assert key not in note_of_braces_around(f"{{{{{{{key.replace('-', '_')}}}}}}} {{{{{{{key}}}}}}}")
    assert len(note_of_braces_around(f"{{{{{{{'a' * 10_000}}}}}}}")) < 400


NAMED = st.lists(st.sampled_from(["{", "{{", "{{{", "}", "}}", "}}}", "a", " ", "b.0"]), max_size=12).map(
    "".join
)


@given(NAMED)
@example("{{{a}}}")
@example("{{{a}}")
@example('{"a": {{a}}}')
def test_a_value_between_braces_is_noted_and_nothing_else_is(template):
    if any(mistakes(template)):
        return  # refused, with a remedy of its own
    value = "\0"
    if any(path not in ("a", "b.0") for path in paths(template)):
        return
    sent = render(template, {"a": value, "b": [value]})
    note = note_of_braces_around(template)
    is_between = f"{{{value}}}" in sent
    is_odd = sent.count("{") != sent.count("}") and (f"{{{value}" in sent or f"{value}}}" in sent)
    assert bool(note) == (is_between or is_odd)
    if note:
        assert "{{{" in note or "}}}" in note
