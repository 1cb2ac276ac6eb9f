from __future__ import annotations

import pytest
from support.emulated import picture

from imagegen_nb.emulator.rendering.drawing import Drawing
from imagegen_nb.emulator.rendering.image import render
from imagegen_nb.emulator.rendering.text import LONGEST_SHOWN, fit_text, printable

WILD = [
    "\U0001f98a\U0001f9d1\u200d\U0001f680 \U0001f1eb\U0001f1f7",
    "line\none\r\n\ttwo\u2028three",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \u202eabc",
    "".join(map(chr, range(32))) + "\x7f\x85",
    "\ud800 \udfff lone",
    "z" + "\u0301" * 500,
    "\uffff\ufffe\U0010ffff",
    "W" * 32_000,
    "word " * 6_400,
    "\U0001f98a" * 32_000,
    " ",
    "\n",
    "\x00",
    "\ufdfa" * 500,  # one character that decomposes into eighteen
]


@pytest.mark.parametrize("prompt", WILD, ids=range(len(WILD)))
@pytest.mark.parametrize("size", [(1024, 1024), (256, 256)])
def test_wild_prompts(prompt, size):
    assert picture(render(Drawing("m", prompt, *size, "png"))).size == size


def test_printable():
    assert printable("caf\u00e9 \u201cd\u00e9j\u00e0\u201d\n\x00vu") == 'cafe "deja" vu'
    assert printable("\u65e5\u672c\u8a9e fox") == "\u25a1 fox"
    long = printable("word " * 10_000)
    assert long.endswith("\u2026")
    assert len(long) <= LONGEST_SHOWN + 1


def test_fit_shrinks_then_cuts():
    short, long = fit_text("a fox", 900, 300, 1024), fit_text("a fox " * 120, 900, 300, 1024)
    assert short.size > long.size
    assert long.lines[-1].endswith("\u2026")
    assert len(long.lines) * long.size * 1.28 <= 300
