"""The text that Stable Diffusion's tools write into images, as AUTOMATIC1111's does: read, and written.

The prompt, then perhaps a line `Negative prompt: …`, then one line of names and values, `Steps: 20, Size:
512x512, …`. It is read as that tool reads it: a last line with fewer than three values belongs to the prompt.
SwarmUI and Fooocus write an object of JSON in its place (receyuki/stable-diffusion-prompt-reader#60, Fooocus'
`meta_parser.py`, read 2026-11-29).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice

_VALUE = re.compile(r'(\w[\w \-/]{0,60}):\s{0,9}("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SYNTAX = re.compile(
    r"<(?:lora|lyco|hypernet):[^<>\n]{1,100}>"  # an extra network
    r"|\\[()\[\]][^()\[\]\n]{0,100}\\[()\[\]]"  # brackets that are meant as such
    r"|(?<!\\)\([^()\n]{1,100}:\s?[0-9.]{1,9}\s?\)"  # a weight
    r"|(?<!\\)\(\([^()\n]{1,100}\)\)"
    r"|(?<!\\)\[[^\[\]\n]{0,100}[|:][^\[\]\n]{1,100}\]"  # one after the other, or from some step on
    r"|\b(?:BREAK|AND)\b"
)
"""What those tools take out of a prompt, or read as something else than words. Single brackets are often
meant as they stand."""
_FEWEST = 3
_NEGATIVE = "Negative prompt:"
_LARGEST = 200_000
"""Characters of a text that is read."""
_LONGEST_LINE = 20_000
_MOST_VALUES = 200
_SWARM = "sui_image_params"
_NEGATIVES = ("negativeprompt", "negative_prompt")
_MEASURES = ("resolution", "width", "height")
_PIXELS = re.compile(r"\(?\s*([0-9]{1,5})\s*[,x×]\s*([0-9]{1,5})\s*\)?")


@dataclass(frozen=True, slots=True)
class GenerationParameters:
    """What such a text says: the prompt, what should not be in the picture, and values by name."""

    prompt: str
    negative: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> GenerationParameters:
    """What a text says; one without values is all prompt."""
    if (said := _from_json(text)) is not None:
        return said
    *lines, last = text[:_LARGEST].replace("\r\n", "\n").strip().split("\n")
    found = _VALUE.findall(last[:_LONGEST_LINE])
    if len(found) < _FEWEST:
        lines.append(last)
        found = []
    at = next((n for n, line in enumerate(lines) if line.strip().startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(lines[at:]).strip().removeprefix(_NEGATIVE)
    values = {name: _unquoted(value.strip()) for name, value in found[:_MOST_VALUES]}
    return GenerationParameters("\n".join(lines[:at]).strip(), negative.strip(), values)


def _from_json(text: str) -> GenerationParameters | None:
    """What an object of JSON says; None for what is none, and for one that names no prompt: people write
    prompts as JSON too."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        document = json.loads(text[:_LARGEST])
    except (ValueError, RecursionError):
        return None
    said = document.get(_SWARM, document)
    prompt = said.get("prompt") if isinstance(said, dict) else None
    if not isinstance(prompt, str):
        return None
    negatives = (said.get(name) for name in _NEGATIVES)
    negative = next((one for one in negatives if isinstance(one, str)), "")
    values = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in islice(said.items(), _MOST_VALUES)
        if name != "prompt" and name not in _NEGATIVES
    }
    written = values.get("resolution", f"{values.get('width')}x{values.get('height')}")
    if size := _PIXELS.fullmatch(written):
        values = {name: value for name, value in values.items() if name not in _MEASURES}
        values["Size"] = f"{size[1]}x{size[2]}"
    if (model := values.pop("model", "")) and "Model" not in values:
        values["Model"] = model
    return GenerationParameters(prompt.strip(), negative.strip(), values)


def syntax_in(prompt: str) -> list[str]:
    """What of a prompt those tools do not read as words, such as `(word:1.2)`; each once."""
    return list(dict.fromkeys(match[0] for match in _SYNTAX.finditer(prompt)))


def written(prompt: str, values: Mapping[str, str]) -> str:
    """The text of a prompt and at least three values, which other tools read back."""
    line = ", ".join(f"{name}: {_quoted(value)}" for name, value in values.items())
    return f"{prompt}\n{line}"


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search(r'[,:\n"]', value) else value


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value
