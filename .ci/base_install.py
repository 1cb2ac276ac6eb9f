"""Run by `./dev wheel` in an environment that holds the wheel and what it needs: `base_install.py WHEEL`.

What needs no extra works there, and what needs one names it, with the command that installs it.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import warnings
from collections.abc import Callable
from importlib import metadata
from io import BytesIO
from pathlib import Path
from unittest import mock

from PIL import Image

import imagegen_nb as ig
from imagegen_nb.core import credentials_check, frames
from imagegen_nb.emulator import Emulator
from imagegen_nb.errors import ImagegenError
from imagegen_nb.notebooks import markers
from imagegen_nb.notebooks.execute import text_of
from imagegen_nb.providers.http.proxies import proxy_for
from imagegen_nb.sweeps import crate
from imagegen_nb.testing import flip_metric

WHEEL = sys.argv[1]
PROGRAM = Path(sysconfig.get_path("scripts"), "imagegen-nb")


def program(*words: str, code: int = 0) -> str:
    """What the command line answers; it has to end with this exit code."""
    done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == code, f"imagegen-nb {shlex.join(words)}: {done.returncode}\n{output}"
    return output


def message(call: Callable[[], object]) -> str:
    """The error that a call ends with."""
    try:
        call()
    except ImagegenError as error:
        return str(error)
    raise AssertionError(f"{call} needs no extra here")


def names(extra: str, text: str) -> None:
    """Whether a message holds the command that installs this extra, which the wheel has."""
    one_line = re.sub(r"\s+", " ", text)
    assert f"pip install '{WHEEL}[{extra}]'" in one_line or f"pip install {WHEEL}[{extra}]" in one_line, text
    assert extra in metadata.metadata("imagegen-nb").get_all("Provides-Extra", [])


def is_installed() -> None:
    """It is the installed package that is imported."""
    assert Path(ig.__file__).is_relative_to(sysconfig.get_path("purelib")), ig.__file__
    assert program("--version").strip().endswith(metadata.version("imagegen-nb"))
    assert "imagegen-nb" in program("doctor")


def runs(workspace: ig.Workspace) -> None:
    """A step makes an image on the emulator, and is exported and read again."""
    step = ig.ImageGenerationStep("a lamp on a {{place}}", model="gpt-image-2", image_size="1024x1024")
    run = step.run({"place": "desk"}, workspace=workspace)
    assert Image.open(BytesIO(run.output.assets[0].bytes())).size == (1024, 1024)
    ig.save_step("lamp.step.json", step)
    assert ig.load_step("lamp.step.json").step == step
    assert ig.Gallery(run) is not None
    assert ig.StepForm(step, workspace=workspace) is not None


def names_each_extra() -> None:
    """Whatever needs an extra says so when it is asked for."""
    names("notebook", message(lambda: text_of({})))
    names("notebook", program("demo", code=2))
    assert not Path("demo-output").exists()
    names("lab", program("lab", code=2))
    names("test", message(markers.import_nbval))
    names("test", program("record", "any.ipynb", "--emulator", code=2))
    names("pandas", message(lambda: frames.frame((), (), "pandas")))
    names("polars", message(lambda: frames.frame((), (), "polars")))
    names("objects", message(lambda: ig.Workspace("s3://bucket/team")))
    names("objects", program("doctor", "--store", "s3://bucket/team", code=1))
    names("replay", message(lambda: ig.replay.use("lamp", mode="all").open()))
    names("rocrate", message(lambda: crate.write(Path("x"), (), title="", texts={}, licence="", author="")))
    black, red = (Image.new("RGB", (8, 8), colour) for colour in ("black", "red"))
    if sys.version_info < (3, 14):  # where the extra brings what compares pictures
        names("testing", message(lambda: flip_metric.difference(black, red)))
    with mock.patch.object(credentials_check, "are_in", return_value=True):  # the emulator's hold none
        names("c2pa", message(lambda: credentials_check.verify(b"", "image/png")))
    os.environ["HTTPS_PROXY"] = "socks5://127.0.0.1:1"
    names("socks", message(lambda: proxy_for("https://provider.invalid", "openai")))
    del os.environ["HTTPS_PROXY"]


def main() -> None:
    """All of it, where a warning is an error."""
    warnings.simplefilter("error")
    is_installed()
    with Emulator() as emulator, ig.Workspace("assets", backend=emulator.url) as workspace:
        runs(workspace)
    names_each_extra()
    print("base: ok")


if __name__ == "__main__":
    main()
