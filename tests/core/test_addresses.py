"""What an address says: its host, and whether that is this machine."""

from __future__ import annotations

import pytest

from imagegen_nb.core.addresses import host_name, is_loopback


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("http://localhost:8321", True),
        ("http://127.0.0.1", True),
        ("http://[::1]/", True),
        ("http://127.evil.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://evil.example", False),
        ("http://localhost.evil.example", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(address, local):
    assert is_loopback(address) is local


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("https://API.example:8443/v1?x=1", "api.example"),
        ("https://user:password@host.example/", "host.example"),
        ("http://[::1]:80", "::1"),
        ("http://[::1", ""),
        ("host.example", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_address(address, host):
    assert host_name(address) == host
