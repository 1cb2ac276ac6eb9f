"""The command that installs this package with an extra, for each way in which it can have been installed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from imagegen_nb.core import install_hint
from imagegen_nb.core.install_hint import Source, install_command, parse_source
from imagegen_nb.errors import InvalidOption
from imagegen_nb.notebooks.execute import text_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """An environment's folder with what an installer writes down, in front of all others."""
    site = tmp_path / "site-packages"
    information = site / "imagegen_nb-9.9.dist-info"
    information.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setattr(install_hint, "__file__", str(site / "imagegen_nb" / "core" / "install_hint.py"))

    def install(direct_url: object = None, *project_urls: str) -> None:
        lines = ["Metadata-Version: 2.4", "Name: imagegen-nb", "Version: 9.9"]
        lines += [f"Project-URL: {url}" for url in project_urls]
        (information / "METADATA").write_text("\n".join([*lines, ""]))
        if direct_url is not None:
            text = direct_url if isinstance(direct_url, str) else json.dumps(direct_url)
            (information / "direct_url.json").write_text(text)
        assert metadata.version("imagegen-nb") == "9.9"

    return install


@pytest.mark.parametrize("name", ["clone", "a clone's folder $HOME"])
@pytest.mark.parametrize("editable", [True, False])
def test_a_clone_is_installed_from_its_folder(installed, tmp_path, name, editable):
    folder = tmp_path / name
    folder.mkdir()
    installed({"url": folder.as_uri(), "dir_info": {"editable": True} if editable else {}})
    option = ["-e"] if editable else []
    assert shlex.split(install_command("test")) == ["pip", "install", *option, f"{folder}[test]"]
    assert shlex.split(install_command("test", upgrade=True))[:3] == ["pip", "install", "-U"]


def test_a_local_clone_that_git_was_asked_for_is_installed_from_its_folder(installed, tmp_path):
    """pip before 24.1 refuses `imagegen-nb @ git+file:///…`."""
    installed({"url": tmp_path.as_uri(), "vcs_info": {"vcs": "git", "commit_id": COMMIT}})
    assert shlex.split(install_command("test")) == ["pip", "install", f"{tmp_path}[test]"]


def test_a_wheel_is_installed_from_its_file(installed, tmp_path):
    wheel = tmp_path / "imagegen_nb-9.9-py3-none-any.whl"
    wheel.touch()
    installed({"url": wheel.as_uri(), "archive_info": {"hashes": {"sha256": "0" * 64}}})
    assert shlex.split(install_command("replay")) == ["pip", "install", f"{wheel}[replay]"]


def test_a_wheel_from_the_web_is_installed_from_there(installed):
    installed({"url": "https://files.example/imagegen_nb-9.9-py3-none-any.whl", "archive_info": {}})
    expected = "imagegen-nb[test] @ https://files.example/imagegen_nb-9.9-py3-none-any.whl"
    assert shlex.split(install_command("test")) == ["pip", "install", expected]


@pytest.mark.parametrize(
    ("url", "more", "expected"),
    [
        ("https://git.example/a.git", {}, f"git+https://git.example/a.git@{COMMIT}"),
        ("ssh://git@git.example/a.git", {}, f"git+ssh://git@git.example/a.git@{COMMIT}"),
        ("https://me:secret@git.example/a.git", {}, f"git+https://git.example/a.git@{COMMIT}"),
        ("https://token@git.example/a.git", {}, f"git+https://git.example/a.git@{COMMIT}"),
        (
            "https://git.example/a.git",
            {"subdirectory": "py"},
            f"git+https://git.example/a.git@{COMMIT}#subdirectory=py",
        ),
    ],
)
def test_a_git_url_is_installed_at_the_same_commit_without_a_password(installed, url, more, expected):
    installed(
        {"url": url, "vcs_info": {"vcs": "git", "commit_id": COMMIT, "requested_revision": "main"}} | more
    )
    assert shlex.split(install_command("test")) == ["pip", "install", f"imagegen-nb[test] @ {expected}"]


IN_A_CLONE = "pip install '.[test]' in a clone of imagegen-nb"


@pytest.mark.parametrize(
    "direct_url",
    [
        None,
        "",
        "no JSON",
        "[]",
        "{}",
        '{"url": null}',
        '{"url": "file:///is/gone", "dir_info": {"editable": true}}',
        '{"url": "https://git.example/a.git", "vcs_info": {"commit_id": "1"}}',
    ],
)
def test_where_nothing_is_known_a_clone_is_named_and_never_the_bare_name(installed, direct_url):
    installed(direct_url)
    assert install_command("test") == IN_A_CLONE


def test_the_repository_in_the_metadata_is_used_when_nothing_else_is_known(installed):
    installed(None, "Homepage, https://www.example", "Source Code, https://git.example/a")
    expected = "imagegen-nb[test] @ git+https://git.example/a"
    assert shlex.split(install_command("test")) == ["pip", "install", expected]


def test_the_setting_comes_first(installed, monkeypatch):
    installed({"url": "https://git.example/a.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}})
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://other.example/b.git@v1")
    expected = "imagegen-nb[test] @ git+https://other.example/b.git@v1"
    assert shlex.split(install_command("test")) == ["pip", "install", expected]
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", " ")
    assert "git.example/a.git" in install_command("test")


@pytest.mark.parametrize(
    ("text", "source", "is_local"),
    [
        ("git+https://git.example/a.git@v1", Source(url="git+https://git.example/a.git@v1"), False),
        ("https://git.example/a.git", Source(url="git+https://git.example/a.git"), False),
        ("https://git.example/team/a", Source(url="git+https://git.example/team/a"), False),
        ("ssh://git@git.example/a.git", Source(url="git+ssh://git@git.example/a.git"), False),
        ("git@git.example:team/a.git", Source(url="git+ssh://git@git.example/team/a.git"), False),
        ("https://files.example/a-1-py3-none-any.whl", None, False),
        ("https://me:secret@git.example/a", Source(url="git+https://git.example/a"), False),
        ("git+file:///srv/a", Source(url="git+file:///srv/a"), True),
        ("file:///srv/a%20b", Source(path="/srv/a b"), True),
        ("/srv/a b", Source(path="/srv/a b"), True),
        ("wheels/a-1-py3-none-any.whl", Source(path="wheels/a-1-py3-none-any.whl"), True),
    ],
)
def test_a_source_is_understood_as_people_write_it(text, source, is_local):
    parsed = parse_source(text)
    assert parsed == (source or Source(url=text))
    assert parsed.is_local is is_local


def test_a_checkout_on_the_path_that_was_never_installed_is_installed_from_there(tmp_path):
    """As `PYTHONPATH=clone python`, in an environment without the package."""
    package = tmp_path / "my clone" / "imagegen_nb" / "core"
    package.mkdir(parents=True)
    (tmp_path / "my clone" / "pyproject.toml").touch()
    (package / "install_hint.py").write_bytes(Path(install_hint.__file__).read_bytes())
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import install_hint; print(install_hint.install_command('test'))"],
        env={"PYTHONPATH": str(package)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == f"pip install -e '{tmp_path / 'my clone'}[test]'"


@pytest.mark.parametrize("package", ["nbclient", "nbformat"])
def test_without_what_notebooks_need_the_extra_is_named(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("IMAGEGEN_NB_SOURCE", "git+https://git.example/a.git")
    message = r"pip install 'imagegen-nb\[notebook\] @ git\+https://git\.example/a\.git'"
    with pytest.raises(InvalidOption, match=message):
        text_of({})


def test_no_message_or_document_tells_to_install_a_bare_name():
    root = Path(install_hint.__file__).parents[1]
    documents = [
        root.parent / "README.md",
        root.parent / "CONTRIBUTING.md",
        *(root.parent / "docs").glob("*.md"),
    ]
    files = [*root.rglob("*.py"), *(root / "cli" / "starter").iterdir(), *filter(Path.exists, documents)]
    assert len(files) > 100
    offenders = [
        f"{path}: {line}"
        for path in files
        if path != Path(install_hint.__file__)
        for line in path.read_text(encoding="utf-8").splitlines()
        if "imagegen-nb[" in line and "install" in line and " @ " not in line and "/imagegen-nb[" not in line
    ]
    assert offenders == []
