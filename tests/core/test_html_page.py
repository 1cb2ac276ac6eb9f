"""Pages of one file: escaped, without network, and with no script but the one that was given."""

from __future__ import annotations

import hashlib
from base64 import b64encode

from imagegen_nb.core.html_page import as_html, page, section


def test_words_are_shown_and_never_obeyed() -> None:
    made = page("<b>", ["<i>"], section("Heading", f"<p>{as_html('<script>')}</p>"), "<u>")
    assert not any(tag in made for tag in ("<b>", "<i>", "<u>", "<script>"))
    assert "&lt;script&gt;" in made
    assert "script-src" not in made


def test_only_the_given_script_may_run() -> None:
    script = "document.title = 'ran';"
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    made = page("t", [], "", "", script=script)
    assert f"script-src 'sha256-{digest}'" in made
    assert f"<script>{script}</script>" in made


def test_a_section_without_a_heading_is_nothing() -> None:
    assert section("", "<p>body</p>") == ""
