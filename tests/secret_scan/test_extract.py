"""Files that are large or unfold are read to their end, within bounds."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import pytest
from support.images import chunk, picture
from support.sample_keys import one_of_each

from imagegen_nb.secret_scan import extract
from imagegen_nb.secret_scan.decode import decodings
from imagegen_nb.secret_scan.scan import scan


def test_a_large_file_is_read_in_pieces_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extract, "_CHUNK_SIZE", 100_000)
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


def test_a_bomb_in_a_picture_or_an_archive_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagegen_nb.secret_scan.decode._MOST_DECOMPRESSED", 1_000_000)
    monkeypatch.setattr(extract, "_MOST_DECOMPRESSED", 1_000_000)
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"x" * 5_000_000))
    data = picture()[:33] + bomb * 20 + picture()[33:]
    assert sum(len(decoded.text) for decoded in decodings(data)) < 1_100_000 + 10 * len(data)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x", b"x" * 5_000_000)
    assert "more than 1,000,000 bytes" in scan([tmp_path]).unread[0]
