"""`imagegen-nb scan`: find providers' keys in files before they are committed or sent."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from imagegen_nb.cli.console import escape, fail, out, print_json
from imagegen_nb.cli.parameters import PATH, json_option


@click.command()
@click.argument("paths", type=PATH, nargs=-1, required=True, metavar="PATH...", help="Files and folders.")
@json_option("Print the findings as JSON.")
def scan(paths: tuple[Path, ...], as_json: bool) -> None:
    """Find keys in files of all kinds; exit with 1 when there is one, with 2 when a file cannot be read."""
    from imagegen_nb.core.words import counted
    from imagegen_nb.providers.catalog import keys_in_use
    from imagegen_nb.secret_scan.scan import scan as scan_paths

    report = scan_paths(paths, keys_in_use())
    if as_json:
        findings = [asdict(finding) for finding in report.findings]
        print_json({"files": report.files, "findings": findings, "unread": list(report.unread)})
    else:
        for finding in report.findings:
            out().print(escape(str(finding)))
        for reason in report.unread:
            fail(f"not searched: {reason}")
        if not report.findings and not report.unread:
            out().print(f"no key in {counted(report.files, 'file')}")
    if report.findings:
        if not as_json:
            fail("revoke these keys where they were issued: what has been written down may have been read")
        raise SystemExit(1)
    if report.unread:
        raise SystemExit(2)
