"""What is measured: a case is one task that several contenders do, each in a process of its own.

Contenders take turns, A B C A B C, so that a machine that is busy for a while slows all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Role = Literal["ours", "peer", "floor"]
"""`floor` is the least that a program written by hand for this one task has to do."""

Metrics = dict[str, float]
"""What one turn of a contender measured, by name: `cpu_ms`, `wall_ms`, `peak_mb`, …"""

GROWTH = "growth"
"""An aim over the figure at the smallest size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one turn of a contender is given. `folder` is empty and its own; `size` is the N of a case that
    grows; `shared` is kept between turns, for what takes long to make."""

    server: str
    folder: Path
    shared: Path
    repeats: int
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """One way to do a case's task: a function `module:name`, or a program whose whole process is measured.

    A function gets a `Setting` and `arguments`, and returns `Metrics`. `environment` is where it runs.
    """

    name: str
    role: Role
    function: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    program: tuple[str, ...] = ()
    environment: Literal["ours", "peers"] = "ours"


@dataclass(frozen=True, slots=True)
class Aim:
    """What our figure should at most be: `most` times that of the contender `over`, or `most` itself."""

    most: float
    over: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: a metric of a case, at its largest size; where it `grows`, at the smallest too.

    `ours` is the contender that the line is about, `base` the one whose figure is the 1 of the ratio: by
    default the first that is not ours.
    """

    what: str
    metric: str
    unit: str
    aims: tuple[Aim, ...] = ()
    ours: str = "ours"
    base: str | None = None
    grows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task, who does it, and what is told of it. `name` starts with its row's; `row` is the issue's number.

    `sizes` are the Ns of a task that grows with something; what is counted is named by `counted`.
    """

    row: int
    name: str
    contenders: tuple[Contender, ...]
    figures: tuple[Figure, ...]
    sizes: tuple[int, ...] = (0,)
    counted: str = ""
    rounds: int = 5
    repeats: int = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured: all of it, or so little that it only shows that everything runs."""

    short: bool

    def pick(self, short: Any, long: Any) -> Any:
        """The value for this scale."""
        return short if self.short else long
