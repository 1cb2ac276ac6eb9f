"""Where this package can be installed from, and the command that does it, for messages and for `init`.

The package is on no registry, so a bare `pip install imagegen-nb[…]` finds nothing, or somebody else's. The
first of these that is known counts: the setting `IMAGEGEN_NB_SOURCE`, what the installer noted down
(PEP 610), the checkout around this file, the repository named in the package's metadata.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from importlib import metadata

NAME = "imagegen-nb"
SETTING = "IMAGEGEN_NB_SOURCE"
"""An environment variable: a git URL, or a wheel's or checkout's URL or path."""

_ARCHIVES = (".whl", ".tar.gz", ".zip")
_SCP_LIKE = re.compile(r"(?P<user>[\w.-]+)@(?P<host>[\w.-]+):(?P<path>[^/].*)")
"""As git hosts show addresses: `git@git.example:team/imagegen-nb.git`."""
_USER_INFO = re.compile(r"(?P<scheme>[a-z+]+)://(?P<user>[^/?#]*)@")
_REPOSITORY_LABELS = frozenset(("repository", "source", "sourcecode"))
"""Labels of `[project.urls]`, in the spelling the packaging specifications compare them in."""


@dataclass(frozen=True, slots=True)
class Source:
    """A place the package can be installed from: a URL as pip takes it, or else a path on this machine."""

    url: str = ""
    path: str = ""
    editable: bool = False

    @property
    def is_local(self) -> bool:
        """Whether other machines cannot install from it."""
        return bool(self.path) or urlsplit(self.url).scheme.removeprefix("git+") == "file"

    def requirement(self, extra: str) -> str:
        """The package with an extra, as in a requirements file."""
        return f"{NAME}[{extra}] @ {self.url}" if self.url else f"{self.path}[{extra}]"


def install_command(extra: str, *, upgrade: bool = False) -> str:
    """What to run in a shell to get the package with an extra, from where this installation came."""
    source = find_source()
    command = "pip install -U" if upgrade else "pip install"
    if source is None:
        return f"{command} {shlex.quote(f'.[{extra}]')} in a clone of {NAME}"
    if source.editable:
        command += " -e"
    return f"{command} {shlex.quote(source.requirement(extra))}"


def find_source() -> Source | None:
    """Where this installation can be had again; None when that is not known."""
    if setting := os.environ.get(SETTING, "").strip():
        return parse_source(setting)
    from importlib import metadata  # it takes half as long to import as the whole command line

    try:
        distribution = metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        return _checkout()
    return _recorded_source(distribution) or _checkout() or _repository(distribution)


def parse_source(text: str) -> Source:
    """A git URL, or a wheel's or checkout's URL or path, as people write them."""
    if match := _SCP_LIKE.fullmatch(text):
        return Source(url=f"git+ssh://{match['user']}@{match['host']}/{match['path']}")
    parts = urlsplit(text)
    if parts.scheme == "file":
        return Source(path=unquote(parts.path))
    if parts.scheme.startswith("git+") or (parts.scheme and parts.path.endswith(_ARCHIVES)):
        return Source(url=_without_password(text))
    if parts.scheme in ("http", "https", "ssh", "git"):
        return Source(url=f"git+{_without_password(text)}")
    return Source(path=text)


def _recorded_source(distribution: metadata.Distribution) -> Source | None:
    """What `direct_url.json` says. None where there is none, or it names what is gone, as a build folder."""
    try:
        record = json.loads(distribution.read_text("direct_url.json") or "{}")
        url = str(record.get("url", ""))
        parts = urlsplit(url)
        vcs = record.get("vcs_info", {})
        # A clone on this machine is named by its folder, below: older versions of pip refuse git+file: URLs.
        if "commit_id" in vcs and parts.scheme != "file":
            subdirectory = f"#subdirectory={record['subdirectory']}" if record.get("subdirectory") else ""
            return Source(url=f"{vcs['vcs']}+{_without_password(url)}@{vcs['commit_id']}{subdirectory}")
        editable = bool(record.get("dir_info", {}).get("editable"))
    except (ValueError, AttributeError, KeyError):
        return None  # damaged
    if parts.scheme == "file":
        path = unquote(parts.path)
        return Source(path=path, editable=editable) if Path(path).exists() else None
    return Source(url=_without_password(url)) if parts.scheme else None


def _checkout() -> Source | None:
    """The folder this file was imported from, where that is a checkout and not an environment."""
    folder = Path(__file__).resolve().parents[2]
    return Source(path=str(folder), editable=True) if (folder / "pyproject.toml").is_file() else None


def _repository(distribution: metadata.Distribution) -> Source | None:
    """`[project.urls]` of pyproject.toml."""
    for line in distribution.metadata.get_all("Project-URL") or ():
        label, _, url = line.partition(",")
        if re.sub(r"[\W_]", "", label).lower() in _REPOSITORY_LABELS:
            return parse_source(url.strip())
    return None


def _without_password(url: str) -> str:
    """The URL without a secret. `ssh://git@…` needs its name; over HTTP a name alone is a token."""
    match = _USER_INFO.match(url)
    if match is None or (match["scheme"].endswith("ssh") and ":" not in match["user"]):
        return url
    return f"{match['scheme']}://{url[match.end() :]}"
