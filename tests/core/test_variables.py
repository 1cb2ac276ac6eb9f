"""Filling `{{paths}}`: what is filled, what is refused, and that nothing is ever evaluated."""

from __future__ import annotations

import json
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.properties import plain_values, text

from imagegen_nb.core.variables import LONGEST_VALUE, inputs_of, malformed, paths, remedy_for, render, without
from imagegen_nb.errors import VariableError

RUN = {"output": {"settings": {"model": "gpt-image-2"}, "assets": [{"file_url": "file:///a.png"}]}}


def refusal(template: str, context: dict) -> VariableError:
    with pytest.raises(VariableError) as caught:
        render(template, context)
    return caught.value


def test_names_are_listed_once_and_in_order():
    assert inputs_of("{{b.c}} {{a}} {{b}} {{ not this }") == ["b", "a"]


# Filling


def test_tags_of_some_names_are_left_out_and_the_others_stay():
    template = "{{ask.output.mood}} {{ product }} {{askance}} {{ ask }}, {{not a path}}"
    assert without(template, {"ask", "step_1"}) == " {{ product }} {{askance}} , {{not a path}}"


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("no variable", "no variable"),
        ("{{product}}", "bottle"),
        ("a {{product}}, a {{ product }}", "a bottle, a bottle"),
        ("{{\tproduct\n}}", "bottle"),
        ("{{step_2.output.assets.0.file_url}}", "file:///a.png"),
        ("{{_x1}}", "one"),
        ("{{colours.1}}", "blue"),
        ("{{matrix.1.0}}", "3"),
        ("{{by_number.0}}", "zero"),
        ("{product}", "{product}"),
        ("{{product}", "{{product}"),
        ("{{{product}}}", "{bottle}"),
        ("$product %s {0} ${product}", "$product %s {0} ${product}"),
    ],
)
def test_paths_are_replaced_and_everything_else_stays(template, filled):
    context = {
        "product": "bottle",
        "step_2": RUN,
        "_x1": "one",
        "colours": ["red", "blue"],
        "matrix": [[1, 2], [3, 4]],
        "by_number": {"0": "zero"},
    }
    assert render(template, context) == filled


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", ""),
        ("  as it is\n", "  as it is\n"),
        (3, "3"),
        (2.5, "2.5"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        ([], "[]"),
        ({}, "{}"),
        (["rot", "grün", None], '["rot","grün",null]'),
        ({"a": [1, {"b": True}]}, '{"a":[1,{"b":true}]}'),
    ],
)
def test_values_are_written_as_text_or_compact_json(value, written):
    assert render("<{{value}}>", {"value": value}) == f"<{written}>"


@pytest.mark.parametrize("value", ["{{product}}", "{{missing}}", "{{ 7*7 }}", "}}{{product", r"\1 \g<0>"])
def test_a_value_is_never_rendered_again(value):
    assert render("a {{value}} b", {"value": value, "product": "bottle"}) == f"a {value} b"


def test_values_that_join_into_a_tag_stay_text():
    assert render("{{a}}{{b}}", {"a": "{{pro", "b": "duct}}", "product": "bottle"}) == "{{product}}"


def test_a_chain_of_values_that_name_each_other_does_not_grow():
    context = {f"v{n}": f"{{{{v{n + 1}}}}}" * 10 for n in range(12)}
    assert render("{{v0}}", context) == "{{v1}}" * 10


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), text, min_size=1, max_size=4))
def test_text_values_arrive_as_they_are(values):
    template = "|".join(f"{{{{{name}}}}}" for name in values)
    assert render(template, values) == "|".join(values.values())


@given(plain_values)
def test_any_plain_value_is_filled_in_or_refused_as_null(value):
    if value is None:
        assert "null" in str(refusal("{{value}}", {"value": value}))
    elif not isinstance(value, str):
        assert json.loads(render("{{value}}", {"value": value})) == value


# Refusals


def test_all_missing_variables_are_named_at_once():
    error = refusal("{{a}} {{b.c}} {{product}} {{a}}", {"product": "x"})
    assert error.missing == ("a", "b.c")
    assert "{{a}}" in str(error)
    assert "{{b.c}}" in str(error)


@pytest.mark.parametrize(
    ("template", "nearest"),
    [
        ("{{produkt}}", "write {{product}} into"),
        ("{{step_2.output.0.file_url}}", "{{step_2.output.assets.0.file_url}}"),
        ("{{step_2.output.assets.0.url}}", "{{step_2.output.assets.0.file_url}}"),
        ("{{step_2.output.assets.1.file_url}}", "{{step_2.output.assets.0.file_url}}"),
        ("{{step2.output.assets.0.file_url}}", "{{step_2.output.assets.0.file_url}}"),
    ],
)
def test_a_missing_variable_comes_with_the_nearest_path(template, nearest):
    assert nearest in str(refusal(template, {"product": "x", "step_2": RUN}))


def test_without_a_near_path_the_available_names_are_told():
    assert "{{product}}" in str(refusal("{{qqq}}", {"product": "x"}))
    assert "no inputs were given" in str(refusal("{{qqq}}", {}))


@pytest.mark.parametrize(
    ("template", "inputs", "said"),
    [
        (
            "{{product}}",
            {},
            '{{product}} has no value; no inputs were given. Give it a value: inputs={"product": "…"}',
        ),
        (
            "{{product}} by {{step_1.output.assets.0.file_name}} in {{place.0.name}}",
            {},
            'Give each a value: inputs={"product": "…", "step_1": run, "place": {…}}',
        ),
        *(
            (
                "{{product}} in {{place}}",
                {given: "x", "place": "y"},
                f"{{{{product}}}} has no value; the input {given}, which the prompt does not use, "
                "may be misspelt: call it product",
            )
            for given in (
                "prodcut",
                "produkt",
                "Product",
                "PRODUCT",
                "products",
                " product",
                "inputs.product",
            )
        ),
        (
            "{{product_name}}",
            {"product-name": "x"},
            "may be misspelt: call it product_name",
        ),
        ("{{product}}", {"prodcut": "x"}, "call it product, or write {{prodcut}} into the prompt"),
        # What another tag names is spelt as it was to be: this tag is not.
        ("{{product}} {{produkt}}", {"product": "x"}, "the nearest available path is {{product}}"),
        ("{{a.b}}", {"a": {"c": 1}}, "{{a.b}} has no value; {{a}} has c"),
    ],
)
def test_it_is_told_how_a_missing_input_is_given_and_which_is_misspelt(template, inputs, said):
    assert said in str(refusal(template, inputs))


def test_another_door_gives_its_own_remedy():
    error = refusal("{{product}}", {})
    assert error.not_given == ("product",)
    assert error.told("Type it") == "{{product}} has no value; no inputs were given. Type it"
    assert error.told("") == "{{product}} has no value; no inputs were given"
    two = refusal("{{a}} {{b}}", {})
    assert two.told("Type them").endswith("\n  Type them")


def test_the_nearest_path_can_be_written_in_a_prompt():
    said = str(refusal("{{product_name}}", {"product name": "x", "product-name": "y"}))
    assert "{{product name}}" not in said
    assert "{{product-name}}" not in said


@pytest.mark.parametrize("path", ["a.0", "a.b", "b.5", "b.first", "b.0.x", "c.x", "d.e.f"])
def test_a_path_that_leads_nowhere_is_missing(path):
    assert refusal(f"{{{{{path}}}}}", {"a": "text", "b": [1], "c": None, "d": {}}).missing == (path,)


def test_null_is_refused_by_name():
    assert "{{logo}} is null" in str(refusal("{{logo}}", {"logo": None}))


def test_a_value_longer_than_a_prompt_is_refused_by_name():
    assert render("{{big}}", {"big": "x" * LONGEST_VALUE})
    error = refusal("{{big}}", {"big": "x" * (LONGEST_VALUE + 1)})
    assert "{{big}}" in str(error)
    assert "32,001" in str(error)


def test_an_array_too_long_as_json_is_refused_by_name():
    assert "{{rows}}" in str(refusal("{{rows}}", {"rows": ["x" * 100] * 1000}))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), [float("-inf")]])
def test_numbers_json_cannot_write_are_refused_together_with_the_rest(number):
    error = refusal("{{number}} {{absent}}", {"number": number})
    assert "{{number}}" in str(error)
    assert error.missing == ("absent",)


def test_one_error_holds_what_is_missing_null_malformed_and_too_long():
    said = str(refusal("{{a b}} {{gone}} {{nil}} {{big}}", {"nil": None, "big": "x" * 40_000}))
    assert all(tag in said for tag in ("{{a b}}", "{{gone}}", "{{nil}}", "{{big}}"))
    assert said.startswith("4 variables")


def test_the_message_of_a_template_full_of_missing_variables_stays_readable():
    template = "".join(f"{{{{missing_{n}}}}}" for n in range(2000))
    error = refusal(template, {"product": "x"})
    assert len(error.missing) == 2000
    assert len(str(error)) < 200_000


# Nothing is evaluated

PAYLOADS = [
    "{{7*7}}",
    "{{config}}",
    "{{config.items()}}",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "{{ self.__init__.__globals__.__builtins__ }}",
    "{{request|attr('application')}}",
    "{{product.__class__}}",
    "{{product.__class__.__init__.__globals__}}",
    "{{product.upper}}",
    "{{product.0}}",
    "{{cycler.__init__.__globals__.os.popen('id').read()}}",
    "{{#each items}}{{this}}{{/each}}",
    "{{> partial}}",
    "{{&product}}",
    "{{!comment}}",
    "{{product!r}}",
    "{{product:>10}}",
    "{% for x in y %}{% endfor %}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{0.__class__}",
    "{product.__class__}",
    "{{{{product}}}}",
    "{{__import__('os')}}",
    "{{items.__len__}}",
    "{{items.-1}}",
    "{{items.00}}",
    "{{items.0x0}}",
    "{{items.٠}}",
]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_template_attacks_stay_text_or_are_refused(payload):
    context = {"product": "bottle", "items": ["first"]}
    try:
        rendered = render(payload, context)
    except VariableError:
        return
    assert rendered in (payload, payload.replace("{{product}}", "bottle"))


@given(st.text("{}.ab01_ |'()#%\n", max_size=60))
def test_a_rendered_template_holds_only_its_own_text_and_values(template):
    try:
        rendered = render(template, {"a": "<A>", "b": ["<B>", {"a": "<C>"}]})
    except VariableError:
        return
    for value in ('["<B>",{"a":"<C>"}]', '{"a":"<C>"}', "<A>", "<B>", "<C>"):
        rendered = rendered.replace(value, "")
    assert len(rendered) <= len(template)
    assert set(rendered) <= set(template)


class Trap:
    """An object with attributes and a property that must not be touched."""

    secret = "attribute"

    @property
    def as_dict(self) -> str:
        raise AssertionError("a property was read")


@pytest.mark.parametrize("path", ["thing.secret", "thing.as_dict", "thing.__class__"])
def test_attributes_are_never_walked(path):
    assert refusal(f"{{{{{path}}}}}", {"thing": Trap()}).missing == (path,)


# Reading templates


def test_paths_are_listed_once_in_order_and_malformed_tags_apart():
    template = "{{b}} {{a.0.c}} {{b}} {{a b}} {{}}"
    assert paths(template) == ("b", "a.0.c")
    assert malformed(template) == ("{{a b}}", "{{}}")


@pytest.mark.parametrize(
    ("tag", "path"),
    [
        ("{{assets[0].file_url}}", "{{assets.0.file_url}}"),
        ("{{ step_2.output.assets[ 10 ] }}", "{{step_2.output.assets.10}}"),
        ("{{rows[0][1]}}", "{{rows.0.1}}"),
        ("{{product['name']}}", "{{product.name}}"),
        ('{{product["name"].first}}', "{{product.name.first}}"),
        ("{{items.[0]}}", "{{items.0}}"),
        ("{{$.product.name}}", "{{product.name}}"),
    ],
)
def test_a_path_in_another_notation_comes_with_ours(tag, path):
    assert path in remedy_for(tag)
    assert path in str(refusal(tag, {}))


@pytest.mark.parametrize(
    "tag", ["{{a b}}", "{{}}", "{{items[-1]}}", "{{items[00]}}", "{{a|upper}}", "{{f()}}", "{{[0]}}"]
)
def test_what_can_be_no_path_comes_with_an_example(tag):
    assert "{{product}}" in remedy_for(tag)


# Time

SECONDS = 2.0
"""No 64 KB template may take longer, also on a slow machine; they take milliseconds."""
SIZE = 64 * 1024

PATHOLOGICAL = {
    "opening braces": "{" * SIZE,
    "closing braces": "}" * SIZE,
    "opened tags": "{{a" * (SIZE // 3),
    "a tag never closed": "{{" + "a" * SIZE,
    "a tag closed once": "{{" + "a" * SIZE + "}",
    "a tag of spaces": "{{" + " " * SIZE + "}}",
    "a tag of dots": "{{" + "." * SIZE + "}}",
    "a path of many names": "{{" + "a." * (SIZE // 2) + "!}}",
    "a path of many positions": "{{a" + ".0" * (SIZE // 2) + "x-}}",
    "alternating braces": "{}" * (SIZE // 2),
    "many tags": "{{a}}" * (SIZE // 5),
    "many malformed tags": "".join(f"{{{{{n}!}}}}" for n in range(SIZE // 10)),
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_a_pathological_template_takes_linear_time(name):
    start = time.thread_time()
    with suppress(VariableError):
        render(PATHOLOGICAL[name], {"a": "x"})
    assert time.thread_time() - start < SECONDS


def test_many_missing_variables_and_much_data_take_linear_time():
    count = 300
    template = "".join(f"{{{{name_{n:04}}}}}" for n in range(count))
    context = {f"mane{n:04}": "x" for n in range(2000)}
    start = time.thread_time()
    error = refusal(template, context)
    assert time.thread_time() - start < SECONDS
    assert len(error.missing) == count
