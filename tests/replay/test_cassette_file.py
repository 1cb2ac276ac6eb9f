"""The cassette's text: it reads back to the byte, compares well, and is never trusted."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support.cassettes import write_cassette

from imagegen_nb.errors import ReplayError
from imagegen_nb.replay import cassette_file
from imagegen_nb.replay.cassette_file import About
from imagegen_nb.replay.recording import CUT, Recording

ABOUT = About(
    against="live",
    recorded_on="2026-11-21",
    versions={"openai": "3.54.0"},
    notebook="a b.ipynb",
    refused=("call 0: …",),
)


def recording(**changes) -> Recording:
    plain = {
        "method": "POST",
        "url": "https://api.openai.com/v1/images/generations",
        "call": "0",
        "request_body": b'{"model":"gpt-image-2","prompt":"a lamp"}',
        "status": 200,
        "headers": {"content-type": "application/json"},
        "response_body": b'{\n  "created": 1,\n  "data": []\n}',
    }
    return Recording(**{**plain, **changes})


ODD = [
    recording(),
    recording(call="10"),
    recording(call="9"),
    recording(response_body=b"event: a\ndata: {}\n\nevent: b\ndata: {}\n\n", ended=CUT),
    recording(status=0, headers={}, response_body=b"", ended="ConnectError", sent=False),
    recording(request_body=b"yes", response_body=b"\xff\x00\xfe", status=500),
    recording(
        request_body='{"prompt": "\u2028 é 🦊 \\u0000 \\ud800"}'.encode(), response_body=b'{"a": 1, "a": 2}'
    ),
    recording(response_body=b'{"x": NaN}'),
    recording(response_body=b'{"date": "2026-01-01", "no": "no", "n": 1e400, "f": 1.10}'),
    recording(response_body=b"[" * 5_000, url="https://api.x.ai/v1/x?y=%20&z"),
    recording(response_body=b'{"a":' * 100 + b"1" + b"}" * 100),
    recording(response_body=b"<html>\r\n  trailing \t\r\n</html>\x85\x7f\n\n\n"),
]


def test_what_is_written_reads_the_same(tmp_path):
    write_cassette(tmp_path, ABOUT, ODD)
    about, found = cassette_file.read(tmp_path)
    assert about == ABOUT
    assert sorted(map(repr, found)) == sorted(map(repr, ODD))
    assert {(each.request_body, each.response_body) for each in found} == {
        (each.request_body, each.response_body) for each in ODD
    }


def test_the_calls_stand_in_order_and_field_by_field(tmp_path):
    write_cassette(tmp_path, ABOUT, ODD[:3])
    assert [each.call for each in cassette_file.read(tmp_path)[1]] == ["0", "9", "10"]
    lines = (tmp_path / "cassette.yaml").read_text().splitlines()
    assert "        prompt: a lamp" in lines
    assert "        created: 1" in lines


def test_git_leaves_the_files_as_they_are(tmp_path):
    write_cassette(tmp_path, ABOUT, [recording(response_body=b"\xff\r\n\x00")])
    (blob,) = (tmp_path / "blobs").iterdir()
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    asked = ["git", "-C", str(tmp_path), "check-attr", "-a", f"blobs/{blob.name}", "cassette.yaml"]
    attributes = subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    assert f"blobs/{blob.name}: text: unset" in attributes
    assert "cassette.yaml: eol: lf" in attributes


HEAD = "layout: 1\nmetadata: {recorded_against: live, recorded_on: '', versions: {}}\n"


CONFLICT = "layout: 1\n<<<<<<< HEAD\na: 1\n||||||| base\n=======\na: 2\n>>>>>>> theirs\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "not a cassette"),
        (b"- a\n- b\n", "not a cassette"),
        (b"\xff\xfe", "not UTF-8"),
        (b"layout: 1\n", "metadata is missing"),
        (b"interactions: []\nversion: 1\n", "its layout is None, and this version reads 1; record it again"),
        (b"layout: 0\n", "its layout is 0"),
        (b"layout: 2\n", "its layout is 2"),
        (HEAD.encode(), "recordings is missing"),
        (HEAD.replace("live", "real").encode(), "it is live or emulator"),
        (f"{HEAD}recordings: [1]\n".encode(), "recording 1: it is no mapping"),
        (f"{HEAD}recordings:\n- request: {{method: POST".encode(), "not whole or not YAML near line"),
        (b"a: &a [x]\nb: *a\n", "holds an anchor"),
        (b"a: !!python/object/apply:os.system [exit]\n", "holds a tag"),
        (b"a: !!binary aGk=\n", "holds a tag"),
        (b"a: " + b"[" * 50 + b"]" * 50, "nested deeper"),
        (b"{" * 100_000, "nested deeper"),
        (CONFLICT.encode(), "it holds a merge conflict near line 2: take one side whole"),
        (f"{HEAD}recordings:\n{CONFLICT}".encode(), "holds a merge conflict near line 5"),
        (b"layout: 1\na: 1\n=======\na: 2\n", "holds a merge conflict near line 3"),
        (b"layout: 1\r\n|||||||\r\na: 1\r\n", "holds a merge conflict near line 2"),
        (b"layout: 1\n<<<<<<<<< HEAD\n", "holds a merge conflict near line 2"),
        (b"layout: 1\na: 1\na: 2\n", "'a' is there twice, on line 2 and on line 3 (did a merge"),
        (b"a: {b: 1, c: 2,\n b: 3}\n", "'b' is there twice, on line 1 and on line 2"),
        (
            b"- a: 1\n- a: {c: [{a: 1}, {b: 1}]}\n  b: 1\n  'a': 2\n",
            "'a' is there twice, on line 2 and",
        ),
        (b"a: b\nb: a\n[a]: 1\nb: 2\n", "'b' is there twice, on line 2 and on line 4"),
        (f"{HEAD}recordings: []\nrecordings: []\n".encode(), "'recordings' is there twice"),
        (b"a: 2026-99-99\n", "not whole or not YAML"),
        (b"a: 1\n---\nb: 1\n", "not whole or not YAML"),
    ],
    ids=lambda value: repr(value[:30]),
)
def test_a_file_that_is_none_of_ours_is_one_clear_error(text, words, tmp_path):
    (tmp_path / "cassette.yaml").write_bytes(text)
    with pytest.raises(ReplayError) as caught:
        cassette_file.read(tmp_path)
    assert words in str(caught.value)
    assert tmp_path.name in str(caught.value)


def test_two_prompts_of_a_bad_merge_are_named_with_their_lines(tmp_path):
    write_cassette(tmp_path, ABOUT, [recording(), recording(call="1")])
    path = tmp_path / "cassette.yaml"
    lines = path.read_text().splitlines(keepends=True)
    second = [number for number, line in enumerate(lines, 1) if "prompt: a lamp" in line][-1]
    path.write_text("".join([*lines[:second], lines[second - 1].replace("lamp", "fox"), *lines[second:]]))
    with pytest.raises(
        ReplayError, match=f"'prompt' is there twice, on line {second} and on line {second + 1} "
    ) as caught:
        cassette_file.read(tmp_path)
    assert "git checkout --ours" in str(caught.value)


def test_a_key_in_a_repeated_name_is_not_shown(tmp_path):
    (tmp_path / "cassette.yaml").write_text("sk-CanaryOne0a1b2c3d4e5f6g7h8i9j: 1\n" * 2)
    with pytest.raises(ReplayError, match="is there twice") as caught:
        cassette_file.read(tmp_path)
    assert "Canary" not in str(caught.value)


def test_the_same_recording_twice_is_told_and_the_same_call_made_again_is_not():
    def answered(number, **changes):
        return recording(headers={"x-request-id": f"recorded-{number}"}, **changes)

    calls = [
        answered(1),
        answered(2),
        answered(1, call="1"),
        answered(1, response_body=b"other"),
        recording(),
    ]
    (problem,) = cassette_file.repeated([*calls, recording()])
    assert "recordings 1 and 4 are the same call 0 to gpt-image-2 (did a merge keep both sides?)" in problem


REQUEST = {"method": "POST", "url": "https://api.x.ai/v1/x", "call": "0", "body": "{}"}
ANSWER = {"status": 200, "headers": {}, "body": "{}"}
DAMAGED = "; it is damaged or of another version, so record it again"


@pytest.mark.parametrize(
    ("request_changes", "answer_changes", "problem"),
    [
        ({"method": None}, {}, "request.method is no text"),
        ({"url": "http://["}, {}, "request.url is not a URL"),
        ({"url": "file:///etc/passwd"}, {}, "request.url is not a URL"),
        ({"call": "one"}, {}, "request.call is not the number of a call"),
        ({"call": 1}, {}, "request.call is no text"),
        ({"body": ["x"]}, {}, "request.body is neither text nor JSON"),
        ({}, {"status": "200"}, "answer.status is not a whole number"),
        ({}, {"status": True}, "answer.status is not a whole number"),
        ({}, {"status": 99}, "answer.status is not an HTTP status"),
        ({}, {"headers": ["a"]}, "answer.headers is no mapping"),
        ({}, {"headers": {"retry-after": 1}}, "answer.headers.retry-after is no text"),
        ({}, {"headers": {"a": "b\r\nc: d"}}, "answer.headers.a is not plain text"),
        ({}, {"ended": 1}, "answer.ended is no text"),
        ({}, {"sent": "yes"}, "answer.sent is neither true nor false"),
        ({}, {"sk-CanaryOne0a1b2c3d4e5f6g7h8i9j": 1, "body": 1}, "answer.body is neither text nor JSON"),
        ({}, {"headers": {"sk-CanaryOne0a1b2c3d4e5f6g7h8i9j": 1}}, "answer.headers.[redacted] is no text"),
    ],
)
def test_the_recording_the_field_the_problem_and_the_remedy_are_named(
    request_changes, answer_changes, problem, tmp_path
):
    entries = [
        {"request": REQUEST, "answer": ANSWER},
        {"request": {**REQUEST, **request_changes}, "answer": {**ANSWER, **answer_changes}},
    ]
    (tmp_path / "cassette.yaml").write_text(f"{HEAD}recordings: {json.dumps(entries)}\n")
    with pytest.raises(ReplayError) as caught:
        cassette_file.read(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"cassette {tmp_path.name!r} (cassette.yaml): recording 2: {problem}")
    assert message.endswith(DAMAGED)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_what_a_later_version_adds_is_ignored(tmp_path):
    entry = {"request": {**REQUEST, "new": 1}, "answer": {**ANSWER, "new": 1}, "new": 1}
    (tmp_path / "cassette.yaml").write_text(f"{HEAD}recordings: {json.dumps([entry])}\nnew: 1\n")
    about, recordings = cassette_file.read(tmp_path)
    assert (about.against, [recorded.url for recorded in recordings]) == ("live", [REQUEST["url"]])


@pytest.mark.parametrize("share", range(5, 100, 10))
def test_a_file_cut_short_anywhere_is_an_error_or_whole(share, tmp_path):
    write_cassette(tmp_path, ABOUT, ODD)
    whole = cassette_file.read(tmp_path)
    path = tmp_path / "cassette.yaml"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * share // 100])
    try:
        found = cassette_file.read(tmp_path)
    except ReplayError:
        return
    assert found != whole
    pytest.fail("a file cut short was taken for a whole one")


def test_an_endless_file_is_not_read(tmp_path):
    with (tmp_path / "cassette.yaml").open("wb") as file:
        file.truncate(cassette_file._LARGEST + 1)
    with pytest.raises(ReplayError, match="larger than"):
        cassette_file.read(tmp_path)


def test_images_nothing_refers_to_are_found_and_other_files_are_left_alone(tmp_path):
    write_cassette(tmp_path, ABOUT, [recording(response_body=b"\xff")])
    stray = tmp_path / "blobs" / f"{'0' * 32}.png"
    for path in (stray, tmp_path / "blobs" / "notes.txt"):
        path.write_bytes(b"x")
    assert cassette_file.orphans(tmp_path) == [stray]
    write_cassette(tmp_path, ABOUT, [recording()])
    assert [path.name for path in (tmp_path / "blobs").iterdir()] == ["notes.txt"]


def test_a_missing_pyyaml_names_what_to_install(tmp_path, monkeypatch):
    write_cassette(tmp_path / "hero", ABOUT, [recording()])
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    message = r"PyYAML: pip install 'imagegen-nb\[replay\] @ git\+https://git\.example/a\.git'"
    with pytest.raises(ReplayError, match=message):
        cassette_file.read(tmp_path / "hero")
    with pytest.raises(ReplayError, match=message):
        write_cassette(tmp_path / "other", ABOUT, [recording()])
