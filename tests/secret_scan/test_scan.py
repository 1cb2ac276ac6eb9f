"""Keys are planted in every kind of file; all are found with their places, and none is shown."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin
from support.project import PACKAGE, ROOT
from support.sample_keys import each_kind, one_of_each

from imagegen_nb.errors import InvalidOption
from imagegen_nb.secret_scan.scan import Report, scan

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
        "it is not a regular file",
    ]


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    key = one_of_each()["an xAI key"]
    (tmp_path / "cut.zip").write_bytes(archive("harmless")[:-30] + key.encode())
    (tmp_path / "torn.zip").write_bytes(archive("harmless")[:-30] + archive("x")[-22:])
    report = scan([tmp_path])
    assert {finding.kind for finding in report.findings} == {"an xAI key"}  # in what is no archive
    unread = report.unread
    assert [text.partition(": ")[0].rpartition("/")[2] for text in unread] == ["cut.zip", "torn.zip"]
    assert all("it is an archive that cannot be opened" in text for text in unread)
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


@pytest.mark.parametrize("folder", [ROOT / "cassettes", ROOT / "notebooks", ROOT / "docs", PACKAGE], ids=str)
def test_this_project_holds_no_keys(folder: Path) -> None:
    report = scan([folder])
    assert (report.findings, report.unread) == ((), ())
    assert report.files > 0
