"""Mends text that is nearly JSON: stray commas, comments, quotation marks, bare names, a missing end.

Servers that build their answers from text write such; the images in them are paid for all the same. Nothing
is guessed: what cannot be read ends the value there, and what stood complete before it is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<space>[\s\0]+)
    |(?P<text>"[^"\\]*(?:(?:\\.|"(?!\s*(?:[,:\]}]|/[/*]|\Z)))[^"\\]*)*
        "(?=\s*(?:[,:\]}]|/[/*]|\Z)))
    |(?P<single>'[^'\\]*(?:\\.[^'\\]*)*')
    |(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<mark>[\[\]{}:,])
    |(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.:-]))
    |(?P<word>-?[A-Za-z_$][\w$]*)""",
    re.VERBOSE | re.DOTALL,
)
"""A quotation mark that no delimiter follows is taken for part of its text. Possessive quantifiers would say
the same in fewer words, and Python 3.11.2 matches them wrongly."""
_INVALID_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)')
_INNER_QUOTE = re.compile(r'(\\.)|"', re.DOTALL)
_WORDS = {
    **dict.fromkeys(("true", "false", "null", "NaN", "Infinity", "-Infinity")),
    "True": "true",
    "False": "false",
    "None": "null",
    "undefined": "null",
    "nan": "NaN",
}
"""The words that are values, and how JSON writes those that it does not know."""
_CLOSING = {"{": "}", "[": "]"}
_DEEPEST = 200
COMMA, ESCAPE, COMMENT = "a comma too many or too few", "an invalid escape", "a comment"
QUOTES, WORD = "wrong quotation marks", "a word that is not JSON"


@dataclass(slots=True)
class Mended:
    """A value as JSON, where it ended in the original, and whether that was its own end."""

    end: int
    complete: bool = False
    text: str = ""
    flaws: list[str] = field(default_factory=list)


def mend(text: str, start: int) -> Mended:
    """The value that begins at `start` with a bracket, as JSON as far as it goes."""
    writer = _Writer()
    mended = Mended(start, flaws=writer.flaws)
    while (token := _TOKEN.match(text, mended.end)) is not None and writer.take(token):
        mended.end = token.end()
        if not writer.open:
            mended.complete = True
            break
    mended.text = writer.written()
    return mended


class _Writer:
    """Writes tokens as JSON, and remembers where the value could be closed."""

    def __init__(self) -> None:
        self.flaws: list[str] = []
        self.open: list[str] = []
        self._parts: list[str] = []
        self._previous = ""
        """What was written last: a bracket, `:`, `,`, `name` or `value`."""
        self._whole = 0
        self._open_then: tuple[str, ...] = ()

    def written(self) -> str:
        """The value up to its last whole part, closed."""
        closing = "".join(_CLOSING[bracket] for bracket in reversed(self._open_then))
        return "".join(self._parts[: self._whole]) + closing

    def take(self, token: re.Match[str]) -> bool:
        """Write one token; false where it cannot stand here."""
        kind, said = token.lastgroup, token[0]
        if kind == "space":
            return True
        if kind == "comment":
            self.flaws.append(COMMENT)
            return True
        if kind == "mark" and said not in _CLOSING:
            return self._separate(said) if said in ":," else self._close(said)
        if kind == "text":
            said = self._quoted(said[1:-1])
        elif kind == "single":
            self.flaws.append(QUOTES)
            said = self._quoted(said[1:-1].replace("\\'", "'"))
        return self._add(said, is_word=kind == "word", is_text=kind in ("text", "single"))

    def _quoted(self, inner: str) -> str:
        if "\\" in inner:
            mended = _INVALID_ESCAPE.sub(lambda escape: escape[0] if escape[1] else r"\\", inner)
            if mended != inner:
                self.flaws.append(ESCAPE)
            inner = mended
        if '"' in inner:
            mended = _INNER_QUOTE.sub(lambda quote: quote[1] or r"\"", inner)
            if mended != inner:
                self.flaws.append(QUOTES)
            inner = mended
        return f'"{inner}"'

    def _add(self, said: str, *, is_word: bool, is_text: bool) -> bool:
        """Write a value, or the name of one."""
        if self._previous in ("value", "}", "]"):
            self.flaws.append(COMMA)
            self._write(",", ",")
        if self.open[-1:] == ["{"] and self._previous != ":":
            if self._previous == "name" or not (is_word or is_text):
                return False
            if is_word:
                self.flaws.append(WORD)
                said = f'"{said}"'
            self._write(said, "name")
            return True
        if is_word:
            if said not in _WORDS:
                return False
            if (known := _WORDS[said]) is not None:
                self.flaws.append(WORD)
                said = known
        if said in _CLOSING:
            if len(self.open) >= _DEEPEST:
                return False
            self.open.append(said)
            self._write(said, said)
        else:
            self._write(said, "value")
        self._mark_whole()
        return True

    def _separate(self, said: str) -> bool:
        if said == ":":
            if self._previous != "name":
                return False
        elif self._previous in ("{", "[", ","):
            self.flaws.append(COMMA)
            return True
        elif self._previous not in ("value", "}", "]"):
            return False
        self._write(said, said)
        return True

    def _close(self, said: str) -> bool:
        if not self.open or _CLOSING[self.open[-1]] != said or self._previous in (":", "name"):
            return False
        if self._previous == ",":
            self.flaws.append(COMMA)
            self._parts.pop()
        self.open.pop()
        self._write(said, said)
        self._mark_whole()
        return True

    def _write(self, said: str, what: str) -> None:
        self._parts.append(said)
        self._previous = what

    def _mark_whole(self) -> None:
        self._whole, self._open_then = len(self._parts), tuple(self.open)
