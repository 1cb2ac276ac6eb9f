"""What may vary and how it is given: lists, rows, files, tables, and what is said of mistakes."""

from __future__ import annotations

import importlib
from enum import Enum

import pytest

from imagegen_nb import ImageGenerationStep, Model, Sweep
from imagegen_nb.errors import InvalidOption, InvalidSweep
from imagegen_nb.sweeps.axes import label, read

STEP = ImageGenerationStep(prompt="A {{product}} by {{who.name}}", image_size="1024x640")


class Size(Enum):
    SMALL = "1024x640"


def values(**given):
    return read(STEP, **given).combinations


def test_every_value_is_combined_with_every_other():
    axes = read(STEP, {"model": ["gpt-image-2", "gpt-image-2.5-flare"], "inputs.product": ["a", "b"]})
    assert axes.names == ("model", "inputs.product")
    assert axes.combinations == [
        ("gpt-image-2", "a"),
        ("gpt-image-2", "b"),
        ("gpt-image-2.5-flare", "a"),
        ("gpt-image-2.5-flare", "b"),
    ]


def test_a_variable_of_a_prompt_needs_no_prefix():
    assert read(STEP, {"product": ["a"], "who.name": ["b"]}).names == ("inputs.product", "inputs.who.name")
    assert read(STEP, {"prompt": ["{{other}}"], "other": [1]}).names == ("prompt", "inputs.other")
    assert read(STEP, {"prompt": iter(["{{other}}"]), "inputs.other": [1]}).names[1] == "inputs.other"


def test_values_mean_what_they_mean_elsewhere():
    assert values(over={"image_size": [Size.SMALL, None], "product": (n for n in range(2))})[3] == (None, 1)
    assert values(over={"model": [Model("my-own", like="gpt-image-2")]}) == [("my-own",)]


def test_rows_are_run_as_they_are_and_combined_with_what_is_over():
    rows = [{"product": "a", "image_count": 2}, {"product": "b"}]
    axes = read(STEP, {"image_quality": ["low", "high"]}, rows)
    assert axes.names == ("inputs.product", "image_count", "image_quality")
    assert [combination[0] for combination in axes.combinations] == ["a", "a", "b", "b"]
    assert repr(axes.combinations[2][1]) == "(as in the step)"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_file(tmp_path, delimiter):
    lines = [["product", " image_count ", "image_size"], ['"a, b; c"', "2", "1024x640"], ["", "", ""]]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(delimiter.join(line) for line in lines), encoding="utf-8-sig")
    sweep = Sweep(STEP, rows=path, inputs={"who": {"name": "me"}}, invalid="skip")
    assert sweep[0].values == {"inputs.product": "a, b; c", "image_count": 2, "image_size": "1024x640"}
    assert sweep[0].step.image_count == 2
    assert sweep[1].inputs["product"] == ""
    assert sweep[1].step == STEP


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_table(library):
    frames = pytest.importorskip(library)
    table = frames.DataFrame({"product": ["a", "b"], "image_count": [2, None]})
    found = values(rows=table)
    assert [(product, label(count)) for product, count in found] == [("a", "2"), ("b", "(as in the step)")]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_whole_numbers_of_a_column_with_a_gap_are_whole_in_the_prompt(library):
    frames = pytest.importorskip(library)
    table = frames.DataFrame({"product": [1984, None, 2024], "who.name": [0.5, None, 1.0]})
    found = [[label(value) for value in row] for row in values(rows=table)]
    assert found == [["1984", "0.5"], ["(as in the step)"] * 2, ["2024", "1.0"]]


def test_a_table_that_was_not_read_yet():
    polars = pytest.importorskip("polars")
    with pytest.raises(InvalidOption, match=r"was not read yet: give rows=table.collect\(\)"):
        read(STEP, None, polars.DataFrame({"product": ["a"]}).lazy())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "nothing varies"),
        ({"over": {}}, "nothing varies"),
        ({"over": ["a"]}, "over is of type list: give the values by axis"),
        ({"over": {"modle": ["x"]}}, "axis 'modle', .*did you mean model"),
        ({"over": {"quality": ["x"]}}, "axis 'quality', .*did you mean image_quality"),
        ({"over": {"produkt": ["x"]}}, "axis 'produkt', .*did you mean inputs.product"),
        ({"over": {"prodcut": ["x"]}}, "axis 'prodcut', .*did you mean inputs.product"),
        ({"over": {"Produkt": ["x"]}}, "axis 'Produkt', .*did you mean inputs.product"),
        ({"over": {"input.produkt": ["x"]}}, "did you mean inputs.product"),
        ({"over": {"{{produkt}}": ["x"]}}, "did you mean inputs.product"),
        ({"over": {"inputs": ["x"]}}, "did you mean inputs.product"),
        ({"rows": [{"produkt": "x"}]}, "rows has the column 'produkt', .*did you mean inputs.product"),
        ({"over": {"promt": ["x"]}}, "did you mean prompt"),
        ({"over": {"PROMPT": ["x"]}}, "did you mean prompt"),
        ({"over": {"inputs.prompt": ["x"]}}, "did you mean prompt"),
        ({"over": {"image qualty": ["x"]}}, "did you mean image_quality"),
        ({"over": {"colour": ["x"]}}, "or write {{colour}} into the prompt"),
        ({"over": {"inputs.prodcut": ["x"]}}, "which no prompt uses .*did you mean inputs.product"),
        ({"over": {3: ["x"]}}, "axis 3: an axis is text"),
        ({"over": {"model": "gpt-image-2"}}, r"over\['model'\] = 'gpt-image-2': give a list"),
        ({"over": {"model": Model("x", like="gpt-image-2")}}, "give a list"),
        ({"over": {"image_count": 3}}, r"over\['image_count'\] = 3: give a list"),
        ({"over": {"product": {"a": 1}}}, "give a list"),
        ({"over": {"product": {"a"}}}, "is a set, which has no order"),
        ({"over": {"product": []}}, "is empty"),
        ({"over": {"product": ["a", "b", "a"]}}, "has 'a' twice: .*repeats"),
        ({"over": {"product": [b"a"]}}, r"over\['product'\]\[0\]"),
        ({"over": {"product": ["a"], "inputs.product": ["b"]}}, "inputs.product is given twice"),
        (
            {"over": {"product": range(1000), "who.name": range(1000)}},
            "make 1,000,000 cells: .*at most 100,000",
        ),
        ({"over": {"product": range(10**9)}}, "more than 100,000 values"),
        ({"rows": []}, "rows is empty"),
        ({"rows": {"product": ["a"]}}, "rows is of type dict: give a list of dicts"),
        ({"rows": [{"product": "a"}, "b"]}, r"rows\[1\] is of type str"),
        ({"rows": [{"product": b"a"}]}, r"rows\[0\].product"),
        ({"rows": [{"product": "a"}], "over": {"product": ["b"]}}, "is in both over and rows"),
        ({"rows": [{"note": "x"}]}, "rows has the column 'note'"),
        ({"rows": "nowhere.csv"}, "rows: there is no file nowhere.csv"),
        ({"rows": 3}, "rows is of type int"),
    ],
    ids=str,
)
def test_a_mistake_names_the_axis_the_value_and_the_remedy(given, message):
    with pytest.raises(InvalidOption, match=message):
        read(STEP, **{"over": None, **given})


@pytest.mark.parametrize("axis", ["inputs.product", "product", "inputs.product.name"])
@pytest.mark.parametrize("place", ["over", "rows"])
def test_an_input_in_single_braces_is_told_as_at_a_run(axis, place):
    step = ImageGenerationStep(prompt='A {product} in {"json": 1}')
    given = {"over": {axis: ["a"]}} if place == "over" else {"rows": [{axis: "a"}]}
    with pytest.raises(InvalidOption, match=r"\{product\} has single braces: Write \{\{product\}\}$") as told:
        Sweep(step, **given)
    assert f"{place} has the {'axis' if place == 'over' else 'column'} {axis!r}" in str(told.value)


def test_an_input_in_single_braces_of_one_prompt_of_several_is_a_reason():
    prompts = ["A {{product}}", "A {product}"]
    with pytest.raises(InvalidSweep, match=r"1 of 2 .*\n.*\{product\} has single braces"):
        Sweep(STEP, {"prompt": prompts, "product": ["a"]})
    (cell,) = Sweep(STEP, {"prompt": prompts, "product": ["a"]}, invalid="skip")
    assert cell.values["prompt"] == prompts[0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"product\na,b\n", "line 2: more values than the first line has names"),
        (b"product\n\xff\n", "not UTF-8"),
        (b'product\n"a\n', "unexpected end of data. Are all quotes closed"),
        (b"", "rows is empty"),
        (b"product\n", "rows is empty"),
        (b"product, product\na,b\n", "has the column 'product' twice"),
        (b"sep=;\n\nproduct\na;b\n", "line 4: more values than the first line has names"),
        (b",product\n0,a\n", r"line 2: '0' stands in a column without a name: .*index=False"),
    ],
    ids=str,
)
def test_a_csv_file_that_is_none(tmp_path, data, message):
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    with pytest.raises(InvalidOption, match=message):
        read(STEP, None, path)


@pytest.mark.parametrize(
    "data",
    [
        b"product,image_count\rlamp,2\rvase,\r",
        b"product,image_count\nlamp,2.0\nvase,\n",
        b"product,image_count,\nlamp,2,\nvase,,\n",
        b"sep=|\r\nproduct|image_count\r\nlamp|2\r\nvase|\r\n",
        b'\xef\xbb\xbf"sep=;"\r\n\r\nproduct;image_count\r\nlamp;2\r\nvase;\r\n',
        b"\n\r\nproduct,image_count\nlamp,2\nvase,\n",
    ],
    ids=[
        "lines of an old Mac",
        "a whole number as tables write it",
        "a comma at each end",
        "a delimiter named for Excel",
        "the same in quotes",
        "empty lines above",
    ],
)
def test_what_programs_write_as_csv_is_read(tmp_path, data):
    path = tmp_path / "rows.csv"
    path.write_bytes(data)
    found = read(STEP, None, path)
    assert found.names == ("inputs.product", "image_count")
    assert [(product, label(count)) for product, count in found.combinations] == [
        ("lamp", "2"),
        ("vase", "(as in the step)"),
    ]


@pytest.mark.filterwarnings("ignore:DataFrame columns are not unique")
def test_a_table_with_two_columns_of_one_name_loses_none_silently():
    frames = pytest.importorskip("pandas")
    table = frames.DataFrame([["lamp", "vase"]], columns=["product", "product"])
    with pytest.raises(InvalidOption, match="rows has the column 'product' twice: leave one out"):
        read(STEP, None, table)


def test_a_path_into_an_input_leaves_the_rest_of_it_alone():
    sweep = Sweep(STEP, over={"who.name": ["a", "b"]}, inputs={"product": "x", "who": {"name": "", "age": 3}})
    assert [cell.inputs["who"] for cell in sweep] == [{"name": "a", "age": 3}, {"name": "b", "age": 3}]


def test_a_path_into_what_is_no_object_is_a_reason():
    with pytest.raises(InvalidSweep, match="who is not an object"):
        Sweep(STEP, over={"who.name": ["a"]}, inputs={"product": "x", "who": "me"})


def test_a_library_is_not_needed_for_what_is_no_table(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert values(over={"product": ["a"]}) == [("a",)]


@pytest.mark.parametrize(
    ("value", "expected"), [("a b", "a b"), (None, "(unset)"), (3, "3"), (["é"], '["é"]'), ("x" * 9, "xxx…")]
)
def test_a_value_for_people(value, expected):
    assert label(value, 4 if isinstance(value, str) and len(value) > 4 else 0) == expected


def test_a_table_that_is_not_there_is_answered_with_the_nearest(tmp_path):
    (tmp_path / "products.csv").write_text("product\nlamp\n")
    step = ImageGenerationStep(prompt="A {{product}}")
    with pytest.raises(InvalidOption, match=r"rows: there is no file .*did you mean .*products\.csv\?"):
        Sweep(step, rows=tmp_path / "product.csv")
