"""The processes that a process comes from: real ones, whatever they are called and whoever tells of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import imagegen_nb
from imagegen_nb.core import ancestors

SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from imagegen_nb.core import ancestors
if len(sys.argv) > 2:
    from pathlib import Path
    ancestors._PROC = Path(sys.argv[2])
print(json.dumps([[each.number, each.started] for each in ancestors.ancestors()]))
"""
ROOT = str(Path(imagegen_nb.__file__).parents[1])


def test_the_chain_goes_up_to_the_first_process():
    chain = ancestors.ancestors()
    assert chain[0].number == os.getppid()
    assert len({process.number for process in chain}) == len(chain)
    assert os.getpid() not in [process.number for process in chain]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_program_may_be_called_anything(tmp_path):
    """The system writes the name between brackets, as it is."""
    here = ancestors.this_process()
    script = tmp_path / "a) R 1 (b"
    script.write_text(f"#!/bin/sh\n'{sys.executable}' -c \"$1\" '{ROOT}'; true\n")
    script.chmod(0o700)
    done = subprocess.run([script, SCRIPT], env={}, capture_output=True, text=True, check=True)
    found = [ancestors.Process(*each) for each in json.loads(done.stdout)]
    assert found[1:] == [here, *ancestors.ancestors()]
    assert here.started.isdecimal()


def test_where_there_is_no_proc_psutil_tells_the_numbers(tmp_path):
    pytest.importorskip("psutil")
    command = [sys.executable, "-c", SCRIPT, ROOT, str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    numbers = [number for number, _ in json.loads(done.stdout)]
    assert numbers == [os.getpid(), *(process.number for process in ancestors.ancestors())]


def test_a_process_that_is_gone_has_no_fields_and_no_parent(tmp_path, monkeypatch):
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert ancestors._fields(ended.pid) == []
    monkeypatch.setattr(ancestors, "_PROC", tmp_path / "none")
    assert ancestors._parent_by_psutil(ended.pid) == 0
