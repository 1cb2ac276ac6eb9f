"""Bad images, under a memory limit and in a process of their own: one error type, soon, in little room."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image
from support.images import chunk, illustration, picture, png_claiming

from imagegen_nb.core import images
from imagegen_nb.errors import ImageRejected
from rigs.corpora import given
from rigs.figures import Figure, cycles, none_of, note

LIMIT = 2 * 1024**3
CHILD = """
import json, resource, sys, time
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from imagegen_nb.core import images
from imagegen_nb.errors import ImageRejected
import PIL.Image, PIL.PngImagePlugin, PIL.JpegImagePlugin, PIL.WebPImagePlugin
kinds, slowest = {{}}, (0.0, "")
read = sys.stdin.buffer.read
while head := read(8):
    data = read(int.from_bytes(head, "big"))
    name = data[:12].hex() + f" {{len(data)}} bytes"
    started = time.process_time()
    try:
        images.check(data)
        kind = "accepted"
    except ImageRejected:
        kind = "ImageRejected"
    except BaseException as error:
        kind = f"{{type(error).__name__}} for {{name}}"
    slowest = max(slowest, (time.process_time() - started, name))
    kinds[kind] = kinds.get(kind, 0) + 1
status = open("/proc/self/status").read()  # the rusage of a child begins with its parent's peak
peak = int(status.partition("VmHWM:")[2].split()[0]) // 1024
print(json.dumps({{"kinds": kinds, "slowest": slowest, "peak": peak}}))
"""


def judged(files, tmp_path: Path) -> dict:
    """What `images.check` says of `files` in a child with a memory limit."""
    told, program = tmp_path / "told.json", CHILD.format(limit=LIMIT)
    with told.open("wb") as out:
        child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=out)
        assert child.stdin is not None
        for data in files:
            child.stdin.write(len(data).to_bytes(8, "big") + data)
        child.stdin.close()
        assert child.wait() == 0
    return json.loads(told.read_text())


def tell(what: str, found: dict) -> None:
    number = sum(found["kinds"].values())
    foreign = sum(
        count for kind, count in found["kinds"].items() if kind not in ("accepted", "ImageRejected")
    )
    note("bad images", none_of(f"{number:,} {what}, foreign errors", foreign))
    note("bad images", Figure(f"{number:,} {what}, slowest", f"{found['slowest'][0]:.2f} s", "< 1 s"))
    note("bad images", Figure(f"{number:,} {what}, peak", f"{found['peak']} MB", "< 300 MB"))


def scans(times: int, size: int = 1500) -> bytes:
    """A small progressive JPEG that goes over its picture many times."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size)).save(buffer, "JPEG", progressive=True, quality=10)
    data = buffer.getvalue()
    end, table = data.rfind(b"\xff\xd9"), data.rfind(b"\xff\xc4", 0, data.rfind(b"\xff\xda"))
    return data[:end] + data[table:end] * times + data[end:]


def webp(body: bytes, width: int, height: int, flags: int) -> bytes:
    canvas = bytes([flags, 0, 0, 0]) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    held = b"WEBPVP8X" + struct.pack("<I", 10) + canvas + body
    return b"RIFF" + struct.pack("<I", len(held)) + held


def with_chunks(*extra: bytes) -> bytes:
    data = picture()
    return data[:33] + b"".join(extra) + data[33:]


def zeros(size: int) -> bytes:
    return zlib.compress(b"\0" * size, 9)


def largest(kind: str, mode: str, **options) -> bytes:
    """As many pixels as are accepted."""
    buffer = io.BytesIO()
    Image.new(mode, (4300, images.MOST_PIXELS // 4300)).save(buffer, kind, **options)
    return buffer.getvalue()


WEBP = picture("WEBP", mode="RGBA")


def bad_files() -> dict[str, bytes]:
    """One file of every class, by its name. Built on demand: it takes seconds."""
    return {
        "nothing": b"",
        "one byte": b"\x89",
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "GIF": b"GIF89a" + b"\0" * 100,
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n/system (id) def",
        "TIFF": b"II*\0" + b"\0" * 100,
        "ZIP": b"PK\3\4" + b"\0" * 100,
        "headers only": b"\x89PNG\r\n\x1a\n",
        "JPEG header only": b"\xff\xd8\xff",
        "WebP header only": b"RIFF\0\0\0\0WEBP",
        "PNG and HTML": picture() + b"<script>alert(1)</script>",
        "0 x 0": png_claiming(0, 0),
        "900 million pixels": png_claiming(30_000, 30_000),
        "a line of 2^31": png_claiming(2**31 - 1, 1),
        "more pixels than bytes": png_claiming(4_000, 4_000),
        "zTXt bomb": with_chunks(chunk(b"zTXt", b"a\0\0" + zeros(200_000_000))),
        "iTXt bomb": with_chunks(chunk(b"iTXt", b"a\0\1\0\0\0" + zeros(200_000_000))),
        "iCCP bomb": with_chunks(chunk(b"iCCP", b"a\0\0" + zeros(200_000_000))),
        "100 zTXt": with_chunks(*[chunk(b"zTXt", b"a%d\0\0" % n + zeros(1_000_000)) for n in range(100)]),
        "100,000 chunks": with_chunks(*[chunk(b"tEXt", b"a\0b")] * 100_000),
        "IDAT bomb": b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zeros(200_000_000))
        + chunk(b"IEND", b""),
        "APNG of 2^31 frames": with_chunks(chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))),
        "1,000 scans": scans(1_000),
        "20,000 scans": scans(20_000),
        "WebP canvas 16383": webp(WEBP[12:], 16_383, 16_383, 0x12),
        "WebP canvas 2^24": webp(WEBP[12:], 2**24, 255, 0x12),
        "WebP says it is larger": webp(WEBP[12:], 6_000, 6_000, 0x10),
        "EXIF of 60 KB": picture("JPEG")[:2] + b"\xff\xe1\xff\xff" + b"Exif\0\0" + b"\xff" * 65_527,
        "as large as may be, PNG": largest("PNG", "RGBA", compress_level=1),
        "as large as may be, WebP": largest("WEBP", "RGBA", lossless=True, method=0),
        "as large as may be, JPEG": largest("JPEG", "CMYK", quality=10),
        "as large as may be, in scans": largest("JPEG", "RGB", progressive=True, subsampling=0, quality=10),
    }


@pytest.mark.parametrize("times", [1_000, 20_000])
def test_a_jpeg_of_too_many_scans_is_not_decoded(times):
    with pytest.raises(ImageRejected, match="scans, far more than its size needs"):
        images.check(scans(times))


def test_every_class_of_bad_image(tmp_path):
    found = judged(bad_files().values(), tmp_path)
    assert set(found["kinds"]) <= {"accepted", "ImageRejected"}
    assert found["kinds"]["accepted"] < 12
    assert found["peak"] < 400
    tell("classes", found)


def damaged(count: int):
    """Mutants of whole pictures, some with the checksum of what they were changed to."""
    dice = random.Random(7)
    seeds = [picture(kind, mode=mode) for kind, mode in (("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"))]
    seeds += [picture("JPEG"), picture("JPEG", mode="CMYK"), scans(2, 64), picture("WEBP"), WEBP]
    seeds += [illustration(1, (256, 256))]
    for _ in range(count):
        data = bytearray(dice.choice(seeds))
        for _ in range(dice.choice((1, 1, 2, 4))):
            at = dice.randrange(len(data))
            end = at + dice.choice((1, 2, 8, 64))
            match dice.randrange(6):
                case 0:
                    data[at] ^= 1 << dice.randrange(8)
                case 1:
                    del data[at:end]
                case 2:
                    data[at:at] = data[at:end]
                case 3:
                    data[at:end] = dice.randbytes(end - at)
                case 4:
                    del data[max(at, 20) :]
                case _:
                    data[at:end] = b"\xff" * (end - at)
            if not data:
                break
        if data[:4] == b"\x89PNG" and len(data) > 33 and dice.random() < 0.6:
            data[16:24] = struct.pack(">II", dice.choice((1, 64, 2**16, 2**31)), dice.choice((1, 48, 2**20)))
            data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        yield bytes(data)


def test_mutants_have_one_error_type(tmp_path):
    found = judged(damaged(cycles(1_500, 50_000)), tmp_path)
    assert set(found["kinds"]) <= {"accepted", "ImageRejected"}
    assert found["kinds"]["ImageRejected"] > found["kinds"].get("accepted", 0)
    assert found["peak"] < 300
    tell("mutants", found)


def test_files_of_others(tmp_path):
    files = [path for path in given() if path.stat().st_size < images.LARGEST_FILE]
    found = judged((path.read_bytes() for path in files), tmp_path)
    assert set(found["kinds"]) <= {"accepted", "ImageRejected"}
    tell("files of others", found)
