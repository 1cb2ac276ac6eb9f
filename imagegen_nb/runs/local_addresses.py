"""Addresses in a prompt that only this machine or network can open: a live provider gets them as mere words.

An image kept locally has a `file://` address, so `{{step_2.output.assets.0.file_url}}` in a later prompt says
nothing to a provider; on the platform the same path is an address on the web. Nothing is refused, since
a prompt may speak of such an address. The notes name variables and never values, which differ by machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from imagegen_nb.core import variables

_ENDINGS = r"\.(?:png|jpe?g|webp|gif|svg|bmp|tiff?|heic|avif|psd|pdf)"
BUCKET = "an address of a bucket"
_SCHEMES = {
    "a file:// address": re.compile(r"\bfile:/", re.IGNORECASE),
    "a data: address": re.compile(
        r"\bdata:[a-z]{2,20}/[a-z0-9.+-]{1,40}(?:;[a-z0-9=._-]{1,40}){0,3},", re.IGNORECASE
    ),
    "an address inside a notebook or browser": re.compile(
        r"\b(?:blob:https?:|attachment:\S|sandbox:/)", re.IGNORECASE
    ),
    BUCKET: re.compile(r"\b(?:s3a?|gs|azure|az|abfss?|adl|memory)://", re.IGNORECASE),
    "an address of a simulated run": re.compile(r"\bsimulated:///"),
}
_WEB = re.compile(r"\bhttps?://[^\s\"'<>(){}|\\^`]+", re.IGNORECASE)
_WITHOUT_SCHEME = re.compile(
    r"(?<![\w./-])(?:localhost(?::\d{1,5})?|127(?:\.\d{1,3}){3}(?::\d{1,5})?)/", re.IGNORECASE
)
_PATH = re.compile(
    r"(?:^|(?<=[\s\"'`(\[<,]))(?:(?:~|\.{1,2})?/|~\\|\.{1,2}\\|[A-Za-z]:[\\/]|\\\\)"
    rf"[^\s\"'`<>|*?]*{_ENDINGS}\b",
    re.IGNORECASE | re.MULTILINE,
)
_WHOLE_PATH = re.compile(
    rf"(?:[^/\\\n:,;?!]{{0,255}}[/\\]){{1,60}}[^/\\\n:,;?!]{{1,255}}{_ENDINGS}", re.IGNORECASE
)
"""A value that is nothing but a path, which may be relative and hold spaces."""
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")
_LOCAL_NAMES = ("localhost", "local", "internal", "lan", "home.arpa")
_THIS_MACHINE = "an address of this machine"
_THIS_NETWORK = "an address of the local network"
_FILE = "a path on this machine"
_MOST_NAMED = 5


def notes(template: str, values: Mapping[str, Any], prompt: str, provider: str) -> list[str]:
    """What of `prompt`, which is `template` filled with `values`, the provider cannot open; for people."""
    found = {
        path: kinds(variables.render(f"{{{{{path}}}}}", values), whole=True)
        for path in variables.paths(template)
    }
    by_kind: dict[str, list[str]] = {}
    for path, inside in found.items():
        for kind in inside:
            by_kind.setdefault(kind, []).append(f"{{{{{path}}}}}")
    for kind in kinds(prompt):
        by_kind.setdefault(kind, ["the prompt"])
    return [_note(kind, holders, provider) for kind, holders in by_kind.items()]


def _note(kind: str, holders: list[str], provider: str) -> str:
    named = ", ".join(holders[:_MOST_NAMED])
    more = len(holders) - _MOST_NAMED
    named += f" and {more} more" if more > 0 else ""
    verb = "holds" if len(holders) == 1 else "hold"
    return f"{named} {verb} {kind}: {provider} cannot open it and reads it as words"


def kinds(text: str, *, whole: bool = False) -> tuple[str, ...]:
    """The kinds of local address in `text`, each once; `whole` says that it is a variable's whole value."""
    found = [kind for kind, pattern in _SCHEMES.items() if pattern.search(text)]
    found += filter(None, map(_host_kind, dict.fromkeys(_WEB.findall(text))))
    if _WITHOUT_SCHEME.search(text):
        found.append(_THIS_MACHINE)
    bare = text.strip()
    if _PATH.search(text) or (whole and "://" not in bare and _WHOLE_PATH.fullmatch(_DRIVE.sub("", bare, 1))):
        found.append(_FILE)
    return tuple(dict.fromkeys(found))


def _host_kind(address: str) -> str:
    """What kind of local address a web address is; empty for one that is on the web."""
    try:
        host = (urlsplit(address).hostname or "").rstrip(".")
    except ValueError:
        return ""
    try:
        number = ip_address(host.partition("%")[0])
    except ValueError:
        return _name_kind(host)
    if number.is_loopback or number.is_unspecified:
        return _THIS_MACHINE
    return _THIS_NETWORK if number.is_private or number.is_link_local else ""


def _name_kind(host: str) -> str:
    labels = host.split(".")
    if labels[-1] == "localhost" or (labels[0] == "127" and all(label.isdecimal() for label in labels)):
        return _THIS_MACHINE
    if host.endswith(tuple(f".{name}" for name in _LOCAL_NAMES)) or (host and len(labels) == 1):
        return _THIS_NETWORK
    return ""
