"""Row 10: commands of the command line that call nobody, whole processes."""

from __future__ import annotations

from benchmarks.cases import Aim, Case, Contender, Figure, Scale
from benchmarks.environments import ROOT

_STEP = ROOT / "benchmarks" / "hero.step.json"
_BARE = "bare interpreter"
_MOST = 12.0
_ONE_COMMAND = """\
import click
@click.command()
@click.argument("number", type=int)
def command(number: int) -> None: ...
command()
"""


def cases(scale: Scale) -> list[Case]:
    """One case, so that all of them take turns."""
    commands = {
        "--help": ("--help",),
        "validate": ("validate", str(_STEP)),
        "models": ("models",),
    }
    main = "import sys; from imagegen_nb.cli import main; sys.argv[0] = 'imagegen-nb'; main()"
    return [
        Case(
            row=10,
            name="command_line",
            contenders=(
                *(
                    Contender(name=name, role="ours", program=("-c", main, *arguments))
                    for name, arguments in commands.items()
                ),
                Contender(name=_BARE, role="floor", program=("-c", "pass")),
                Contender(
                    name="click, a call of one command", role="floor", program=("-c", _ONE_COMMAND, "3")
                ),
            ),
            figures=tuple(
                Figure(
                    what=f"imagegen-nb {name}, CPU",
                    metric="cpu_ms",
                    unit="ms",
                    ours=name,
                    base=_BARE,
                    aims=(Aim(_MOST, _BARE),),
                )
                for name in commands
            ),
            rounds=scale.pick(1, 9),
        )
    ]
