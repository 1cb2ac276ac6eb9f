"""`imagegen-nb models`: the models, and what each can be set to."""

from __future__ import annotations

from typing import Any

import click

from imagegen_nb.cli.console import escape, out, print_json
from imagegen_nb.cli.parameters import completing, json_option, model_names
from imagegen_nb.cli.plain_table import PlainTable
from imagegen_nb.errors import InvalidOption


@click.command()
@click.argument(
    "model", required=False, shell_complete=completing(model_names), help="Show the settings of this one."
)
@json_option("Print the table as JSON.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print it as Markdown.")
def models(model: str | None, as_json: bool, as_markdown: bool) -> None:
    """List the models with their status, or the settings of one and the values they take."""
    from imagegen_nb.providers import catalog
    from imagegen_nb.step import model_table

    in_full = as_json or as_markdown or model is not None
    every = model_table.model_rows() if in_full else model_table.overview_rows()
    rows = [row for row in every if model in (None, row["model"])]
    if not rows:
        raise InvalidOption(f"{model!r} is not a known model: {catalog.listing(model)}")
    if as_json:
        print_json(rows)
    elif as_markdown:
        click.echo(model_table.markdown(rows), nl=False)
    elif in_full:
        _details(rows[0])
    else:
        _overview(rows)


def _overview(rows: list[dict[str, Any]]) -> None:
    table = PlainTable("model", "provider", "platform", "status", wrapped=["status"])
    for row in rows:
        status = row["status"] if row["status"] == "current" else f"[yellow]{escape(row['outlook'])}[/]"
        table.add_row(row["model"], row["provider"], "offered" if row["offered"] else "not offered", status)
    table.print()
    for row in rows:
        if row["successor"]:
            out().print(f"{row['model']}: {row['note']}; use {row['successor']}")


def _details(row: dict[str, Any]) -> None:
    _overview([row])
    table = PlainTable("key", "default", "values", wrapped=["values"])
    for key, setting in row["settings"].items():
        default = "" if setting["default"] is None else str(setting["default"])
        table.add_row(key, escape(default), escape(setting["values"]))
    table.print()
    for rule in row["rules"]:
        out().print(escape(rule))
    out().print(f"key: {row['key_variable']}   source: {row['source']}")
