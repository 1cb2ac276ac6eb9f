"""`./dev wheel [PYTHON …]`: what is to be released, built and tried as its users get it.

sdist and wheel are built, and a wheel out of the sdist, which has to be the same. On each Python the wheel is
installed into two environments that know nothing of the checkout: one holds what the wheel needs, and tries
what needs no extra and how each missing one is named (`.ci/base_install.py`); the other holds everything
that is locked, and runs the tests out of the sdist, without its package. There the type checkers read what
users write.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
FAILED = "FAILED"
LOGS = ROOT / "build" / "wheel"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
RECORDED = ("tests/providers/test_recorded_contract.py", "tests/test_recorded_notebooks.py")
"""Run beside the fast lane: the contract and the notebooks, as they are recorded."""
FOREIGN = re.compile("PYTHON|VIRTUAL_ENV|IMAGEGEN_NB_|PYTEST_|COVERAGE")
NAMED = re.compile(
    r"^(?:\[gw\d+\] \[ *\d+%\] (?:FAILED|ERROR) (?P<ran>.+?)"
    r"|(?:FAILED|ERROR) (?P<listed>\S+\.py.*?)(?: - .*)?) *$",
    re.MULTILINE,
)
"""A test that failed: as it ran, which a run that breaks off says too, and in the list at the end."""
SUMMARY = re.compile(r"^(?:=+ )?((?:\d+ \w+, )*\d+ (?:passed|failed|errors?)\b.*) in [\d.]+s", re.MULTILINE)


def build(folder: Path, source: Path = ROOT, *kinds: str) -> list[Path]:
    """Build `--sdist`, `--wheel` or both, the sdist first, out of a checkout or an sdist."""
    command = [_uv(), "build", "--quiet", "--no-build-isolation", "--python", sys.executable]
    subprocess.run([*command, *kinds, "--out-dir", folder, source], check=True)
    return [*folder.glob("*.tar.gz"), *folder.glob("*.whl")]


def contents(wheel: Path) -> dict[str, str]:
    """The files of a wheel by their names, each as a hash."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def tracked() -> set[str]:
    """The files of the package, as git knows them."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run([*command, "imagegen_nb"], check=True, capture_output=True, text=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


def problems(wheel: Path, from_sdist: Path) -> Iterator[str]:
    """What is wrong with a wheel, in sentences: files that it lacks, what an index would refuse."""
    held, again = contents(wheel), contents(from_sdist)
    for name in sorted(held.keys() | again.keys()):
        if held.get(name) != again.get(name):
            yield f"{name} differs between the checkout's wheel and the sdist's"
    packaged = {name for name in held if name.startswith("imagegen_nb/")}
    for name in sorted(tracked() - packaged):
        yield f"{name} is not in the wheel"
    for name in sorted(packaged - tracked() - {"imagegen_nb/notebooks/quickstart.ipynb"}):
        yield f"{name} is in the wheel, and not in the checkout"
    information = next(name.partition("/")[0] for name in held if name.endswith(".dist-info/METADATA"))
    if f"{information}/licenses/LICENSE" not in held:
        yield "the licence is not in the wheel"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{information}/METADATA")
    try:
        metadata = Metadata.from_email(text, validate=True)
    except ExceptionGroup as group:
        yield from (f"metadata: {error}" for error in group.exceptions)
        return
    if not metadata.description or metadata.description_content_type != "text/markdown":
        yield "metadata: an index would show no description"
    for requirement in BytesHeaderParser().parsebytes(text).get_all("Requires-Dist", []):
        if " @ " in requirement:
            yield f"metadata: an index refuses the requirement {requirement!r}, which names a place"


class CommandFailed(Exception):
    """A command in an environment failed: `output` is all it wrote; the message has its last words."""

    def __init__(self, message: str, output: str = "") -> None:
        super().__init__(message)
        self.output = output


@dataclass
class Environment:
    """An environment of its own, whose commands are logged."""

    folder: Path
    log: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.folder / "bin" / "python")

    def create(self, interpreter: str) -> None:
        """Make it, empty."""
        self.run([_uv(), "venv", "--quiet", "--no-config", "--python", interpreter, self.folder])

    def install(self, *arguments: str | Path) -> None:
        """Install with uv, from wheels, where nothing is built."""
        command = [_uv(), "pip", "install", "--quiet", "--no-config", "--python", self.python]
        self.run([*command, *arguments])

    def run(self, command: Sequence[str | Path], cwd: Path | None = None, **more: str) -> str:
        """What a command wrote, which has to succeed; nothing of this process's environment leads it here."""
        kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
        path = os.pathsep.join([str(self.folder / "bin"), kept["PATH"]])
        words = [str(word) for word in command]
        with self.log.open("a+", encoding="utf-8", errors="replace") as log:
            log.write(f"\n$ {' '.join(words)}\n")
            log.flush()
            began = log.tell()
            done = subprocess.run(
                words, cwd=cwd, env={**kept, "PATH": path, **more}, stdout=log, stderr=log, check=False
            )
            log.seek(began)
            output = log.read()
        if done.returncode:
            message = f"{output[-6000:]}\n{' '.join(words)}: {done.returncode}; see {self.log}"
            raise CommandFailed(message, output)
        return output

    def packages(self) -> int:
        """How many packages are in it, beside this one."""
        command = [_uv(), "pip", "list", "--no-config", "--format=json", "--python", self.python]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return len(json.loads(listed)) - 1

    def megabytes(self) -> float:
        """What its packages take, without compiled bytecode."""
        files = (self.folder / "lib").rglob("*")
        sizes = [each.stat().st_size for each in files if each.is_file() and each.suffix != ".pyc"]
        return sum(sizes) / 1e6


def try_base(wheel: Path, interpreter: str, folder: Path, log: Path) -> str:
    """The wheel and what it needs, and nothing else; how much that is."""
    environment = Environment(folder / "base", log)
    environment.create(interpreter)
    environment.install("--no-build", "--constraints", _pins(folder), wheel)
    size = f"{environment.packages()} packages, {environment.megabytes():.0f} MB"
    empty = folder / "empty"
    empty.mkdir()
    environment.run([environment.python, "-I", ROOT / ".ci" / "base_install.py", wheel], cwd=empty)
    return size


def try_suite(wheel: Path, sdist: Path, interpreter: str, folder: Path, log: Path, options: list[str]) -> str:
    """The tests of an sdist against the wheel; pytest's summary."""
    environment = Environment(folder / "full", log)
    environment.create(interpreter)
    environment.install("--require-hashes", "--requirements", ROOT / "requirements" / "dev.lock")
    environment.install("--no-deps", wheel)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    suite = folder / sdist.name.removesuffix(".tar.gz")
    shutil.rmtree(suite / "imagegen_nb")
    more = {
        "PYTHONPATH": str(suite / "tests" / "support" / "lean"),
        "IMAGEGEN_NB_TRIED_WHEEL": str(wheel),
    }
    usual = [["-p", "no:nbval", "-m", "fast"], [*RECORDED, "tests/test_wheel.py"]]
    passed = run_tests(environment, suite, [options] if options else usual, **more)
    if not options:
        environment.run([environment.python, "-m", "mypy", "tests/typing"], cwd=suite)
        environment.run(["pyrefly", "check", "--python-interpreter-path", environment.python], cwd=suite)
    return passed


def run_tests(environment: Environment, suite: Path, runs: Sequence[list[str]], **more: str) -> str:
    """Run pytest once for each list of options, the rest too where one fails; the summaries.

    Raises `CommandFailed`, which ends with the names of all tests that failed, also where a run broke off.
    """
    pytest = [environment.python, "-m", "pytest", "--verbose", "-n", "auto"]
    output, failures = "", []
    for options in runs:
        try:
            output += environment.run([*pytest, *options], cwd=suite, **more)
        except CommandFailed as failure:
            output += failure.output
            failures.append(str(failure))
    summary = "; ".join(SUMMARY.findall(output)) or "no test"
    if failures:
        names = dict.fromkeys(found["ran"] or found["listed"] for found in NAMED.finditer(output))
        raise CommandFailed("\n".join([*failures, f"tests that failed ({summary}):", *names]), output)
    return summary


def find_python(version: str) -> str | None:
    """An interpreter that runs, by its version or path; pyenv's too where they are not on the PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    candidates = [version]
    if re.fullmatch(r"[\d.]+", version):
        candidates = [f"python{version}", *map(str, sorted(pyenv.glob(f"{version}.*/bin/python")))]
    for candidate in candidates:
        found = shutil.which(candidate)
        # pyenv has programs of names that it cannot run.
        if found and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
            return found
    return None


def _pins(folder: Path) -> Path:
    """The lock of all extras as constraints, which take no hashes."""
    path = folder / "constraints.txt"
    lines = (ROOT / "requirements" / "extras.lock").read_text(encoding="utf-8").splitlines()
    pins = [line.removesuffix("\\").strip() for line in lines if line and line[0] not in "# "]
    path.write_text("\n".join([*pins, ""]), encoding="utf-8")
    return path


def _uv() -> str:
    return str(Path(sys.executable).with_name("uv"))


def row(wheel: Path, sdist: Path, version: str, interpreter: str, options: argparse.Namespace) -> list[str]:
    """One line of the table: how the wheel fared on one Python."""
    began = time.monotonic()
    log = LOGS / f"{version.replace('/', '_').strip('_')}.log"
    log.unlink(missing_ok=True)
    cells = ["-", "-"]
    with tempfile.TemporaryDirectory(prefix="imagegen-nb-wheel-") as temporary:
        folder = Path(temporary)
        try:
            cells[0] = try_base(wheel, interpreter, folder, log)
            if not options.base_only:
                cells[1] = try_suite(wheel, sdist, interpreter, folder, log, options.pytest)
        except CommandFailed as failure:
            print(failure, file=sys.stderr)
            cells[cells.index("-")] = FAILED
    exact = subprocess.run([interpreter, "--version"], check=True, capture_output=True, text=True).stdout
    return [exact.split()[-1], *cells, f"{time.monotonic() - began:.0f} s"]


def main() -> int:
    """Run what the command line names, or all Pythons that are here."""
    parser = argparse.ArgumentParser(prog="./dev wheel", description="The release, as its users get it.")
    parser.add_argument("pythons", nargs="*", metavar="PYTHON", help=f"by default {', '.join(PYTHONS)}")
    parser.add_argument("--base-only", action="store_true", help="not the tests")
    parser.add_argument("--pytest", nargs=argparse.REMAINDER, default=[], help="what pytest runs instead")
    options = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    with tempfile.TemporaryDirectory() as temporary:
        found = list(problems(wheel, build(Path(temporary), sdist, "--wheel")[0]))
    if found:
        print("\n".join(found), file=sys.stderr)
        return 1
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, the same out of the sdist", file=sys.stderr)
    rows = [["Python", "base", "tests", "took"], ["---"] * 4]
    absent = []
    for version in options.pythons or PYTHONS:
        if interpreter := find_python(version):
            print(f"Python {version}: see {LOGS}", file=sys.stderr, flush=True)
            rows.append(row(wheel, sdist, version, interpreter, options))
        else:
            absent.append(version)
    print("\n".join(f"| {' | '.join(cells)} |" for cells in rows))
    if absent:
        print(f"not on this machine, so not tried: Python {', '.join(absent)}", file=sys.stderr)
    failed = any(FAILED in cells for cells in rows)
    return 1 if failed or (absent and options.pythons) else 0


if __name__ == "__main__":
    sys.exit(main())
