"""The text that Stable Diffusion's tools write into images, as AUTOMATIC1111's does: read, and written.

The prompt, then perhaps a line `Negative prompt: …`, then one line of names and values, `Steps: 20, Size:
512x512, …`. It is read as that tool reads it: a last line with fewer than three values belongs to the prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_VALUE = re.compile(r'(\w[\w \-/]{0,60}):\s{0,9}("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_FEWEST = 3
_NEGATIVE = "Negative prompt:"
_LARGEST = 200_000
"""Characters of a text that is read."""
_LONGEST_LINE = 20_000
_MOST_VALUES = 200


@dataclass(frozen=True, slots=True)
class GenerationParameters:
    """What such a text says: the prompt, what should not be in the picture, and values by name."""

    prompt: str
    negative: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


def read(text: str) -> GenerationParameters:
    """What a text says; one without values is all prompt."""
    *lines, last = text[:_LARGEST].replace("\r\n", "\n").strip().split("\n")
    found = _VALUE.findall(last[:_LONGEST_LINE])
    if len(found) < _FEWEST:
        lines.append(last)
        found = []
    at = next((n for n, line in enumerate(lines) if line.strip().startswith(_NEGATIVE)), len(lines))
    negative = "\n".join(lines[at:]).strip().removeprefix(_NEGATIVE)
    values = {name: _unquoted(value.strip()) for name, value in found[:_MOST_VALUES]}
    return GenerationParameters("\n".join(lines[:at]).strip(), negative.strip(), values)


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
