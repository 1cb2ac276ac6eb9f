"""`imagegen-nb emulator`: the three providers' API on this machine, without a key."""

from __future__ import annotations

import click

from imagegen_nb.cli.console import err, print_json
from imagegen_nb.cli.parameters import json_option
from imagegen_nb.errors import InvalidOption


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8321, help="The port on 127.0.0.1; 0 takes a free one."
)
@click.option(
    "--latency", type=click.FloatRange(min=0), default=0.0, help="How long each request takes, in seconds."
)
@click.option("--retired", is_flag=True, help="Answer 404 for models that new keys do not get.")
@json_option("Print the address as JSON.")
def emulator(port: int, latency: float, retired: bool, as_json: bool) -> None:
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
        err().print(f"emulating OpenAI, xAI and Gemini on {server.url}; Ctrl-C stops it", soft_wrap=True)
        err().print(f'  use it: Workspace("assets", backend="{server.url}")', soft_wrap=True)
        server.serve_forever()
        return
    raise InvalidOption(f"--port {port} cannot be used: {reason}. Choose another, or 0 for a free one")
