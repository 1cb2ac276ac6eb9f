"""`./dev fresh [SUITE …]`: both commands of the README on bare Debians, one for each Python that Debian has.

Each machine is made by debootstrap in a temporary folder, with python3, git and ca-certificates and nothing
else. The committed state is cloned into it, once for an ordinary user and once for root with CI=true. What a
command asks for, and only that, is installed as it says, so that its words are tested too. Everything lives
in a mount namespace of its own: whatever ends this program, no mount stays behind.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SUITES = ("bookworm", "trixie", "sid")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "imagegen-nb" / "debian"
LOGS = ROOT / "build" / "fresh"
KEPT_DAYS = 7
"""How long a bare machine is used again."""
CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
PASSED_ON = re.compile(r"(?i)^(https?|no)_proxy$|^(pip_index_url|uv_default_index)$")
USER = "newcomer"
ASKED_FOR = re.compile(r"^ {4}(apt-get install .*)$", re.MULTILINE)
SKIPPED = "SKIPPED: see above what it needs"
"""What `./dev test` says of a lane that could not run, after it has run the others."""
SUMMARY = re.compile(
    r"^(?:=+ )?(\d+ (?:passed|failed|error|skipped|deselected)\b.*) in [\d.]+s", re.MULTILINE
)

# pivot_root instead of chroot, inside which the kernel allows no user namespace: `./dev replay` wants one.
ENTER = """
set -eu
machine="$1"; shift
mount --bind "$machine" "$machine"
mount -t proc proc "$machine/proc"
mount --rbind /sys "$machine/sys"
mount --rbind /dev "$machine/dev"
mount -t tmpfs -o mode=1777 tmpfs "$machine/dev/shm"
cd "$machine"
mkdir -p .outside
pivot_root . .outside
umount --lazy /.outside
exec "$@"
"""


@dataclass
class Machine:
    """A bare Debian in `folder`, whose commands are logged to `log`."""

    folder: Path
    log: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, command: str, user: str = "root", **more: str) -> tuple[int, str]:
        """The exit code of a shell command and all it wrote."""
        home = "/root" if user == "root" else f"/home/{user}"
        environment = {
            "HOME": home,
            "USER": user,
            "LOGNAME": user,
            "LANG": "C.UTF-8",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            **self.environment,
            **more,
        }
        enter = ["unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child"]
        enter += ["bash", "-c", ENTER, "enter", str(self.folder), "/usr/sbin/runuser", "-u", user, "--"]
        enter += ["env", "-i", *(f"{name}={value}" for name, value in environment.items())]
        enter += ["bash", "-c", command]
        with self.log.open("a+", encoding="utf-8", errors="replace") as log:
            log.write(f"\n$ {command}   # as {user}\n")
            log.flush()
            began = log.tell()
            done = subprocess.run(enter, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
            log.seek(began)
            return done.returncode, log.read()

    def must(self, command: str, user: str = "root", **more: str) -> str:
        """What a command wrote that has to succeed."""
        code, output = self.run(command, user, **more)
        if code:
            raise SystemExit(f"{command}: {code}\n{output[-2000:]}")
        return output


@dataclass
class Outcome:
    """How one of the README's commands went."""

    code: int = 0
    seconds: float = 0.0
    asked: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        counts = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        ended = "ok" if self.code == 0 else f"FAILED ({self.code})"
        return f"{ended}, {self.seconds:.0f} s{counts and f', {counts}'}"


def bare(suite: str, folder: Path) -> None:
    """Make a bare Debian in `folder`, out of the cache where one was made within the last days."""
    folder.chmod(0o755)  # it becomes the root folder, which every user has to read
    kept = CACHE / f"{suite}.tar"
    if not kept.exists() or time.time() - kept.stat().st_mtime > KEPT_DAYS * 86400:
        script = Path("/usr/share/debootstrap/scripts", suite)
        command = ["debootstrap", "--variant=minbase", "--include=python3,git,ca-certificates"]
        command += [suite, str(folder)]
        if not script.exists():  # older than the suite; all newer ones are made as sid is
            default_mirror = ""
            command += [default_mirror, str(script.with_name("sid"))]
        LOGS.mkdir(parents=True, exist_ok=True)
        with (LOGS / f"{suite}-debootstrap.log").open("w") as log:
            subprocess.run(command, stdout=log, stderr=log, check=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        new = kept.with_suffix(".new")
        subprocess.run(["tar", "-C", folder, "--one-file-system", "-cf", new, "."], check=True)
        new.replace(kept)
        return
    subprocess.run(["tar", "-C", folder, "-xpf", kept], check=True)


def machine(suite: str, folder: Path, log: Path) -> Machine:
    """A bare Debian that reaches the network as this machine does."""
    bare(suite, folder)
    shutil.copy("/etc/resolv.conf", folder / "etc" / "resolv.conf")
    made = Machine(folder, log)
    made.environment = {name: value for name, value in os.environ.items() if PASSED_ON.search(name)}
    for name in CERTIFICATES:
        bundle = os.environ.get(name)
        if bundle and Path(bundle).is_file():
            shutil.copy(bundle, folder / "usr" / "local" / "share" / f"{name}.pem")
            made.environment[name] = f"/usr/local/share/{name}.pem"
    # A mirror may be kept from some day on.
    (folder / "etc/apt/apt.conf.d/99-mirror").write_text('Acquire::Check-Valid-Until "false";\n')
    made.must("apt-get update -qq")
    made.must(f"useradd --create-home --shell /bin/bash {USER}")
    return made


def clone(made: Machine, user: str) -> str:
    """The committed state, as `user` would have cloned it; where it lies in the machine."""
    home = "root" if user == "root" else f"home/{user}"
    target = made.folder / home / "imagegen-nb"
    subprocess.run(["git", "clone", "--quiet", "--no-local", ROOT, target], check=True)
    made.must(f"chown -R {user}: /{home}/imagegen-nb")
    return f"/{home}/imagegen-nb"


def attempt(made: Machine, place: str, commands: list[str], user: str, **more: str) -> Outcome:
    """Run commands; when one asks for a part of the system, give exactly that and go on."""
    outcome = Outcome()
    began = time.monotonic()
    for command in commands:
        inside = f"cd {shlex.quote(place)} && {command}"
        while True:
            code, output = made.run(inside, user, **more)
            wanted = [each for each in ASKED_FOR.findall(output) if each not in outcome.asked]
            counted = SUMMARY.findall(output)
            if not code or not wanted or SKIPPED in output:
                break
            outcome.asked += wanted
            made.must(wanted[-1], DEBIAN_FRONTEND="noninteractive")
        if wanted:  # a lane was skipped for want of it, and said so
            outcome.asked += wanted
            made.must(wanted[-1], DEBIAN_FRONTEND="noninteractive")
            again, output = made.run(f"cd {shlex.quote(place)} && ./dev browser", user, **more)
            code = code or again
            counted += SUMMARY.findall(output)
        outcome.code = outcome.code or code
        for line in counted:
            for number, what in re.findall(r"(\d+) (passed|failed|error|skipped)", line):
                outcome.counts[what] += int(number)
    outcome.seconds = time.monotonic() - began
    return outcome


def row(suite: str, user: str, tests: list[str]) -> tuple[list[str], bool]:
    """One line of the table, and whether all went well."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{suite}-{user}.log"
    log.unlink(missing_ok=True)
    more = {"CI": "true"} if user == "root" else {}
    with tempfile.TemporaryDirectory(prefix=f"imagegen-nb-{suite}-") as folder:
        made = machine(suite, Path(folder), log)
        place = clone(made, user)
        version = made.must("python3 --version").split()[-1]
        demo = attempt(made, place, ["./dev demo"], user, **more)
        tested = attempt(made, place, tests, user, **more) if tests else None
    asked = demo.asked + (tested.asked if tested else [])
    packages = [re.sub(r"^apt-get install|(?<= )-\S+", "", each).strip() for each in asked]
    cells = [suite, version, user, str(demo), str(tested or "-"), ", ".join(packages) or "nothing"]
    return cells, demo.code == 0 and (tested is None or tested.code == 0)


def main() -> int:
    """Run what the command line names, or all."""
    parser = argparse.ArgumentParser(prog="./dev fresh", description="The README's commands on bare Debians.")
    parser.add_argument(
        "suites", nargs="*", metavar="SUITE", help=f"of Debian; by default {', '.join(SUITES)}"
    )
    parser.add_argument("--demo-only", action="store_true", help="not the tests")
    parser.add_argument("--lanes", metavar="LANE,…", help="instead of `./dev test`: fast, browser, replay …")
    parser.add_argument("--user", choices=[USER, "root"], help="only as this user; root has CI=true")
    options = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        parser.error("this needs root and debootstrap: apt-get install debootstrap")
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell started this in the background
        signal.signal(number, lambda *_: sys.exit("interrupted"))
    lanes = [f"./dev {lane}" for lane in options.lanes.split(",")] if options.lanes else ["./dev test"]
    rows, good = [["release", "Python", "user", "demo", "test", "asked for"]], True
    for suite in options.suites or SUITES:
        for user in [options.user] if options.user else [USER, "root"]:
            print(f"{suite}, as {user}: see {LOGS / f'{suite}-{user}.log'}", file=sys.stderr, flush=True)
            cells, passed = row(suite, user, [] if options.demo_only else lanes)
            print(" | ".join(cells), file=sys.stderr, flush=True)
            rows.append(cells)
            good = good and passed
    rows.insert(1, ["---"] * len(rows[0]))
    print("\n".join(f"| {' | '.join(cells)} |" for cells in rows))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
