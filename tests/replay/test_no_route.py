"""The canary of the lane without a network: it tries to get out, and must fail.

Whatever was replayed beside it then needed no network; were there a way out, this would find it.
"""

from __future__ import annotations

import errno
import os
import socket

import nbformat
import pytest

from imagegen_nb.notebooks.execute import execute

VARIABLE = "IMAGEGEN_NB_NO_ROUTE"
OUTSIDE = [
    (socket.AF_INET, "1.1.1.1"),
    (socket.AF_INET, "203.0.113.7"),
    (socket.AF_INET6, "2606:4700:4700::1111"),
]
NOWHERE = {errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""What the system says where it has no route; also without IPv6. A timeout would be no proof."""
CELL = "import socket\nsocket.create_connection(('1.1.1.1', 443), timeout=5)"

pytestmark = [
    pytest.mark.replay,
    pytest.mark.skipif(
        os.environ.get(VARIABLE) != "1",
        reason="the network is in reach: ./dev replay takes it away, if it can",
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the Jupyter packages
]


@pytest.mark.parametrize(("family", "address"), OUTSIDE)
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_nothing_gets_out(family, address, kind):
    with socket.socket(family, kind) as tried:
        tried.settimeout(5)
        assert tried.connect_ex((address, 443)) in NOWHERE


def test_no_name_is_looked_up():
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("api.openai.com", 443)


def test_a_cell_that_tries_to_get_out_fails(project):
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    assert execute(document, project) == f"OSError: [Errno {errno.ENETUNREACH}] Network is unreachable"


def test_this_machine_itself_is_there(emulator):
    """The kernels and the loopback lane need it."""
    host, _, port = emulator.url.removeprefix("http://").rpartition(":")
    socket.create_connection((host, int(port)), timeout=5).close()
