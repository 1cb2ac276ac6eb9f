"""What is compared of a cell's outputs, without a kernel."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from imagegen_nb.core import larger_picture
from imagegen_nb.core.html_repr import SHOWN_FIRST
from imagegen_nb.testing.nbval_outputs import SANITIZE, comparable, own_folders, skipped_kinds


def sanitized(text: str) -> str:
    """As nbval does it."""
    for pattern, replacement in SANITIZE.items():
        text = re.sub(pattern, replacement, text)
    return text


@pytest.mark.parametrize("style", [larger_picture.STYLE, larger_picture.STYLE_OF_ONE])
def test_whether_a_picture_opens_a_larger_one_is_not_compared(style):
    small = '<img src="data:image/webp;base64,AAAA" alt="a">'
    large = small.replace("AAAA", "BBBB")
    opening = f"<style>{style}</style><td>{larger_picture.opening(small, large)}a.webp</td>"
    assert sanitized(opening) == sanitized(f"<td>{small}<br>a.webp</td>")
    assert sanitized(opening) != sanitized("<td>a.webp</td>")


def packed(picture: Image.Image, form: str = "PNG", **options: object) -> str:
    written = BytesIO()
    picture.save(written, form, **options)
    return b64encode(written.getvalue()).decode()


def shown(**data: str) -> dict[str, str]:
    output = {"data": {f"image/{kind}": content for kind, content in data.items()}}
    comparable(output)
    return output["data"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("at 2026-11-21 11:49:51", "at 2027-01-02 03:04:05"),
        ("2026-11-21T11:49:51.123456+00:00", "2026-11-21T11:49:52Z"),
        ("<object object at 0x7f7c1f59b420>", "<object object at 0x7f16d1b3a0f0>"),
        ("id 08f5f152-0a6b-4e53-b5c6-4b0b0bb5d0a1.", "id 57b4ad18-98ec-4a9a-bb6c-68bd6c6b3d1f."),
        ("file:///home/a/assets/x.png", "file:///srv/ci/b/assets/x.png"),
        ("saved /home/a/demo/x.png", "saved /srv/ci/demo/x.png"),
        ("/home/a/demo/x.png", "/srv/x.png"),
        ("/tmp/copied Proj/assets", "/tmp/assets"),
        ("<code>/tmp/copied Proj</code>", "<code>/tmp/x</code>"),
        ("/home/al/My Proj/assets/x.png", "/srv/bob/x.png"),
        ("at '/home/al/My Proj/x.png'", "at '/opt/y/x.png'"),
        ("/home/me/My Notebooks", "/srv/bob"),
        ("cwd: /home/me/My Notebooks\nnext", "cwd: /srv/bob\nnext"),
        ("/home/me/My Notebooks (Copy)", "/builds/team/demo"),
        ("/home/me/My Notebooks/assets", "/srv/bob/assets"),
        ("in /home/me/My Notebooks/assets, now", "in /srv/bob/assets, now"),
        ("/home/me/My Notebooks/Last Run", "/srv/demo"),
        ("/Users/me/Google Drive/Demo 2\n", "/home/me/demo\n"),
        ("in /data/set/x.png", f"in {Path('/', 'work', 'y', 'x.png')}"),
        ("/kaggle/working/x.png", "/content/x.png"),
        ("/home/alice", "/srv/bob"),
        ("/home/alice", str(Path("/", "root"))),
        ("in /home/alice, now", "in /srv/ci/build/demo, now"),
        ("<code>/home/a/x.png</code>", "<code>/srv/x.png</code>"),
        ("`/home/a/x.png`", "`/srv/x.png`"),
        ("a:/home/a/x.png,/home/b/y.png", "a:/srv/x.png,/srv/c/d/y.png"),
        ("http://[::1]:1/x", "http://[::1]:2/x"),
        ('<image id="image3f0a2ce2a1"/>', '<image id="image0123456789"/>'),
        ('id="C0_0_3f0a2ce2a1" href="#C0_0_3f0a2ce2a1"', 'id="C0_0_aaaaaaaaaa" href="#C0_0_aaaaaaaaaa"'),
        ("in '/tmp/tmpab12/x'", "in '/tmp/tmpcd34/x'"),
        ("took 1.23 s", "took 0.9 s"),
        ("12 ms ± 3 µs per loop", "9.5 ms ± 800 ns per loop"),
        ("CPU times: user 1 s\nWall time: 2 s", "CPU times: user 7 ms\nWall time: 3 min"),
        (
            '<style>#T_a1b2c_row0_col0 {}</style><table id="T_a1b2c">',
            '<style>#T_00fed_row0_col0 {}</style><table id="T_00fed">',
        ),
        ("#T_d1f0a88b4c2e4c0f9a", "#T_aaaaabbbbbcccccddd"),
        (
            'id="itables_08f5f152_0a6b_4e53_b5c6_4b0b0bb5d0a1"',
            'id="itables_57b4ad18_98ec_4a9a_bb6c_68bd6c6b3d1f"',
        ),
        ("map_08f5f1520a6b4e53b5c64b0b0bb5d0a1", "map_57b4ad1898ec4a9abb6c68bd6c6b3d1f"),
        ("altair-viz-08f5f1520a6b4e53b5c64b0b0bb5d0a1", "altair-viz-57b4ad1898ec4a9abb6c68bd6c6b3d1f"),
        ("\x1b]8;id=12345;https://a.example\x1b\\a", "\x1b]8;id=9876-54321;https://a.example\x1b\\a"),
        ('<clipPath id="p1a2b3c4d5e"/> url(#p1a2b3c4d5e)', '<clipPath id="pffffffffff"/> url(#pffffffffff)'),
        ("Sat, 21 Nov 2026 11:49:51 GMT", "Mon, 2 Feb 2026 01:02:03 +0100"),
        ("Sat Nov 21 11:49:51 2026", "Mon Feb  2 01:02:03 CET 2026"),
        ("20261121T114951Z", "20270102T030405.5Z"),
        ("http://127.0.0.1:45123/openai", "http://127.0.0.1:40001/openai"),
        (
            '<img src="data:image/webp;base64,UklGRg/+=" alt="a">',
            '<img src="data:image/webp;base64,QQ==" alt="a">',
        ),
    ],
)
def test_what_no_two_runs_share_is_the_same(one, other):
    assert sanitized(one) == sanitized(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("file:///home/a/x.png", "file:///home/a/y.png"),
        ("saved /home/a/x.png", "saved /home/a/y.png"),
        ("<p>a</p>", "<p>b</p>"),
        ("2 images", "3 images"),
        ("size 1024x1024", "size 1024x1536"),
        ("https://api.openai.com/v1/images", "https://api.x.ai/v1/images"),
        ("image/png", "image/webp"),
        ("2 s", "3 s"),
        ("on 2026-11-21", "on 2026-11-22"),
        ("21.11.2026 11:49", "22.11.2026 11:49"),
        (
            "image/png 64x64 sha256 08f5f1520a6b4e53b5c64b0b0bb5d0a1",
            "image/png 64x64 sha256 57b4ad1898ec4a9abb6c68bd6c6b3d1f",
        ),
        ("id=5", "id=6"),
        ("/home/a/x.png and /home/b/y.png", "/home/a/z.png and /home/b/y.png"),
        ("/tmp/a created", "/tmp/a deleted"),
        ("/home/a/x.png 3 of 5", "/home/a/x.png 4 of 5"),
        ("POST /v1/images/edits", "POST /v1/images/generations"),
        ("GET /v1/images/generations", "GET /v2/images/generations"),
        ("path: /v1/images/generations", "path: /v2/images/generations"),
        ("'/v1beta/models/x:generateContent'", "'/v1/models/x:generateContent'"),
        ("/openai/v1/images", "/xai/v1/images"),
        ("GET /home/a/feed", "GET /home/b/feed"),
        ("GET /home/a", "GET /home/b"),
        ("GET /tmp/a", "GET /tmp/b"),
        ("https://host.example/tmp/a", "https://host.example/tmp/b"),
        ("<a href='/items/1/edit'>", "<a href='/items/2/edit'>"),
        ("/home/me/demo created", "/home/me/demo deleted"),
        ("/home/me/demo 3 of 5", "/home/me/demo 4 of 5"),
        ("T_max", "T_min"),
        ("<Asset sha256 08f5f152>", "<Asset sha256 57b4ad18>"),
    ],
)
def test_what_is_said_is_not_lost(one, other):
    assert sanitized(one) != sanitized(other)


def test_a_picture_is_its_pixels_however_it_is_packed():
    picture = Image.new("RGB", (4, 4), "red")
    tight, loose = shown(png=packed(picture)), shown(png=packed(picture, compress_level=0) + "\n")
    assert tight == loose
    picture.putpixel((0, 0), (254, 0, 0))
    assert shown(png=packed(picture)) != tight
    assert shown(png=packed(picture.convert("P"))) != shown(png=packed(picture))
    assert sanitized(tight["image/png"]) == tight["image/png"]


def test_a_lossy_picture_counts_only_by_itself():
    picture = Image.new("RGB", (4, 4), "red")
    png, jpeg, other = (
        packed(picture),
        packed(picture, "JPEG"),
        packed(picture.rotate(90), "JPEG", quality=10),
    )
    assert shown(png=png, jpeg=jpeg) == shown(png=png)
    assert shown(jpeg=jpeg) != shown(jpeg=other)


def test_what_is_no_picture_stays_as_it_is():
    assert shown(png="what?") == {"image/png": "what?"}
    once = shown(png=b64encode(b"no picture").decode())
    assert "sha256" in once["image/png"]
    assert shown(png=once["image/png"]) == once, "a kernel that is started again has the same notebook"


def test_an_error_of_a_replay_is_told_without_its_trace():
    output = {"ename": "RecordingMissing", "evalue": "nothing", "traceback": ["a", "b"]}
    comparable(output)
    assert output["traceback"] == ["RecordingMissing: nothing"]
    output = {"ename": "ZeroDivisionError", "evalue": "by zero", "traceback": ["a", "b"]}
    comparable(output)
    assert output["traceback"] == ["a", "b"]


def test_what_stands_below_a_widget_is_compared_as_its_cell_showed_it():
    then = {"data": {"text/html": "<b>Auto", "text/plain": "Auto"}, "metadata": {SHOWN_FIRST: None}}
    since = {"data": {"image/jpeg": "/9j/", "text/plain": "2 images"}, "metadata": {SHOWN_FIRST: "Auto"}}
    for output in (then, since):
        comparable(output)
        assert output["data"] == {"text/plain": "Auto"}


def test_pictures_are_compared_and_standard_error_is_not():
    assert skipped_kinds(("metadata", "image/png", "image/jpeg")) == ("metadata", "stderr")


def animated(*shades: int, form: str = "PNG", duration: int = 100, **options: object) -> str:
    first, *rest = [Image.new("RGB", (4, 4), (shade, 0, 0)) for shade in shades]
    return packed(first, form, save_all=True, append_images=rest, duration=duration, **options)


@pytest.mark.parametrize(("form", "lossless"), [("PNG", {}), ("GIF", {}), ("WEBP", {"lossless": True})])
def test_every_frame_of_an_animation_counts(form, lossless):
    def seen(*shades: int, **options: object) -> str:
        (line,) = shown(**{form.lower(): animated(*shades, form=form, **lossless, **options)}).values()
        return line

    assert seen(1, 60, 120) == seen(1, 60, 120)
    others = [
        seen(1, 60, 121),
        seen(1, 61, 120),
        seen(1, 60),
        seen(1, 60, 120, 180),
        seen(1, 60, 120, loop=3),
    ]
    assert seen(1, 60, 120) not in [*others, seen(1, 60, 120, duration=300)]


def test_an_animated_png_is_its_pixels_however_it_is_packed():
    tight, loose = (shown(png=animated(1, 60, compress_level=level)) for level in (9, 0))
    assert tight == loose
    assert "2 frames" in tight["image/png"]
    assert shown(png=animated(1)) == shown(png=packed(Image.new("RGB", (4, 4), (1, 0, 0))))


def test_an_animation_that_breaks_off_is_its_bytes():
    whole = b64decode(animated(1, 60, 120))
    cut = whole[: whole.rindex(b"fdAT") + 6]
    other = cut[:-1] + bytes([cut[-1] ^ 1])
    assert shown(png=b64encode(cut).decode()) != shown(png=b64encode(other).decode())


def test_ones_own_folder_with_a_space_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "home", lambda: Path("/odd/me myself"))
    patterns = own_folders(tmp_path / "my notebooks" / "x.ipynb")

    def shown_there(text: str) -> str:
        for pattern, replacement in patterns.items():
            text = re.sub(pattern, replacement, text)
        return sanitized(text)

    assert shown_there(f"in {tmp_path}/my notebooks now") == "in FOLDER/ now"
    assert shown_there(f"{tmp_path}/my notebooks/a/x.png") == "FOLDER/x.png"
    assert shown_there("/odd/me myself/x.png, /odd/me myself") == "FOLDER/x.png, FOLDER/"
    assert shown_there("/odd/me myselfish") == "/odd/me myselfish"
