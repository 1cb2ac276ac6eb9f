"""A network on loopback: an authority nobody trusts yet, a server for all providers, a proxy to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.network import HOSTS, Authority, Server, all_providers, served, tunnel_to

from imagegen_nb.emulator import Emulator


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def origin(emulator: Emulator, authority: Authority) -> Iterator[Server]:
    """Stands at every provider's host, with a certificate of `authority`."""
    with served(all_providers(emulator.url), authority.server(*HOSTS)) as server:
        yield server


@pytest.fixture
def proxy(origin: Server) -> Iterator[Server]:
    """Opens every way, and each ends at `origin`."""
    with served(tunnel_to(origin)) as server:
        yield server
