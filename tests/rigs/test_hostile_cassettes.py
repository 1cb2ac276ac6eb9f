"""Cassettes somebody else wrote: read within bounds, from their own folder only, with one error type."""

from __future__ import annotations

import base64
import json
import os
import time
from pathlib import Path

import pytest
from support.cassettes import write_cassette
from support.images import picture

from imagegen_nb import ImageGenerationStep, StepFailed, Workspace, replay
from imagegen_nb.core.redaction import visible
from imagegen_nb.errors import ReplayError
from imagegen_nb.providers import catalog
from imagegen_nb.replay import blobs, cassette_file, filters, mismatch
from imagegen_nb.replay.paths import folder_of
from imagegen_nb.replay.recording import Recording, usage_of
from imagegen_nb.replay.stowed import stow
from rigs.corpora import NAMES, SCRIPTS, mutants
from rigs.figures import Figure, cycles, none_of, note

STEP = ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
PICTURE = picture(size=(300, 300)) + b"\0" * 2_000
ASKED = Recording(
    method="POST",
    url="https://api.openai.com/v1/images/generations",
    call="0",
    request_body=b'{"model":"gpt-image-2","prompt":"a lamp","n":1,"size":"1024x1024"}',
    status=0,
)
HEAD = "layout: 1\nmetadata: {recorded_against: live, recorded_on: '2026-11-21', versions: {}}\n"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A cassette's folder, in a project of its own."""
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(tmp_path / "cassettes"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "cassettes" / "theirs"
    (path / "blobs").mkdir(parents=True)
    return path


def entry(**changes) -> dict:
    """A recording as the file has it; `request`, `answer` and their fields can be anything."""
    answer = {"status": 200, "headers": {"content-type": "application/json"}, "body": "{}"}
    request = {"method": "POST", "url": ASKED.url, "call": "0", "body": ASKED.request_body.decode()}
    for name, value in changes.items():
        side, _, part = name.partition("_")
        {"request": request, "answer": answer}[side][part] = value
    return {"request": request, "answer": answer}


def text(*entries: dict, **metadata) -> bytes:
    about = {"recorded_against": "live", "recorded_on": "2026-11-21", "versions": {}, **metadata}
    return json.dumps({"layout": 1, "metadata": about, "recordings": list(entries)}).encode()


def outcome(folder: Path, *, run: bool = True) -> tuple[str, float]:
    """What became of a cassette when all was done with it that can be, and the milliseconds reading took."""
    started = time.process_time()
    try:
        about, found = cassette_file.read(folder)
    except ReplayError as error:
        took, said = 1000 * (time.process_time() - started), str(error)
        return ("ReplayError" if visible(said) == said[:2_000] else f"unfit: {said[:3_000]!r}"), took
    took = 1000 * (time.process_time() - started)
    said = f"{about} {[str(recording) for recording in found]} {mismatch.explain(ASKED, found)}"
    assert visible(said) == said
    for recording in found:
        filters.find_key(stow(recording), catalog.keys_in_use())
    usage_of(found)
    cassette_file.orphans(folder)
    return (played(folder) if run else "read"), took


def played(folder: Path) -> str:
    """What a run through the cassette comes to; whatever is told of it can be shown."""
    with replay.use(folder.name), Workspace(folder.parent.parent / "store", timeout=30) as workspace:
        said = repr(replay.status())
        try:
            run = STEP.run(workspace=workspace)
        except StepFailed as failed:
            run = failed.run
        except ReplayError as error:
            said, run = f"{said} {error}", None
        if run is not None:
            said += f"{run!r} {run.error} {run.request_ids} {run.warnings}"
    assert visible(said) == said, ascii(said)
    return "played" if run is not None else "refused"


LAUGHS = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]\n" for n in range(1, 12))
LONG = "x" * 3_000_000
TEXTS = {
    "laughs": f"l0: &l0 ha\n{LAUGHS}".encode(),
    "merge keys": b"a: &a {b: 1}\nc: {<<: *a}\n",
    "python tag": b"!!python/object/apply:os.system ['touch pwned']\n",
    "python name": b"a: !!python/name:os.system\n",
    "python module": b"a: !!python/module:os\n",
    "own tag": b"a: !evil {b: 1}\n",
    "tag directive": b"%TAG ! tag:yaml.org,2002:python/\n---\na: !object/apply:os.getcwd []\n",
    "deep lists": b"a: " + b"[" * 200_000,
    "deep maps": b"{a: " * 200_000,
    "deep by indentation": "".join(f"{' ' * n}a:\n" for n in range(3_000)).encode(),
    "deep by dashes": b"- " * 200_000,
    "a million parts": b"a: [" + b"1," * 1_000_000 + b"]",
    "an endless scalar": b"a: " + b"x" * 20_000_000,
    "an endless key": b"? " + b"x" * 2_000_000 + b"\n: 1\n",
    "a number of base 60": b"a: 1" + b":59" * 300_000,
    "a number of 1 million digits": b"a: " + b"9" * 1_000_000,
    "a hexadecimal one": b"a: 0x" + b"f" * 1_000_000,
    "a float of no end": b"a: 1e999999999\n",
    "a date that is none": b"a: 2026-13-45\n",
    "a time far away": b"a: 9999-12-31 23:59:59.9999999999 -99:99\n",
    "same key twice": b"layout: 1\nlayout: 1\n",
    "a list as a key": b"? [a]\n: 1\n",
    "NUL": b"a: \0\n",
    "UTF-16": "a: 1\n".encode("utf-16"),
    "control characters": b'a: "\x1b]0;owned\x07"\n',
    "an escape in the layout": b'layout: "\\e]0;owned\\a"\n',
    "a layout without end": f"layout: {LONG}\n".encode(),
    "a layout that is a list": b"layout: [" + b"1," * 100_000 + b"]\n",
    "made by nobody": text(recorded_against=LONG),
    "made by an escape": text(recorded_against="\x1b[2J"),
    "a date without end": text(recorded_on=LONG),
    "a date that commands": text(recorded_on="\x1b[2J\u202e"),
    "versions that command": text(versions={"\x1b[2J": "\x1b[2J", LONG: 1}),
    "a notebook that commands": text(notebook="\x1b]0;owned\x07; rm -rf ~ #"),
    "a notebook without end": text(notebook=LONG),
    "a notebook that is an option": text(notebook="--help"),
    "places that command": text(refused=["\x1b[2J", LONG]),
    "a header of recordings alone": HEAD.encode(),
    "recordings that are a text": f"{HEAD}recordings: abc\n".encode(),
    "100,000 empty recordings": f"{HEAD}recordings: [{'0,' * 100_000}]\n".encode(),
    "a method that commands": text(entry(request_method="\x1b[2J")),
    "a method without end": text(entry(request_method=LONG)),
    "an address that commands": text(entry(request_url="https://api.openai.com/\x1b[2J\u202e")),
    "an address that is none": text(entry(request_url="http://[")),
    "an address with a port that is none": text(entry(request_url="https://x:99999/")),
    "an address in a file": text(entry(request_url="file:///etc/passwd")),
    "an address without end": text(entry(request_url=f"https://x/{LONG}")),
    "a call of 5,000 digits": text(entry(request_call="9" * 5_000, request_body='{"prompt": "b"}')),
    "a call that is no number": text(entry(request_call="\u00b2\u0664")),
    "a call that commands": text(entry(request_call="\x1b[2J")),
    "a request that is no JSON": text(entry(request_body="[")),
    "a request of 5,000 digits": text(entry(request_body='{"n": ' + "9" * 5_000 + "}")),
    "a request that is deep": text(entry(request_body='{"a":' * 5_000 + "1" + "}" * 5_000)),
    "a request too large": text(entry(request_body=f'{{"prompt": "{LONG}"}}')),
    "a request of escapes": text(entry(request_body='{"prompt": "\\u001b[2J", "\\u001b[2J": 1}')),
    "a request of lone halves": text(entry(request_body='{"prompt": "\\ud800"}')),
    "a request of long names": text(
        entry(request_body=json.dumps({"k" * 100_000: {"k" * 100_000: [1] * 999}}))
    ),
    "a body of another kind": text(entry(answer_body=["x"])),
    "a body written in no way": text(entry(answer_body={"json": {}, "written": "backwards"})),
    "a body written in a list": text(entry(answer_body={"json": {}, "written": ["compact"]})),
    "a body of 5,000 digits": text(entry()).replace(
        b'"{}"', b'{"json": {"a": 0x' + b"f" * 5_000 + b'}, "written": "compact"}'
    ),
    "a body with a date": text(entry()).replace(
        b'"{}"', b'{"json": {"a": 2026-01-01}, "written": "compact"}'
    ),
    "an answer that is deep": text(entry(answer_body='{"data":' * 50_000 + "1" + "}" * 50_000)),
    "an answer of 5,000 digits": text(entry(answer_body='{"data": ' + "9" * 5_000 + "}")),
    "an answer that names a place": text(entry(answer_body='{"data": [{"url": "http://127.0.0.1:9/x"}]}')),
    "an answer of escapes": text(
        entry(answer_status=400, answer_body='{"error": {"message": "\\u001b[2J"}}')
    ),
    "an answer to go elsewhere": text(
        entry(answer_status=307, answer_headers={"location": "http://127.0.0.1:9/", "refresh": "0"})
    ),
    "an answer that is packed": text(
        entry(answer_headers={"content-encoding": "gzip", "content-length": "99999999999"})
    ),
    "an answer in pieces": text(
        entry(answer_headers={"transfer-encoding": "chunked"}, answer_body="zz\r\nx")
    ),
    "headers that command": text(entry(answer_headers={"x-request-id": "\x1b[2J"})),
    "headers that break": text(entry(answer_headers={"x-a": "b\r\nset-cookie: c"})),
    "a header's name that breaks": text(entry(answer_headers={"a\r\nb": "c"})),
    "headers that are numbers": text(entry(answer_headers={"content-length": 1})),
    "a header of another alphabet": text(entry(answer_headers={"x-request-id": "\u0431"})),
    "a header without end": text(entry(answer_headers={"x-request-id": LONG})),
    "a wait of no end": text(entry(answer_status=429, answer_headers={"retry-after": "9" * 5_000})),
    "a status that is none": text(entry(answer_status=99)),
    "a status below none": text(entry(answer_status=-1)),
    "a status of 400 digits": text(entry(answer_status=10**400)),
    "a status that is true": text(entry(answer_status=True)),
    "an end that is a module": text(entry(answer_status=0, answer_ended="_client")),
    "an end that is no error": text(entry(answer_status=0, answer_ended="AsyncClient")),
    "an end that commands": text(entry(answer_ended="\x1b[2J")),
    "a stream of a million events": text(
        entry(answer_headers={"content-type": "text/event-stream"}, answer_body="\n\n" * 300_000)
    ),
    "usage that is none": text(entry(answer_body='{"data": [], "usage": {"total_tokens": 1e400, "a": []}}')),
}


@pytest.mark.parametrize("name", TEXTS)
def test_every_class_of_hostile_text(name, folder):
    (folder / "cassette.yaml").write_bytes(TEXTS[name])
    kind, took = outcome(folder)
    assert kind in ("ReplayError", "played", "refused")
    assert sorted(path.name for path in folder.parent.parent.iterdir() if path.name != "store") == [
        "cassettes"
    ]
    note(
        "cassettes",
        Figure(f"{name}, {len(TEXTS[name]):,} bytes", f"{kind} in {took:.0f} ms", "one error type"),
    )


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda text: ascii(text[:30]))
def test_every_text_in_every_place(script, folder):
    body = json.dumps({"error": {"message": script, "code": script, "type": script}})
    where = (
        text(recorded_on=script, versions={script: script}, notebook=script, refused=[script]),
        text(entry(request_method=script)),
        text(entry(request_url=f"https://api.openai.com/{script}")),
        text(entry(request_body=json.dumps({"prompt": script, "model": script}))),
        text(entry(answer_ended=script)),
        text(entry(answer_status=400, answer_body=body)),
    )
    for document in where:
        (folder / "cassette.yaml").write_bytes(document)
        assert outcome(folder)[0] in ("ReplayError", "played", "refused")


def whole() -> bytes:
    """A cassette with all there is in it, and the name of its one image."""
    answer = {"data": [{"b64_json": base64.b64encode(PICTURE).decode()}], "usage": {"total_tokens": 5}}
    stowed, _ = blobs.extract(json.dumps(answer).encode())
    return text(
        entry(answer_body={"json": json.loads(stowed), "written": "spaced"}),
        entry(request_call="1", answer_headers={"content-type": "text/event-stream"}, answer_ended="cut"),
        entry(request_url="https://api.x.ai/v1/x?y=1", answer_status=0, answer_ended="ConnectError"),
        notebook="a.ipynb",
        refused=["call 0: held a key"],
    )


TOKENS = [
    b"&a ",
    b"*a",
    b"!!python/name:os.system",
    b"[" * 60,
    b"{",
    b"}",
    b'"',
    b"'",
    b"\\e",
    b"\x1b",
    b"\0",
    b"\t",
    b"9" * 5_000,
    b"1:30:00",
    b"2026-01-01",
    b"null",
    b"true",
    b"~",
    b".inf",
    b"- ",
    b"? ",
    b": ",
    b"<<: ",
    b"---\n",
    b"@@blob:b64:../../../etc/passwd@@",
    b"@@blob:",
    b"raw",
    b"\xff",
    b"\\ud800",
    b"\xe2\x80\xae",
    b"%",
    b"|\n",
    b"\n",
]


def test_mutants_have_one_error_type(folder):
    blobs.write(folder, blobs.extract(PICTURE)[1] | blobs.extract(base64.b64encode(PICTURE))[1])
    count, slowest, kinds = cycles(400, 20_000), 0.0, dict[str, int]()
    for number, mutant in enumerate(mutants([whole()], count, TOKENS)):
        (folder / "cassette.yaml").write_bytes(mutant)
        kind, took = outcome(folder, run=number % 20 == 0)
        kinds[kind], slowest = kinds.get(kind, 0) + 1, max(slowest, took)
    foreign = set(kinds) - {"ReplayError", "read", "played", "refused"}
    note("cassettes", none_of(f"{count:,} mutants, foreign errors", foreign))
    note("cassettes", Figure(f"{count:,} mutants, slowest", f"{slowest:.1f} ms", "as short as can be"))
    assert min(kinds["ReplayError"], kinds["read"]) > count / 20


def test_the_unchanged_one_is_played(folder):
    blobs.write(folder, blobs.extract(base64.b64encode(PICTURE))[1])
    (folder / "cassette.yaml").write_bytes(whole())
    assert outcome(folder)[0] == "played"


# --- files that are not what they seem


def naming(*names: str) -> bytes:
    return text(entry(answer_body="".join(f"@@blob:{name}@@" for name in names)))


@pytest.mark.parametrize("name", ["../../secret", "b64:../x.png", *NAMES], ids=lambda name: ascii(name[:30]))
def test_no_name_of_an_image_leads_out(name, folder):
    (folder.parent.parent / "secret").write_bytes(b"secret")
    for how in ("b64:", "raw:", ""):
        (folder / "cassette.yaml").write_bytes(naming(f"{how}{name}"))
        assert outcome(folder)[0] == "ReplayError"


@pytest.mark.parametrize(
    "name", ["../x", "..", ".", "/etc", "~", "a/b", "a\\b", "\x1b[2J", *NAMES[:8]], ids=ascii
)
def test_no_name_of_a_cassette_leads_out(name):
    with pytest.raises(ReplayError) as caught:
        folder_of(name)
    assert visible(str(caught.value)) == str(caught.value)[:2_000]


def fill(folder: Path, data: bytes = b"\xff" + PICTURE) -> tuple[Path, bytes]:
    """An image of a cassette that names it, and what it says."""
    write_cassette(folder, cassette_file.About(against="live", recorded_on="", versions={}), [recorded(data)])
    (image,) = (folder / "blobs").iterdir()
    return image, data


def recorded(data: bytes) -> Recording:
    return Recording(
        method="POST",
        url=ASKED.url,
        call="0",
        request_body=ASKED.request_body,
        status=200,
        headers={},
        response_body=data,
    )


@pytest.mark.parametrize("what", ["cassette.yaml", "image", "blobs"])
@pytest.mark.parametrize("to", ["link", "dangling", "device", "pipe", "folder"])
def test_what_is_no_plain_file_is_neither_followed_nor_waited_for(what, to, folder, tmp_path):
    image, _ = fill(folder)
    path = {"cassette.yaml": folder / "cassette.yaml", "image": image, "blobs": folder / "blobs"}[what]
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    match to:
        case "link":
            path.symlink_to(elsewhere)
        case "dangling":
            path.symlink_to(tmp_path / "nothing")
        case "device":
            path.symlink_to("/dev/zero")
        case "pipe":
            os.mkfifo(path)
        case _:
            path.mkdir()
    with pytest.raises(ReplayError):
        cassette_file.read(folder)


def test_a_linked_image_folder_is_neither_written_nor_tidied(folder, tmp_path):
    image, _ = fill(folder)
    victim = tmp_path / "victim"
    image.parent.rename(victim)
    (victim / f"{'0' * 32}.png").write_bytes(b"theirs")
    image.parent.symlink_to(victim)
    before = {path.name: path.read_bytes() for path in victim.iterdir()}
    with pytest.raises(ReplayError, match="is a link"):
        cassette_file.orphans(folder)
    fill(folder, b"\xff another")
    assert {path.name: path.read_bytes() for path in victim.iterdir()} == before
    assert not image.parent.is_symlink()


def test_an_empty_cassette_does_not_tidy_a_linked_folder(folder, tmp_path):
    """`cassettes prune` would delete what lies there."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / f"{'0' * 32}.png").write_bytes(b"theirs")
    (folder / "blobs").rmdir()
    (folder / "blobs").symlink_to(victim)
    (folder / "cassette.yaml").write_bytes(text())
    assert cassette_file.orphans(folder) == []


def test_a_cassette_is_not_written_through_a_link(folder, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir()
    link = folder.with_name("link")
    link.symlink_to(victim)
    with pytest.raises(OSError, match="a folder of its own"):
        fill(link)
    assert list(victim.iterdir()) == []


def test_a_planted_link_at_an_image_is_replaced_and_not_followed(folder, tmp_path):
    image, data = fill(folder)
    image.unlink()
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    image.symlink_to(victim)
    fill(folder, data)
    assert victim.read_bytes() == b"mine"
    assert image.read_bytes() == data


def test_one_large_image_a_thousand_times_is_bounded(folder):
    data = b"\xff" * (8 * 1024 * 1024)
    image, _ = fill(folder, data)
    (folder / "cassette.yaml").write_bytes(naming(*[f"raw:{image.name}"] * 10_000))
    with pytest.raises(ReplayError, match="a body has more than"):
        cassette_file.read(folder)


def test_many_large_answers_are_bounded(folder, monkeypatch):
    monkeypatch.setattr(cassette_file, "_LARGEST_WHOLE", 20_000_000)
    data = b"\xff" * (8 * 1024 * 1024)
    image, _ = fill(folder, data)
    entries = [entry(answer_body=f"@@blob:raw:{image.name}@@", request_call=str(n)) for n in range(3)]
    (folder / "cassette.yaml").write_bytes(text(*entries))
    with pytest.raises(ReplayError, match="bytes with its images"):
        cassette_file.read(folder)


def test_an_image_larger_than_any_is_not_read(folder):
    image, _ = fill(folder)
    with image.open("r+b") as file:
        file.truncate(blobs.LARGEST + 1)
    with pytest.raises(ReplayError, match="larger than"):
        cassette_file.read(folder)
