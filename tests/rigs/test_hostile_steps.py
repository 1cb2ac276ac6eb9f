"""Malformed step files: one error type, at once; and what was read can be shown and written."""

from __future__ import annotations

import json
import time

import pytest

from imagegen_nb import ImageGenerationStep, load_step, paths, save_step
from imagegen_nb.core.redaction import visible
from imagegen_nb.errors import DefinitionError, ImagegenError
from imagegen_nb.step_file.document import LARGEST_FILE
from rigs.corpora import NAMES, SCRIPTS, TEMPLATES, given, mutants
from rigs.figures import Figure, cycles, none_of, note

pytestmark = pytest.mark.filterwarnings(
    "ignore::imagegen_nb.errors.DefinitionWarning", "ignore::imagegen_nb.errors.ModelLifecycleWarning"
)
STEP = {"model": "gpt-image-2", "prompt": "a {{thing.0}} fox"}
ASSET = {"id": "a", "file_url": "file:///a", "file_name": "a.png", "file_size": 1, "file_type": "image/png"}


def document(**more) -> dict:
    return {"format": "imagegen-nb/step", "version": 2, "step": STEP, **more}


def asset(**more) -> dict:
    return {"settings": {"model": "gpt-image-2"}, "assets": [{**ASSET, **more}]}


def raw(**more) -> bytes:
    return json.dumps(document(**more)).encode()


WHOLE = raw(
    exported_at="2026-11-21T09:00:00+00:00",
    generator={"name": "imagegen-nb", "version": "1", "about": "x"},
    inputs={"thing": ["red", 1, None, {"a": 1.5}]},
    output=asset(),
    provenance={"identifier": "step_2", "backend": "live", "requested": 1, "usage": {"total_tokens": 5}},
)
OLD = json.dumps({"prompt": "like {{step_1.output.0.file_url}}", "inputs": {"step_1": {"output": [ASSET]}}})
SEEDS = [WHOLE, raw(), OLD.encode()]
TOKENS = [
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u",
    b"\\ud800",
    b"\\u0000",
    b"null",
    b"true",
    b"NaN",
    b"-0",
    b"1e999",
    b"1e-999",
    b"9" * 400,
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"\r\n",
    b"{{",
    b"}}",
    b'"a":1,',
    b"[" * 300,
    b'{"a":' * 300,
    b'"model":"gpt-image-1"',
    b'"version":1',
    b'"step":',
    b'"output":[]',
    b"\xe2\x80\xae",
    b'"__class__":{}',
    b'"$ref":"#"',
]


def nested(levels: int, key: str, inside: object) -> object:
    for _ in range(levels):
        inside = {key: inside}
    return inside


CLASSES = {
    "nothing": b"",
    "white": b" \n\t ",
    "scalars": b"1",
    "text": b'"a"',
    "list": b"[]",
    "two documents": b"{}{}",
    "trailing comma": b'{"prompt": "x",}',
    "comment": b'{"prompt": "x" /* no */}',
    "single quotes": b"{'prompt': 'x'}",
    "unquoted": b"{prompt: 1}",
    "NaN": b'{"prompt": NaN}',
    "infinity": b'{"prompt": -Infinity}',
    "hex": b'{"prompt": 0x1}',
    "octal": b'{"prompt": 01}',
    "plus": b'{"prompt": +1}',
    "point": b'{"prompt": 1.}',
    "duplicates": b'{"prompt": "a", "prompt": "b"}',
    "NUL": b'{"prompt": "a\\u0000"}',
    "NUL below a name that commands": b'{"prompt": "a", "inputs": {"\\u001b[2J": "\\u0000"}}',
    "raw NUL": b'{"prompt": "a\0"}',
    "lone surrogate": b'{"prompt": "\\ud83e"}',
    "surrogate bytes": b'{"prompt": "\xed\xa0\xbe"}',
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "UTF-16": '{"prompt": "x"}'.encode("utf-16"),
    "UTF-32": '{"prompt": "x"}'.encode("utf-32"),
    "BOM": b"\xef\xbb\xbf{}",
    "overlong": b'{"prompt": "\xc0\xaf"}',
    "unfinished": WHOLE[:-30],
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "deep inside": raw(inputs={"a": nested(150, "k", 1)}),
    "huge": b"{" + b" " * LARGEST_FILE,
    "huge number": raw().replace(b"}}", b'},"inputs":{"a":' + b"9" * 4_400 + b"}}"),
    "long number": raw(inputs={"a": 10**4_000}),
    "4,000 digits of size": raw(output=asset(file_size=10**4_000)),
    "negative size": raw(output=asset(file_size=-1)),
    "types": raw(output=7),
    "number as text": raw(output=asset(file_size="1")),
    "bool as number": raw(output=asset(file_size=True)),
    "a setting that is none": raw(
        output={"settings": {"model": "gpt-image-2", "api_key": "x"}, "assets": []}
    ),
    "address of no kind": raw(output=asset(file_url="http://[")),
    "names of methods": raw(output=asset(bytes=1, save=2, _store=3, __class__=4, model_fields=5)),
    "base_url": raw(base_url="http://evil.example"),
    "key": raw(api_key="x"),
    "model is a list": raw(step={**STEP, "model": ["gpt-image-2"]}),
    "model is long": raw(step={**STEP, "model": "gpt-image-" * 90_000}),
    "prompt is long": raw(step={**STEP, "prompt": "x" * 900_000}),
    "prompt of tags": raw(step={**STEP, "prompt": "{{ }}" * 190_000}),
    "prompt of braces": raw(step={**STEP, "prompt": "{" * 900_000}),
    "prompt of spaces": raw(step={**STEP, "prompt": ("{{" + " " * 5_000) * 180}),
    "old references": json.dumps({"prompt": "{{a_1.output.0.id}}" * 50_000}).encode(),
    "unending old reference": json.dumps({"prompt": "{{a.output.0" + ".a" * 400_000}).encode(),
    # the square of the file's size, where each value carries its path
    "long keys over many values": raw(inputs=nested(100, "k" * 1_000, [0] * 10_000)),
    "long keys in the output": raw(output=asset(more=nested(100, "k" * 1_000, ["x"] * 10_000))),
    "50,000 settings": raw(step={**STEP, **{f"image_s{n}": 1 for n in range(50_000)}}),
    "50,000 keys": raw(**{f"k{n}": 1 for n in range(50_000)}),
    "50,000 in provenance": raw(provenance={f"k{n}": 1 for n in range(50_000)}),
    "one long unknown setting": raw(step={**STEP, "k" * 900_000: 1}),
    "9,000 assets": raw(output={"settings": {"model": "gpt-image-2"}, "assets": [ASSET] * 9_000}),
    "900,000 characters of input": raw(inputs={"a": "é" * 400_000}),
}


def outcome(data: bytes) -> tuple[str, float]:
    """What became of an import, and the milliseconds it took; all that can be done with it is done."""
    started = time.process_time()
    try:
        found = load_step(data)
    except DefinitionError as error:
        took, told = time.process_time() - started, str(error)
        return "DefinitionError" if visible(told) == told[:10_000] else f"unfit: {told!r}", 1000 * took
    took = time.process_time() - started
    try:
        repr(found), found._repr_html_(), paths(found.step, found if found.output else None)
        again = load_step(found.dump())
        assert again.step == found.step
    except ImagegenError as error:
        return type(error).__name__, 1000 * took
    return "read", 1000 * took


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_of_malformed_file(name):
    kind, took = outcome(CLASSES[name])
    assert kind in ("read", "DefinitionError", "InvalidOption")
    note("step files", Figure(name, f"{kind} in {took:.1f} ms", "one error type, < 50 ms"))


def test_what_cannot_be_written_is_named_without_its_commands():
    step = ImageGenerationStep(prompt="a {{thing}}")
    with pytest.raises(DefinitionError, match="is a number JSON cannot write") as caught:
        save_step("never.json", step, inputs={"thing": {"\x1b[2J": float("nan")}})
    assert visible(str(caught.value)) == str(caught.value)


@pytest.mark.parametrize("text", [*SCRIPTS, *TEMPLATES, *NAMES], ids=lambda text: ascii(text[:30]))
def test_every_text_in_every_place(text):
    for document_ in (
        raw(step={**STEP, "prompt": text}),
        raw(step={**STEP, "name": text}),
        raw(step={**STEP, text: 1}),
        raw(inputs={text: text}),
        raw(output=asset(file_name=text, file_url=text, id=text)),
        raw(provenance={"identifier": text}),
        raw(**{text: 1}),
    ):
        assert outcome(document_)[0] in ("read", "DefinitionError")


def test_mutants_have_one_error_type():
    count, slowest, kinds = cycles(3_000, 100_000), 0.0, dict[str, int]()
    for mutant in mutants(SEEDS, count, TOKENS):
        kind, took = outcome(mutant)
        kinds[kind] = kinds.get(kind, 0) + 1
        slowest = max(slowest, took)
    assert set(kinds) <= {"read", "DefinitionError"}
    assert kinds["DefinitionError"] > count / 2
    note("step files", none_of(f"{count:,} mutants, foreign errors", 0))
    note("step files", Figure(f"{count:,} mutants, slowest", f"{slowest:.1f} ms", "< 50 ms"))


def test_files_of_others():
    files = given()
    slowest = max((outcome(path.read_bytes())[1] for path in files), default=0.0)
    note("step files", Figure(f"{len(files):,} files of others, slowest", f"{slowest:.1f} ms", "< 50 ms"))
