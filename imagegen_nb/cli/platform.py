"""`imagegen-nb platform`: a step's images sent to the workflow platform, its form's values and wiring."""

from __future__ import annotations

from pathlib import Path

import click

from imagegen_nb.cli.app import CommandGroup
from imagegen_nb.cli.console import err, escape, out, print_json
from imagegen_nb.cli.outputs import replacing
from imagegen_nb.cli.parameters import PATH, json_option, step_file, store_option
from imagegen_nb.errors import InvalidOption


@click.group(cls=CommandGroup)
def platform() -> None:
    """Take a step to the workflow platform: send its images, fill in the form, wire and compare."""


_base_url = click.option(
    "--base-url",
    metavar="URL",
    help="The API's address, if not the platform's own; \"emulator\" needs no key.",
)
_identifier = click.option(
    "--identifier", metavar="ID", help="The step's name on the platform, by default the file's own: step_2."
)


@platform.command()
@step_file
@click.option("--workspace-id", metavar="UUID", help="The platform's workspace.")
@store_option
@_base_url
@click.option("--dry-run", is_flag=True, help="Say what would be sent; send and write nothing.")
@click.option("--emulated-too", is_flag=True, help="Send images that an emulator made as well.")
@json_option("Print the platform's records as JSON, with their whole addresses.")
def push(
    file: Path,
    workspace_id: str | None,
    store: str,
    base_url: str | None,
    dry_run: bool,
    emulated_too: bool,
    as_json: bool,
) -> None:
    """Upload the images of a step file as assets, and write their records into the file."""
    from imagegen_nb.platform.uploads import push as push_file

    report = push_file(
        file,
        workspace_id=workspace_id,
        store=store,
        base_url=base_url,
        dry_run=dry_run,
        emulated_too=emulated_too,
    )
    if not as_json:
        out().print(escape(repr(report)))
        return
    print_json(
        [
            {
                "path": f"output.assets.{one.index}",
                "outcome": one.outcome,
                "file_name": one.file_name,
                "file_size": one.size,
                "sha256": one.sha256,
                "asset": None if one.asset is None else one.asset.as_context(),
            }
            for one in report.images
        ]
    )


@platform.command()
@step_file
@_identifier
@click.option("--output", "-o", "target", type=PATH, metavar="SHEET.html", help="Write the sheet as a page.")
def sheet(file: Path, identifier: str | None, target: Path | None) -> None:
    """Print what to enter in the platform's form, in its order; or write it as a page with copy buttons."""
    from imagegen_nb.platform.copy_page import page_path
    from imagegen_nb.platform.setup_sheet import sheet as sheet_of

    setup = sheet_of(file, identifier=identifier)
    if target is None:
        click.echo(repr(setup))
    else:
        older = replacing(page_path(target))
        out().print(escape(f"wrote {setup.save(target)}{older}"), soft_wrap=True)


@platform.command()
@step_file
@_identifier
@click.option("--output", "-o", "target", type=PATH, metavar="WIRING.html", help="Write it as a page.")
@json_option("Print the snippets as JSON.")
def wiring(file: Path, identifier: str | None, target: Path | None, as_json: bool) -> None:
    """Print what to enter in later steps, tried against each way the step can end; or write it as a page."""
    from imagegen_nb.platform.copy_page import page_path
    from imagegen_nb.platform.snippets import wiring as wiring_of

    found = wiring_of(file, identifier=identifier)
    if target is not None:
        older = replacing(page_path(target))
        (err if as_json else out)().print(escape(f"wrote {found.save(target)}{older}"), soft_wrap=True)
    if as_json:
        print_json(found.as_dict())
    elif target is None:
        click.echo(repr(found))


@platform.command()
@step_file
@click.option("--deployment", required=True, metavar="NAME", help="The workflow's deployment.")
@click.option("--variant", default="", metavar="NAME", help="The deployment's variant.")
@_base_url
@click.option("--callback", is_flag=True, help="Wait for a signed callback: for a Human in the Loop.")
@click.option(
    "--callback-url", metavar="URL", help="The https address that leads to --listen; as --callback."
)
@click.option(
    "--listen",
    default="127.0.0.1:0",
    metavar="HOST:PORT",
    help="Where callbacks arrive here; 0: a free port.",
)
@click.option(
    "--seconds", type=click.FloatRange(min=1), default=600.0, help="How long the run is waited for, at most."
)
@json_option("Print the comparison as JSON.")
def verify(
    file: Path,
    deployment: str,
    variant: str,
    base_url: str | None,
    callback: bool,
    callback_url: str | None,
    listen: str,
    seconds: float,
    as_json: bool,
) -> None:
    """Run the deployed workflow with the file's inputs, and compare; costs what a run there costs."""
    from imagegen_nb.platform.callbacks import Callbacks
    from imagegen_nb.platform.deployment import verify as verify_file

    host, port = _host_and_port(listen)
    callbacks = Callbacks(callback_url, host=host, port=port) if callback or callback_url else None
    try:
        report = verify_file(
            file,
            deployment=deployment,
            variant=variant,
            base_url=base_url,
            callbacks=callbacks,
            seconds=seconds,
        )
    except KeyboardInterrupt as interrupt:
        for note in getattr(interrupt, "__notes__", ()):
            err().print(escape(note), soft_wrap=True)
        raise
    if as_json:
        print_json(report.as_dict())
    else:
        out().print(escape(repr(report)))
    if not report:
        raise SystemExit(1)


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise InvalidOption(f"--listen {text!r} is no HOST:PORT, such as 127.0.0.1:8443")
    return host.strip("[]"), int(port)
