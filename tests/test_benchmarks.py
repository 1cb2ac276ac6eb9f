"""The benchmark runs, every case of it, and measures numbers; its table says of them what is so.

What the numbers are is nobody's business here.
"""

from __future__ import annotations

import subprocess
import sys

import pytest
from support.project import ROOT

from benchmarks import report, rows
from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure, Scale
from benchmarks.rounds import Result
from benchmarks.table import curves, lines, number, ratios


@pytest.mark.notebooks
def test_every_case_runs_and_yields_finite_figures() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--short"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = {int(cell) for line in done.stdout.splitlines() if (cell := line[1:5].strip()).isdecimal()}
    assert shown == {*range(1, 12)}


def result(figure: Figure, sizes: tuple[int, ...] = (0,), **values: list[list[float]]) -> Result:
    """For each contender, by size, what its turns measured."""
    roles = {"ours": "ours", "peer": "peer", "floor": "floor"}
    contenders = tuple(Contender(name=name, role=roles[name]) for name in roles)
    case = Case(row=6, name="case", contenders=contenders, figures=(figure,), sizes=sizes, counted="things")
    turns = {
        name: {size: [{"ms": value} for value in each] for size, each in zip(sizes, of_sizes, strict=True)}
        for name, of_sizes in values.items()
    }
    return Result(case, turns)


def figure(*aims: Aim, grows: bool = False) -> Figure:
    return Figure(what="task", metric="ms", unit="ms", aims=aims, grows=grows)


def test_a_line_shows_medians_their_ratio_and_whether_the_aims_are_met() -> None:
    measured = result(figure(Aim(0.5, "peer"), Aim(3)), ours=[[1, 2, 90]], peer=[[4, 4, 5]], floor=[[1]])
    (line,) = lines([measured])
    assert line.cells() == (
        "6", "task", "2.00 ms", "peer 4.00 ms", "floor 1.00 ms", "0.50 × peer", "≤ 0.5 × peer, ≤ 3 ms", "yes"
    )  # fmt: skip
    assert ratios([measured]) == [("task", "peer", 0.5, 0.5)]


@pytest.mark.parametrize(
    ("aims", "verdict"),
    [
        ((), ""),
        ((Aim(2),), "yes"),
        ((Aim(1.9),), "**no**"),
        ((Aim(2), Aim(0.4, "peer")), "**no**"),
        ((Aim(2), Aim(0.4, "left out")), ""),
    ],
)
def test_an_aim_is_met_missed_or_not_judged(aims: tuple[Aim, ...], verdict: str) -> None:
    (line,) = lines([result(figure(*aims), ours=[[2]], peer=[[4]])])
    assert line.met == verdict


def test_growth_is_the_largest_over_the_smallest() -> None:
    grown = figure(Aim(1.5, GROWTH), grows=True)
    measured = result(grown, (10, 100, 1000), ours=[[2], [9], [4]], floor=[[1], [1], [1]])
    (line,) = lines([measured])
    assert (line.ours, line.ratio, line.met) == ("2.00 → 4.00 ms", "2.00 × grown", "**no**")
    assert ratios([measured]) == []
    ((_, unit, counted, values, ours),) = curves([measured])
    assert (unit, counted, ours) == ("ms", "things", "ours")
    assert values["ours"] == {"10": 2, "100": 9, "1000": 4}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (0.0042, "0.004"), (0.5, "0.50"), (9.99, "9.99"), (31.26, "31.3"), (3373.2, "3,373")],
)
def test_numbers_have_about_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_every_figure_names_what_its_case_has() -> None:
    for case in rows.cases(Scale(short=False)):
        names = {each.name for each in case.contenders}
        for each in case.figures:
            others = {aim.over for aim in each.aims} - {None, GROWTH}
            assert {each.ours, each.base or each.ours, *others} <= names, (case.name, each.what)
            assert not each.grows or len(case.sizes) > 1


def test_the_document_has_a_place_for_what_is_measured() -> None:
    text = report.DOCUMENT.read_text(encoding="utf-8")
    assert text.index(report.BEGIN) < text.index(report.END)
