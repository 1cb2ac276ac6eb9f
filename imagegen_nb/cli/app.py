"""The commands there are, and how they are listed; each stands in the file of its name."""

from __future__ import annotations

import importlib

import click
from click.exceptions import NoSuchCommand

from imagegen_nb._version import __version__
from imagegen_nb.cli import examples

_COMMANDS = (
    "demo",
    "doctor",
    "lab",
    "emulator",
    "run",
    "estimate",
    "init",
    "migrate",
    "models",
    "paths",
    "record",
    "scan",
    "schema",
    "sweep",
    "validate",
    "cassettes",
    "runs",
    "store",
    "platform",
)
_EPILOG = """\
\b
Examples:
  imagegen-nb demo                                       see it work, without a key
  imagegen-nb run hero.step.json -i product="a bottle" --backend emulator
  imagegen-nb init                                       begin a repository; it asks nothing
\b
Exit codes: 0 done, 1 a step failed or something was found, 2 something given was wrong, 130 interrupted.
\b
Completion in the shell (bash here; zsh and fish likewise), in your ~/.bashrc:
  eval "$(_IMAGEGEN_NB_COMPLETE=bash_source imagegen-nb)"
"""
_WIDEST_HELP = 100
"""Columns; a narrower window is filled."""
_LONGEST_SENTENCE = 500


class CommandGroup(click.Group):
    """Commands that are listed with the whole sentence each says of itself, not cut at the line's end."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in the order in which they were declared."""
        return list(self.commands)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, with its examples."""
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            examples.add_to(command, f"{self.name} {cmd_name}")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands into the help."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, command.get_short_help_str(_LONGEST_SENTENCE))
                    for name, command in commands
                    if command is not None
                ]
            )


class _Commands(CommandGroup):
    """Commands that are imported when they are asked for: a call of one does not wait for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:  # click looks for the nearest among those that are imported
            raise NoSuchCommand(error.command_name, possibilities=_COMMANDS, ctx=ctx) from None

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"{__package__}.{cmd_name}"), cmd_name)
        examples.add_to(command, cmd_name)
        return command


@click.group(
    name="imagegen-nb",
    cls=_Commands,
    context_settings={"max_content_width": _WIDEST_HELP, "show_default": True},
    help="Run, check and export Image Generation steps.",
    epilog=_EPILOG,
)
@click.version_option(__version__, message="%(version)s", help="Print the version and exit.")
def app() -> None:
    """Run, check and export Image Generation steps."""
