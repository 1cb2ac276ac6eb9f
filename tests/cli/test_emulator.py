"""`imagegen-nb emulator`."""

from __future__ import annotations

from support.command_line import CommandLine

from imagegen_nb.emulator import Emulator


def test_a_port_in_use_is_told_without_a_traceback(cli: CommandLine, emulator: Emulator) -> None:
    port = emulator.url.rpartition(":")[2]
    outcome = cli("emulator", "--port", port)
    assert outcome.code == 2
    assert f"--port {port} cannot be used" in outcome.err
    assert "Traceback" not in outcome.err
