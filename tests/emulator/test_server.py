from __future__ import annotations

import ast
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx2
import pytest
from support.emulated import PATHS, good

import imagegen_nb.emulator
from imagegen_nb.emulator import Emulator, LoggedRequest

PATIENCE = 100.0
"""Seconds a client waits for an answer: longer than stopping may take."""


def ask(emulator: Emulator, provider: str = "openai") -> httpx2.Response:
    headers = {"authorization": "Bearer k", "x-goog-api-key": "k"}
    return httpx2.post(emulator.url + PATHS[provider], json=good(provider), headers=headers, timeout=PATIENCE)


def test_lifecycle_leaves_nothing_behind():
    before = threading.active_count()
    with Emulator() as emulator:
        url = emulator.url
        assert emulator.running
        assert emulator.start() is emulator
        assert emulator.url == url
        assert ask(emulator).status_code == 200
        logged = emulator.requests[0]
        assert isinstance(logged, LoggedRequest)
        assert (logged.method, logged.path, logged.model) == ("POST", PATHS["openai"], "gpt-image-2")
    assert not emulator.running
    emulator.stop()
    assert threading.active_count() <= before
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    port = int(url.rpartition(":")[2])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_it_can_be_started_again():
    emulator = Emulator()
    for _ in range(3):
        with emulator:
            assert ask(emulator).status_code == 200
    assert emulator.count("openai") == 3
    assert emulator.count() == 3
    emulator.clear()
    assert emulator.count() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.org", "10.0.0.1", "", "127.0.0.1.example.org"])
def test_only_loopback(host):
    with pytest.raises(ValueError, match="loopback"):
        Emulator(host=host)


def test_a_taken_port_is_an_oserror():
    with Emulator() as first, pytest.raises(OSError):
        Emulator(port=int(first.url.rpartition(":")[2])).start()


def test_latency_is_live_and_must_make_sense():
    with Emulator(latency=0.2) as emulator:
        started = time.monotonic()
        ask(emulator)
        assert time.monotonic() - started >= 0.2
        emulator.latency = 0
        for wrong in (-1, float("nan"), float("inf")):
            with pytest.raises(ValueError):
                emulator.latency = wrong


def test_retired_from_the_constructor():
    with Emulator(retired=True) as emulator:
        assert ask(emulator, "gemini").status_code == 404


def test_shared_is_one_and_survives_threads():
    found = set()
    workers = [threading.Thread(target=lambda: found.add(Emulator.shared())) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    (shared,) = found
    assert ask(shared).status_code == 200
    shared.stop()
    assert Emulator.shared() is shared
    assert shared.running
    shared.stop()


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.notebooks
def test_a_process_that_never_stops_it_still_ends():
    run(
        "import urllib.request; from imagegen_nb.emulator import Emulator;"
        "urllib.request.urlopen(Emulator.shared().url + '/_emulator/health').read()"
    )


@pytest.mark.notebooks
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
def test_a_forked_child_gets_its_own():
    code = """
import os, urllib.request
from imagegen_nb.emulator import Emulator
parent = Emulator.shared()
read, write = os.pipe()
pid = os.fork()
if pid == 0:
    own = Emulator.shared()
    urllib.request.urlopen(own.url + "/_emulator/health").read()
    os.write(write, own.url.encode())
    own.stop()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
child = os.read(read, 100).decode()
assert child and child != parent.url
urllib.request.urlopen(parent.url + "/_emulator/health").read()
print("fine")
"""
    assert run(code) == "fine\n"


def test_importing_is_light():
    heavy = "starlette uvicorn PIL anyio openai google httpx2"
    code = f"import sys, imagegen_nb.emulator; print([m for m in {heavy.split()!r} if m in sys.modules])"
    assert run(code) == "[]\n"


def test_it_imports_nothing_else_of_the_project():
    allowed = {*sys.stdlib_module_names, "starlette", "uvicorn", "PIL", "anyio"}
    for path in Path(imagegen_nb.emulator.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [str(node.module)]
            for name in names:
                assert name.startswith("imagegen_nb.emulator") or name.split(".")[0] in allowed, (path, name)


@pytest.mark.notebooks
def test_serve_forever_ends_cleanly_on_ctrl_c():
    code = (
        "from imagegen_nb.emulator import Emulator; e = Emulator().start(); print(e.url, flush=True);"
        "e.serve_forever(); print('bye', flush=True)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        url = child.stdout.readline().strip()
        assert httpx2.get(f"{url}/_emulator/health").status_code == 200
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert (out, err, child.returncode) == ("bye\n", "", 0)


async def test_inside_a_running_loop():
    with Emulator() as emulator:
        async with httpx2.AsyncClient() as client:
            assert (await client.get(f"{emulator.url}/_emulator/health")).status_code == 200
