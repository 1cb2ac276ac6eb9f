"""Keys are planted in every kind of file and in every disguise; all are found, and none is shown."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import random
import shutil
import string
import uuid
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from support.images import chunk, picture
from support.project import ROOT

from imagegen_nb.core import redaction
from imagegen_nb.errors import InvalidOption
from imagegen_nb.providers.credentials import PLACEHOLDER
from imagegen_nb.secret_scan import extract
from imagegen_nb.secret_scan.decode import layers
from imagegen_nb.secret_scan.scan import Report, scan

ALPHABET = string.ascii_letters + string.digits
WIDE = ALPHABET + "_-"
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "an OpenAI key": lambda dice: (
        "sk-" + dice.choice(["", "proj-", "svcacct-", "admin-"]) + drawn(dice, WIDE, dice.choice([48, 156]))
    ),
    "an xAI key": lambda dice: "xai-" + drawn(dice, ALPHABET, 80),
    "a Google API key": lambda dice: "AIza" + drawn(dice, WIDE, 35),
    "a Gemini API key": lambda dice: "AQ." + drawn(dice, WIDE, 50),
}


def drawn(dice: random.Random, alphabet: str, length: int) -> str:
    return "".join(dice.choices(alphabet, k=length))


def one_of_each() -> dict[str, str]:
    return {kind: make(random.Random(7)) for kind, make in MAKERS.items()}


each_kind = pytest.mark.parametrize("kind", MAKERS)


# Disguises

DISGUISES: dict[str, Callable[[str], str]] = {
    "as it stands": str,
    "quoted": json.dumps,
    "wholly URL-encoded": lambda key: "".join(f"%{byte:02x}" for byte in key.encode()),
    "in a URL": lambda key: quote(f"https://host/?a=ä b&key={key}&c=1"),
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64, later": lambda key: base64.b64encode(b"x: " + key.encode()).decode(),
    "base64 after a word": lambda key: "data/" + base64.b64encode(key.encode()).decode(),
    "base64 for URLs": lambda key: base64.urlsafe_b64encode(b"\xff\xfe, " + key.encode()).decode(),
    "base64 in lines": lambda key: base64.encodebytes(b"\0\xff" * 40 + key.encode() + b"\xff" * 90).decode(),
    "base64 twice": lambda key: base64.b64encode(base64.b64encode(key.encode())).decode(),
    "base64 of a URL": lambda key: base64.b64encode(quote(f"é={key}").encode()).decode(),
}
AROUND = [
    "{}",
    "key = {}\n",
    "MY_KEY={}",
    "the key {} was refused",
    "<a href='{}'>",
    "é{}ü",
    "--header:{}",
    "{}" + "-" * 400,
]


@each_kind
@pytest.mark.parametrize("disguise", DISGUISES)
@given(seed=st.integers(0, 2**64), around=st.sampled_from(AROUND))
def test_a_key_is_found_in_every_disguise(kind: str, disguise: str, seed: int, around: str) -> None:
    key = MAKERS[kind](random.Random(seed))
    data = around.format(DISGUISES[disguise](key)).encode()
    assert kind in {found for layer in layers(data) for _, found in redaction.likely(layer.text)}


# Places


def notebook(key: str) -> dict[str, bytes]:
    shown = {"output_type": "display_data", "data": {"text/html": ["<p>\n", f"{key}\n", "</p>"]}}
    image = {"output_type": "display_data", "data": {"image/png": base64.encodebytes(png(key)).decode()}}
    cells = [
        {"cell_type": "markdown", "source": ["# Hello"]},
        {"cell_type": "code", "source": ["import os\n", f"os.environ['K'] = '{key}'"], "outputs": []},
        {"cell_type": "code", "source": [], "outputs": [shown, image]},
    ]
    document = {"cells": cells, "metadata": {"widgets": {"state": {"value": key}}}}
    return {"n.ipynb": json.dumps(document).encode()}


def png(key: str, how: str = "zTXt") -> bytes:
    info = PngImagePlugin.PngInfo()
    match how:
        case "tEXt":
            info.add_text("comment", key)
        case "zTXt":
            info.add_text("comment", f"{key} " * 5, zip=True)
        case _:
            info.add_itxt("comment", f"ö {key}", zip=True)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def exif(key: str, kind: str) -> bytes:
    data = Image.Exif()
    data[0x010E] = f"made with {key}"  # ImageDescription
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, kind, exif=data)
    return buffer.getvalue()


def archive(key: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/b.txt", f"one\ntwo {key}")
    return buffer.getvalue()


def escaped(key: str) -> bytes:
    return b'{"a": "' + b"".join(b"\\u%04x" % ord(character) for character in key) + b'"}'


FILES: dict[str, tuple[Callable[[str], bytes], list[str]]] = {
    "lines.txt": (lambda key: f"one\ntwo\nthree {key}\n".encode(), ["lines.txt:3"]),
    "step.json": (
        lambda key: json.dumps({"step": [{"prompt": key}]}).encode(),
        ["step.json: step[0].prompt"],
    ),
    "twice.json": (lambda key: f'{{"a": "{key}", "a": 1}}'.encode(), ["twice.json: a"]),
    "name.json": (lambda key: json.dumps({"step": {key: 1}}).encode(), ["name.json: step"]),
    "escaped.json": (escaped, ["escaped.json: a"]),
    "broken.json": (lambda key: f'{{"a":\n "{key}'.encode(), ["broken.json:2"]),
    "cassette.yaml": (
        lambda key: f"recordings:\n- request:\n    body: '{key}'\n".encode(),
        ["cassette.yaml:3"],
    ),
    "utf-16.txt": (lambda key: f"the key {key}".encode("utf-16"), ["utf-16.txt"]),
    "clear.png": (lambda key: png(key, "tEXt"), ["clear.png"]),
    "packed.png": (lambda key: png(key, "zTXt"), ["packed.png"]),
    "international.png": (lambda key: png(key, "iTXt"), ["international.png"]),
    "exif.jpg": (lambda key: exif(key, "JPEG"), ["exif.jpg"]),
    "exif.webp": (lambda key: exif(key, "WEBP"), ["exif.webp"]),
    "exif.png": (lambda key: exif(key, "PNG"), ["exif.png"]),
    "picture.json": (
        lambda key: json.dumps({"b": base64.b64encode(png(key)).decode()}).encode(),
        ["picture.json: b"],
    ),
    "things.zip": (archive, ["things.zip: a/b.txt, line 2"]),
    "n.ipynb": (
        lambda key: notebook(key)["n.ipynb"],
        [
            "n.ipynb: cell 2, source, line 2",
            "n.ipynb: cell 3, output 1, data.text/html, line 2",
            "n.ipynb: cell 3, output 2, data.image/png, line 1",
            "n.ipynb: metadata.widgets.state.value",
        ],
    ),
}


@each_kind
@pytest.mark.parametrize("name", FILES)
def test_every_place_is_found_and_named_and_the_key_is_not_shown(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key = one_of_each()[kind]
    make, places = FILES[name]
    Path(name).write_bytes(make(key))
    report = scan([Path(name)])
    assert sorted({str(finding).partition(f": {kind}")[0] for finding in report.findings}) == sorted(places)
    assert {finding.kind for finding in report.findings} == {kind}
    assert report.unread == ()
    assert not any(part in str(report) for part in (key, key[8:20], key[-10:]))


@each_kind
def test_names_of_files_folders_and_members_count_and_are_not_shown(kind: str, tmp_path: Path) -> None:
    key = one_of_each()[kind]
    inner = tmp_path / f"run-{key}" / f"{key}.txt"
    inner.parent.mkdir()
    inner.write_text("harmless")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(f"{key}.txt", f"{key}")
    report = scan([tmp_path])
    assert {finding.place for finding in report.findings} >= {"its name", "the list of members"}
    assert key[-12:] not in str(report)


def test_a_key_in_use_is_found_whatever_its_shape(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"x {base64.b64encode(b'plain-old-password').decode()} y")
    assert scan([tmp_path]).findings == ()
    report = scan([tmp_path], ["plain-old-password"])
    assert {finding.kind for finding in report.findings} == {"a key that is in use here"}


# Files


def test_a_large_file_is_read_in_pieces_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "PIECE", 100_000)
    keys = list(one_of_each().values())
    lines = ["harmless line of text"] * 30_000
    for at, key in zip((0, 4_500, 15_000, 29_999), keys, strict=True):
        lines[at] = f"key {key}"
    (tmp_path / "large.txt").write_text("\n".join(lines))
    starts = (99_990, 100_003, 163_000)  # across the ends of pieces
    for at in starts:
        (tmp_path / f"{at}.txt").write_bytes(b"\n" * at + keys[1].encode() + b"\n" * 200_000)
    found = scan([tmp_path]).findings
    lines_of = {
        name: [each.line for each in found if Path(each.file).name == name]
        for name in (*(f"{at}.txt" for at in starts), "large.txt")
    }
    assert lines_of == {
        "large.txt": [1, 4_501, 15_001, 30_000],
        **{f"{at}.txt": [at + 1] for at in starts},
    }


def test_links_and_folders_of_others_are_not_entered(tmp_path: Path) -> None:
    key = one_of_each()["an xAI key"]
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text(key)
    project = tmp_path / "project"
    for name in (".git", ".venv", "node_modules"):
        (project / name).mkdir(parents=True)
        (project / name / "a.txt").write_text(key)
    (project / "link").symlink_to(tmp_path / "elsewhere")
    (project / "link.txt").symlink_to(tmp_path / "elsewhere" / "a.txt")
    os.mkfifo(project / "pipe")
    assert scan([project]) == Report(0, (), ())
    assert len(scan([project / ".git"]).findings) == 1  # it was asked for
    report = scan([project / "link.txt", project / "pipe"])
    assert report.findings == ()
    assert [reason.rpartition(": ")[2] for reason in report.unread] == [
        "it is a link, and links are not followed",
        "it is no ordinary file",
    ]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "cut.zip").write_bytes(archive("harmless")[:-30] + archive("x")[-22:])
    (report,) = scan([tmp_path]).unread
    assert "cut.zip: it is an archive that cannot be opened" in report
    with pytest.raises(InvalidOption, match="nowhere: there is no such file or folder"):
        scan([tmp_path / "nowhere"])


def test_a_folder_that_cannot_be_listed_is_told(tmp_path: Path) -> None:
    """One so deep that the system takes no path to it."""
    key = one_of_each()["an xAI key"]
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        (Path(f"/proc/self/fd/{folder}") / "key.txt").write_text(key)
        os.mkdir("x" * 240, dir_fd=folder)
        folder, outer = os.open("x" * 240, os.O_RDONLY, dir_fd=folder), folder
        os.close(outer)
    os.close(folder)
    report = scan([tmp_path])
    assert len(report.unread) == 1
    assert report.unread[0].endswith(": File name too long")
    assert len(report.findings) == report.files > 10
    shutil.rmtree(tmp_path)


def test_a_bomb_in_a_picture_or_an_archive_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegen_nb.secret_scan.decode._MOST_UNPACKED", 1_000_000)
    monkeypatch.setattr(extract, "_MOST_UNPACKED", 1_000_000)
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 5_000_000))
    data = picture()[:33] + bomb * 20 + picture()[33:]
    assert sum(len(layer.text) for layer in layers(data)) < 1_100_000 + 10 * len(data)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x", b"x" * 5_000_000)
    assert "more than 1,000,000 bytes" in scan([tmp_path]).unread[0]


# Nothing else

HARMLESS = [
    "",
    "sk-toggleable__label-arrow sk-estimator-doc-link-is-here",
    "xai-explainable-ai-methods-2026 and xai-Interpretable-Machine-Learning",
    "sk-your-api-key-goes-here-please",
    "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "sk-proj-XXXXXXXXXXXXXXXXXXXXXXXX",
    "AIza" + "x" * 35,
    "Authorization: Bearer YOUR_OPENAI_API_KEY_HERE",
    f"Authorization: Bearer {PLACEHOLDER}",
    "Bearer authentication-is-supported",
    "a risk-assessment-of-the-whole-project",
    hashlib.sha512(b"x").hexdigest(),
    str(uuid.UUID(int=2**127)),
]


@pytest.mark.parametrize("text", HARMLESS)
def test_words_placeholders_and_hashes_are_no_keys(text: str) -> None:
    assert [layer for layer in layers(text.encode()) for _ in redaction.likely(layer.text)] == []


@pytest.mark.parametrize("encode", [bytes, base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes])
def test_random_data_holds_no_keys(encode: Callable[[bytes], bytes]) -> None:
    data = encode(random.Random(1).randbytes(1_500_000))
    assert [kind for layer in layers(data) for _, kind in redaction.likely(layer.text)] == []


@pytest.mark.parametrize("folder", ["cassettes", "notebooks", "docs", "imagegen_nb"])
def test_this_project_holds_no_keys(folder: str) -> None:
    report = scan([ROOT / folder])
    assert (report.findings, report.unread) == ((), ())
    assert report.files > 0
