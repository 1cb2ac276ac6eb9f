"""Which Python runs a contender: ours, or the peers' own, made from requirements/bench.lock."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILD = ROOT / "build" / "bench"
SCRATCH = BUILD / "scratch"
PEERS = BUILD / "peers" / "bin" / "python"
_OF_OURS = ("openai", "google-genai", "httpx2", "pydantic", "vcrpy", "pillow", "pybase64")
_OF_PEERS = ("litellm",)


def python(environment: str) -> str:
    """The interpreter of an environment."""
    return str(PEERS) if environment == "peers" else sys.executable


def variables() -> dict[str, str]:
    """The environment variables of every contender: this checkout goes first, and nothing is fetched."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(
            ("IMAGEGEN_NB_", "OPENAI_", "GEMINI_", "GOOGLE_", "XAI_", "LITELLM_", "AZURE_")
        )
        and name.upper() not in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "PYTHONDONTWRITEBYTECODE")
    }
    return inherited | {
        "PYTHONPATH": str(ROOT),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "BENCH_KEY": "no-key-at-all",
    }


def versions() -> dict[str, str]:
    """The versions of all that is compared, by name."""
    found = {"imagegen-nb": _installed(sys.executable, ("imagegen_nb",), own=True)["imagegen_nb"]}
    found |= _installed(sys.executable, _OF_OURS)
    if PEERS.exists():
        found |= _installed(str(PEERS), _OF_PEERS)
    return found


def _installed(interpreter: str, names: tuple[str, ...], *, own: bool = False) -> dict[str, str]:
    what = "__import__(name).__version__" if own else "version(name)"
    program = f"import sys; from importlib.metadata import version; print(*({what} for name in sys.argv[1:]))"
    done = subprocess.run(
        [interpreter, "-c", program, *names], env=variables(), capture_output=True, text=True, check=True
    )
    return dict(zip(names, done.stdout.split(), strict=True))


def machine() -> str:
    """The machine and its Python, without its name."""
    implementation = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{implementation}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
