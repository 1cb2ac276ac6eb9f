"""Pieces of ids and ways to write folders: found where they stand by themselves, and only there."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.replay.derived_values import Folders, Ids, outside_placeholders

ID = "0e7a3c52-8d0b-4f44-9b4e-0123456789ab"
FILE = "blobs/ab/" + "ab" * 32 + ".png"


def of_ids(text, *ids):
    known, values = Ids(), {}
    for number, each in enumerate(ids or (ID,)):
        assert known.add(each, f"image{number}", "id")
    return known.shown(text, values), values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ID, "@@asset:image0:id@@"),
        (f"a {ID}-lamp", "a @@asset:image0:id@@-lamp"),
        (ID.upper(), "@@asset:image0:id.upper@@"),
        (ID.replace("-", ""), "@@asset:image0:id.hex@@"),
        (ID.replace("-", "_"), "@@asset:image0:id._@@"),
        ("0e7a3c52", "@@asset:image0:id[0:8]@@"),
        ("0e7a3c52-a-0", "@@asset:image0:id[0:8]@@-a-0"),
        ("0e7a3c52-8-lamp", "@@asset:image0:id[0:8]@@-8-lamp"),
        ("0e7a3c52-8d0b", "@@asset:image0:id[0:12]@@"),
        ("456789ab", "@@asset:image0:id[24:32]@@"),
        ("8d0b-4f44", "@@asset:image0:id[8:16]@@"),
        ("0E7A3C52", "@@asset:image0:id[0:8]@@"),
        (f"{ID}{ID}", "@@asset:image0:id@@" * 2),
        (f"x{ID}px a{ID}", "x@@asset:image0:id@@px a@@asset:image0:id@@"),
        (f"x{ID[:8]}", f"x{ID[:8]}"),
        ("0e7a3c5", "0e7a3c5"),
        ("0E7a3C52", "0E7a3C52"),
        ("e7a3c528", "e7a3c528"),
        ("0e7a3c53", "0e7a3c53"),
    ],
)
def test_an_id_and_its_pieces(text, shown):
    found, values = of_ids(text)
    assert found == shown
    for name, value in values.items():
        found = found.replace(name, value)
    assert found == text


def test_a_short_id_and_one_of_other_letters_are_no_such_ids():
    assert not Ids().add("a1", "x", "id")
    assert not Ids().add("asset-of-a-file", "x", "id")
    assert not Ids().add("", "x", "id")


@given(st.uuids(), st.uuids(), st.text(), st.text())
def test_what_is_shown_can_be_restored(one, other, before, after):
    text = f"{before} {one} {after} {other.hex[:9]} {before}"
    shown, values = of_ids(text, str(one), str(other))
    assert str(one) not in shown or str(one) in before + after
    for name, value in values.items():
        if name not in text:
            shown = shown.replace(name, value)
    assert shown == text or "@@" in text or one == other


@given(st.text(alphabet="0123456789abcdef-_ x"))
def test_other_digits_stay(text):
    assert of_ids(text, str(uuid.UUID(int=2**128 - 1)))[0] == text or "ffffffff" in text


def test_many_groups_of_digits_take_no_time():
    """A prompt may have 32,000 characters."""
    text = "a-" * 16_000 + "g"
    assert of_ids(text)[0] == text


def of_folders(text, *folders, own=""):
    known, values = Folders(), {}
    for folder in folders:
        known.add(folder)
    files = known.files_shown(text, lambda digest: digest[:4], values)
    return outside_placeholders(files, lambda part: known.shown(part, own, values))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("in /a/b.", "in @@asset:store@@."),
        ("in /a/b/c and /a/b", "in @@asset:store@@/c and @@asset:store@@"),
        ("file:///a/b", "file://@@asset:store@@"),
        ("in /a/bc, /a/b-c, /a/b.bak and /x/a/b", "in /a/bc, /a/b-c, /a/b.bak and /x/a/b"),
        ("%2Fa%2Fb", "@@asset:store.escaped@@"),
        ("file%3A%2F%2F%2Fa%2Fb", "file%3A%2F%2F@@asset:store.escaped@@"),
        ("/a/b /c/d /e/f /c/d", "@@asset:store@@ @@asset:store-2@@ @@asset:store-3@@ @@asset:store-2@@"),
        (f"/a/b/{FILE}", "@@asset:abab:path@@"),
        (f"file:///a/b/{FILE}", "@@asset:abab:file_url@@"),
        (f"file:/a/b/{FILE}", "file:@@asset:abab:path@@"),
        (f"(/another/{FILE})", "(@@asset:abab:path@@)"),
        (f"../x/{FILE}", "@@asset:abab:relative@@"),
        (FILE, "@@asset:abab:relative@@"),
        (f"s3://bucket/{FILE}", f"s3://bucket/{FILE}"),
        (FILE.replace("/", "%2F"), "@@asset:abab:relative.escaped@@"),
        ("blobs/ab", "blobs/ab"),
    ],
)
def test_a_folder_and_its_files(text, shown):
    assert of_folders(text, "/a/b", "/c/d", "/e/f", own="/a/b") == shown


def test_the_longest_folder_counts():
    assert of_folders("/a/b/c/d", "/a/b", "/a/b/c", own="/a/b/c") == "@@asset:store@@/d"


@pytest.mark.parametrize("folder", ["/data", "", "relative/x"])
def test_a_folder_that_may_stand_anywhere_is_none(folder):
    assert of_folders("in /data/x of relative/x", folder, own=folder) == "in /data/x of relative/x"


def test_a_long_path_takes_no_time():
    text = ("x/" * 8_000 + FILE + " ") * 2
    assert of_folders(text, "/a/b").count("@@asset:abab:relative@@") == 2


@given(st.text())
def test_other_texts_stay_as_they_are(text):
    assert "/a/b" in text or of_folders(text, "/a/b", own="/a/b") == text


def test_placeholders_are_left_alone():
    change = outside_placeholders("a @@asset:1f:id@@ b @@asset: c", lambda part: part.upper())
    assert change == "A @@asset:1f:id@@ B @@ASSET: C"
