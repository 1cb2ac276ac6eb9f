"""What a web address says about where it leads."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def host_name(url: str) -> str:
    """The host of `url`, without its port; empty for text that is no address."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def is_loopback(url: str) -> bool:
    """Whether `url` names this machine itself."""
    host = host_name(url)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
