"""Every way to install that documents, messages and `init` name, followed in an empty environment.

The dependencies come from the package index. One environment serves all, so that they are fetched once.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from imagegen_nb import __version__

pytestmark = [pytest.mark.notebooks, pytest.mark.timeout(2400)]

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").exists() else ""
CASSETTES = ROOT / "docs" / "cassettes.md"
ENVIRONMENT = dict(os.environ)
"""Of whoever runs the tests: with certificates that the package index is known by."""
ASK_FOR_COMMAND = "from imagegen_nb.core.install_hint import install_command; print(install_command('test'))"


class Machine:
    """A folder with a clone, an empty environment whose programs come first, and a repository to be."""

    def __init__(self, folder: Path, git_server: str) -> None:
        self.git_server = git_server
        self.clone = folder / "imagegen-nb"
        self.repository = folder / "my repository"
        self.repository.mkdir()
        environment = folder / "environment"
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        self.variables = {
            name: value
            for name, value in ENVIRONMENT.items()
            if not name.startswith(("IMAGEGEN_NB", "PYTHON", "PYTEST", "VIRTUAL_ENV", "COVERAGE"))
        }
        self.variables["PATH"] = os.pathsep.join([str(environment / "bin"), self.variables["PATH"]])
        for name in ("no_proxy", "NO_PROXY"):
            self.variables[name] = f"{self.variables.get(name, '')},127.0.0.1".removeprefix(",")
        self.variables["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        self.variables["PIP_NO_COMPILE"] = "0"  # pip reads it as the value of "compile"

    def build_in_place(self) -> None:
        """From here on, build without an environment made for it, which takes pip half of its time."""
        requires = tomllib.loads((self.clone / "pyproject.toml").read_text())["dependency-groups"]["build"]
        self.run(f"pip install {shlex.join(requires)}")
        self.variables["PIP_NO_BUILD_ISOLATION"] = "0"  # pip reads it as the value of "build isolation"

    def fetch_dependencies(self) -> None:
        """With uv, where it is at hand: it is faster, and pip then finds in place what the metadata names."""
        uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        if uv is None:
            return
        index = "$(pip config get global.index-url 2>/dev/null || true)"
        self.run(
            f'index="${{UV_DEFAULT_INDEX:-${{PIP_INDEX_URL:-{index}}}}}"\n'
            '[ -z "$index" ] || export UV_DEFAULT_INDEX="$index"\n'
            f'UV_SYSTEM_CERTS=true {uv} pip install --python "$(command -v python)" '
            f"'{self.clone}[test,lab]'"
        )
        self.uninstall()

    def run(self, command: str, folder: Path | None = None, **variables: str) -> str:
        """What a shell command says, which has to succeed."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder or self.repository,
            env={**self.variables, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def command_of_messages(self) -> str:
        """What a message about a missing extra would say to run."""
        return self.run(f'python -c "{ASK_FOR_COMMAND}"').strip()

    def uninstall(self) -> None:
        """The package alone: its dependencies stay."""
        self.run("pip uninstall --yes imagegen-nb")


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[str]:
    """Serves the folder `git`: git reads repositories over HTTP from plain files."""
    handler = functools.partial(QuietHandler, directory=str(tmp_path / "git"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def machine(tmp_path: Path, git_server: str) -> Machine:
    """With the files of this checkout in a clone, whether they are committed yet or not."""
    if not (ROOT / ".git").exists():
        pytest.skip("only a checkout can be cloned")
    machine = Machine(tmp_path, git_server)
    listed = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (machine.clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, machine.clone / name)
    identity = "-c user.name=tests -c user.email=tests@tests.example"
    machine.run(f"git init -q && git add -A && git {identity} commit -qm all", machine.clone)
    bare = tmp_path / "git" / "imagegen-nb.git"
    machine.run(f"git clone -q --bare {machine.clone} {bare} && git -C {bare} update-server-info")
    machine.fetch_dependencies()
    return machine


def documented(pattern: str) -> str:
    """The one command of the README that matches."""
    (command,) = re.findall(rf"^\$ (pip install {pattern})(?: +#.*)?$", README, re.MULTILINE)
    assert isinstance(command, str)
    return command


def a_wheel_built_from_a_clone(machine: Machine) -> None:
    """As the README says. A message of that installation names the same file, by its whole path."""
    (build,) = re.findall(r"# after: (pip wheel .*)$", README, re.MULTILINE)
    machine.run(build.replace("/path/to/imagegen-nb", str(machine.clone)))
    command = documented(r'"imagegen_nb-[\d.]+-py3-none-any\.whl\[test,lab\]"')
    machine.run(command)
    machine.build_in_place()
    assert machine.run("imagegen-nb --version").strip().endswith(__version__)
    assert machine.command_of_messages() == (
        f"pip install '{machine.repository}/imagegen_nb-{__version__}-py3-none-any.whl[test]'"
    )


def a_wheel_that_is_committed_and_installed_as_ci_does(machine: Machine) -> None:
    """`init --source WHEEL`, and then what its workflow runs, in an environment without the package."""
    project = machine.repository / "with a wheel"
    (project / "wheels").mkdir(parents=True)
    wheel = next(machine.repository.glob("*.whl"))
    shutil.copy(wheel, project / "wheels")
    machine.run(f"imagegen-nb init --source wheels/{wheel.name}", project)
    machine.uninstall()
    machine.run("pip install -r notebooks/requirements.txt", project)
    machine.run("imagegen-nb --version")


def a_clone_beside_a_repository_as_docs_cassettes_says(machine: Machine) -> None:
    """From nothing to a test: every command of the document's first block."""
    machine.uninstall()
    section = CASSETTES.read_text(encoding="utf-8").split("\n## ")[1]
    block = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)[0]
    commands = [line for line in block.splitlines() if not line.startswith("git ")]
    assert [command.split()[0] for command in commands] == ["pip", "imagegen-nb", "imagegen-nb", "pytest"]
    project = machine.clone.parent / "project"
    project.mkdir()
    for command in commands:
        output = machine.run(command, project)
    assert "passed" in output
    assert machine.command_of_messages() == f"pip install '{machine.clone}[test]'"
    assert str(machine.clone) not in (project / "notebooks" / "requirements.txt").read_text()


def a_clone_by_its_path_and_editable(machine: Machine) -> None:
    command = documented(r'"/path/to/imagegen-nb\[test,lab\]"').replace("/path/to", str(machine.clone.parent))
    machine.run(command)
    machine.uninstall()
    machine.run(command.replace("pip install", "pip install -e"))
    assert machine.command_of_messages() == f"pip install -e '{machine.clone}[test]'"
    machine.run(machine.command_of_messages())
    machine.run("imagegen-nb --version")


def a_git_repository(machine: Machine) -> None:
    """Also as CI installs what an earlier `init` wrote where no source was known: from the one variable."""
    unknown = machine.repository / "without a source"
    unknown.mkdir()
    machine.run("imagegen-nb init", unknown)
    command = documented(r'"imagegen-nb\[test,lab\] @ git\+https://\S+"')
    url = f"{machine.git_server}/imagegen-nb.git"
    machine.run(re.sub(r"https://git\.example/imagegen-nb\.git", url, command))
    commit = machine.run("git rev-parse HEAD", machine.clone).strip()
    assert machine.command_of_messages() == f"pip install 'imagegen-nb[test] @ git+{url}@{commit}'"
    machine.run(machine.command_of_messages())
    known = machine.repository / "with a source"
    known.mkdir()
    machine.run("imagegen-nb init", known)
    requirement = (known / "notebooks" / "requirements.txt").read_text()
    assert requirement == f"imagegen-nb[test] @ git+{url}@{commit}\n"
    machine.uninstall()
    machine.run("pip install -r notebooks/requirements.txt", unknown, IMAGEGEN_NB_SOURCE=f"git+{url}")
    machine.run("imagegen-nb --version")


def where_no_source_is_set_ci_fails_and_names_the_variable(machine: Machine) -> None:
    project = machine.repository / "without a source"
    with pytest.raises(AssertionError, match=r"\$\{IMAGEGEN_NB_SOURCE\}"):
        machine.run("pip install -r notebooks/requirements.txt", project, IMAGEGEN_NB_SOURCE="")


def test_every_way_to_install_works(machine, subtests):
    """One test, as the ways share an environment, and tests may be spread over processes."""
    ways = (
        a_wheel_built_from_a_clone,
        a_wheel_that_is_committed_and_installed_as_ci_does,
        a_clone_beside_a_repository_as_docs_cassettes_says,
        a_clone_by_its_path_and_editable,
        a_git_repository,
        where_no_source_is_set_ci_fails_and_names_the_variable,
    )
    for way in ways:
        with subtests.test(way.__name__):
            way(machine)
