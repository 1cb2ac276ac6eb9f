"""`imagegen-nb emulator`: the three providers' API on this machine, without a key."""

from __future__ import annotations

from typing import Annotated

import typer

from imagegen_nb.cli.console import app, err, print_json
from imagegen_nb.errors import InvalidOption


@app.command()
def emulator(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one.")
    ] = 8321,
    latency: Annotated[float, typer.Option(min=0, help="Seconds each request takes.")] = 0.0,
    retired: Annotated[
        bool, typer.Option("--retired", help="Answer 404 for models that new keys do not get.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Serve the emulator of all three providers on this machine until interrupted."""
    from imagegen_nb.emulator import Emulator

    server = Emulator(port=port, latency=latency, retired=retired)
    try:
        server.start()
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        if as_json:
            print_json({"url": server.url})
        err().print(f"emulating OpenAI, xAI and Gemini on {server.url}; Ctrl-C stops it")
        err().print(f'  use it: Workspace("assets", backend="{server.url}")')
        server.serve_forever()
        return
    raise InvalidOption(f"--port {port} cannot be used: {reason}. Choose another, or 0 for a free one")
