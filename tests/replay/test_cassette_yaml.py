"""The file's text is put together from its recordings' texts, and is the same as if it were made at once."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import cassette_yaml

ABOUT = {"layout": 1, "metadata": {"recorded_against": "live", "notebook": "a.ipynb"}}
LEAVES = (
    st.text(max_size=20)
    | st.text(" \n\t#-:'\"|>\r.é\u2028", max_size=20)
    | st.integers()
    | st.booleans()
    | st.none()
)
ENTRIES = st.dictionaries(
    st.sampled_from(["body", "ended", "url"]),
    st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


def at_once(entries: list[dict]) -> str:
    return cassette_yaml._dump(ABOUT | {"recordings": entries})


@pytest.fixture(params=["libyaml", "Python"])
def emitter(request, monkeypatch):
    """PyYAML with and without its C library: they close documents differently."""
    if request.param == "Python":
        for name in ("CSafeDumper", "CSafeLoader"):
            monkeypatch.delattr(yaml, name)


@settings(deadline=None)  # no assertion on wall time
@given(st.lists(ENTRIES, max_size=4))
def hold_together(entries):
    try:
        items = [cassette_yaml.make_item(entry) for entry in entries]
    except ReplayError:
        return
    text = cassette_yaml.whole_text(ABOUT, items)
    assert text == at_once(entries)
    assert cassette_yaml.parse(text) == ABOUT | {"recordings": entries}


@pytest.mark.usefixtures("emitter")
def test_every_text_is_the_same():
    hold_together()


@pytest.mark.usefixtures("emitter")
@pytest.mark.parametrize("number", range(3))
def test_a_text_that_ends_in_empty_lines_anywhere(number):
    entries = [{"body": "a\nb\n\n\n" if each == number else "x", "status": each} for each in range(3)]
    for part in (entries, [{"body": entry["body"]} for entry in entries]):
        assert cassette_yaml.whole_text(ABOUT, list(map(cassette_yaml.make_item, part))) == at_once(part)


def test_no_more_is_written_than_is_read(monkeypatch):
    items = [cassette_yaml.make_item({"body": str(number)}) for number in range(10)]
    text = cassette_yaml.whole_text(ABOUT, items)
    events = len(list(yaml.parse(text)))
    monkeypatch.setattr(cassette_yaml, "_MOST_EVENTS", events - 1)
    assert cassette_yaml.whole_text(ABOUT, items) == text
    cassette_yaml.parse(text)
    monkeypatch.setattr(cassette_yaml, "_MOST_EVENTS", events - 2)
    for act in (lambda: cassette_yaml.whole_text(ABOUT, items), lambda: cassette_yaml.parse(text)):
        with pytest.raises(ReplayError, match="more than a cassette does"):
            act()
