"""Addresses that a live provider cannot open: told by the variable that holds them, on live calls only."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb import Gateway, ImageGenerationStep, Workspace, simulate
from imagegen_nb.runs.local_addresses import kinds, notes

MACHINE, NETWORK = "an address of this machine", "an address of the local network"
FILE, URL, DATA = "a path on this machine", "a file:// address", "a data: address"
TOLD = (
    "{{step_2.output.assets.0.file_url}} holds a file:// address: OpenAI cannot open it and reads it as words"
)
NOTEBOOK, SIMULATED = "an address inside a notebook or browser", "an address of a simulated run"

LOCAL = [
    ("file:///home/me/assets/hero.png", URL),
    ("FILE:///C:/Users/me/hero.png", URL),
    ("file:/home/me/hero", URL),
    ("s3://bucket/team/blobs/ab/hero.png", "an address of a bucket"),
    ("abfss://files@account.example/hero.png", "an address of a bucket"),
    ("file://server/share/hero.png", URL),
    ("data:image/png;base64,iVBORw0KGgo=", DATA),
    ("data:image/svg+xml;charset=utf-8,<svg/>", DATA),
    ("data:text/plain,hello", DATA),
    ("http://localhost:8888/files/hero.png", MACHINE),
    ("https://LOCALHOST/hero.png", MACHINE),
    ("http://app.localhost/hero.png", MACHINE),
    ("localhost:8888/files/hero.png", MACHINE),
    ("http://127.0.0.1:8000/a.png", MACHINE),
    ("http://127.1/a.png", MACHINE),
    ("127.0.0.1:8000/a.png", MACHINE),
    ("http://[::1]:8000/a.png", MACHINE),
    ("http://0.0.0.0:5000/a.png", MACHINE),
    ("http://user:pw@localhost/a.png", MACHINE),
    ("http://192.168.1.7/a.png", NETWORK),
    ("http://10.0.0.2:9000/a.png", NETWORK),
    ("https://172.20.0.3/a.png", NETWORK),
    ("http://169.254.169.254/latest", NETWORK),
    ("http://[fd00::1]/a.png", NETWORK),
    ("http://nas.local/a.png", NETWORK),
    ("http://host.docker.internal:8080/a.png", NETWORK),
    ("http://minio:9000/bucket/a.png", NETWORK),
    ("blob:https://lab.example/1234", NOTEBOOK),
    ("attachment:image.png", NOTEBOOK),
    ("sandbox:/mnt/data/a.png", NOTEBOOK),
    ("simulated:///1/hero.png", SIMULATED),
    ("/home/me/assets/hero.png", FILE),
    ("~/assets/hero.JPG", FILE),
    ("./hero.webp", FILE),
    ("../assets/hero.jpeg", FILE),
    ("C:\\Users\\me\\hero.png", FILE),
    ("C:/Users/me/hero.png", FILE),
    ("\\\\server\\share\\hero.tiff", FILE),
    ("/assets/drawing.svg", FILE),
]
ON_THE_WEB = [
    "https://cdn.example/assets/hero.png",
    "http://8.8.8.8/a.png",
    "https://localhost.example.com/a.png",
    "https://example.com/?next=/local/hero.png",
    "https://files.example/file/hero.png",
    "https://[2606:4700::1111]/a.png",
]
PLAIN = [
    "a poster that says localhost",
    "a file: blue, with data: numbers, and a path / or two",
    "and/or, 16/9, he/she, a.png, hero.png",
    "a profile:/dev mood",
    "10.0.0.2",
    "C: drive in a shop window",
    "the metadata:image",
    "/imagine a fox",
    "http://",
    "http://[broken/a.png",
    "",
]


@pytest.mark.parametrize(("text", "kind"), LOCAL)
@pytest.mark.parametrize(
    "around", ["{}", "as in {}", "“like” ({}), but blue", '["{}"]', "first line\n{}\nlast"]
)
def test_local_addresses_are_recognised(text, kind, around):
    assert kinds(around.format(text)) == (kind,)


@pytest.mark.parametrize("text", [*ON_THE_WEB, *PLAIN])
def test_nothing_is_said_of_the_web_and_of_words(text):
    assert kinds(text) == ()
    assert kinds(text, whole=True) == ()


@pytest.mark.parametrize(
    "value", ["assets/hero.png", "my pictures/hero shot.png", "D:\\my pictures\\hero.png", " a/b.webp\n"]
)
def test_a_value_that_is_a_path_and_nothing_else_is_one(value):
    assert kinds(value, whole=True) == (FILE,)


@given(st.text(max_size=300), st.booleans())
def test_any_text_can_be_asked(text, whole):
    assert len(kinds(text, whole=whole)) <= 7


@pytest.mark.parametrize(
    "text",
    ["/" * 30_000, "a/" * 15_000, "file:" * 6_000, "http://" * 4_000, "data:a/b;" * 3_000, "C:\\" * 10_000],
)
def test_long_texts_take_linear_time(text):
    start = time.thread_time()
    kinds(text, whole=True)
    assert time.thread_time() - start < 2


def test_the_variable_is_named_and_its_value_is_not():
    values = {"step_2": {"output": {"assets": [{"file_url": "file:///home/me/a.png"}]}}, "look": "blue"}
    template = "like {{step_2.output.assets.0.file_url}} and {{look}}"
    assert notes(template, values, "like file:///home/me/a.png and blue", "OpenAI") == [TOLD]


def test_an_address_put_together_is_the_prompts():
    template, prompt = "like http://localhost:{{port}}/a.png", "like http://localhost:8888/a.png"
    assert notes(template, {"port": 8888}, prompt, "xAI") == [
        "the prompt holds an address of this machine: xAI cannot open it and reads it as words"
    ]


def test_many_variables_are_counted():
    values = {f"v{n}": "./a.png" for n in range(9)}
    template = " ".join(f"{{{{{name}}}}}" for name in values)
    (said,) = notes(template, values, "./a.png " * 9, "Google")
    assert said.startswith(
        "{{v0}}, {{v1}}, {{v2}}, {{v3}}, {{v4}} and 4 more hold a path on this machine: Google"
    )


@pytest.fixture
def live(emulator, tmp_path, monkeypatch):
    """A live workspace: its gateway stands in for the provider."""
    monkeypatch.setenv("TEST_GATEWAY_KEY", "a-key-of-the-gateway-0123456789")
    hosted = {"openai": Gateway(f"{emulator.url}/openai/v1", "TEST_GATEWAY_KEY")}
    with Workspace(tmp_path / "live", hosted=hosted, timeout=30) as workspace:
        yield workspace


LATER = ImageGenerationStep(prompt="like {{step_2.output.assets.0.file_url}}, but blue")


def test_a_live_run_warns_and_is_sent_as_it_is(live, emulator):
    first = ImageGenerationStep(prompt="a fox").run(workspace=live)
    assert first.warnings == ()
    run = LATER.run({"step_2": first}, workspace=live)
    assert run.status == "done"
    assert run.warnings == (TOLD,)
    assert emulator.requests[-1].body["prompt"] == f"like {first.output.assets[0].file_url}, but blue"


def test_the_emulator_and_simulated_runs_say_nothing(workspace):
    first = ImageGenerationStep(prompt="a fox").run(workspace=workspace)
    assert LATER.run({"step_2": first}, workspace=workspace).warnings == ()
    assert simulate(LATER, inputs={"step_2": simulate(ImageGenerationStep(prompt="a fox"))}).warnings == ()
