"""The lines of the table: our figure, those of peers and floor, the ratio, the aim, is it met."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.cases import GROWTH, Aim, Case, Contender, Figure
from benchmarks.rounds import Result

HEADINGS = ("#", "what", "ours", "peers", "floor", "ratio", "aim", "met")


@dataclass(frozen=True, slots=True)
class Line:
    """One line as text, by column."""

    row: int
    what: str
    ours: str
    peers: str
    floor: str
    ratio: str
    aim: str
    met: str

    def cells(self) -> tuple[str, ...]:
        """In the order of `HEADINGS`."""
        return (
            str(self.row), self.what, self.ours, self.peers, self.floor, self.ratio, self.aim, self.met
        )  # fmt: skip


def lines(results: list[Result]) -> list[Line]:
    """A line for each figure of each case."""
    return [_line(result, figure) for result in results for figure in result.case.figures]


def _line(result: Result, figure: Figure) -> Line:
    case = result.case
    shown = {each.name: _shown(result, figure, each.name) for each in case.contenders}
    met = [_is_met(result, figure, aim) for aim in figure.aims]
    verdict = "" if not figure.aims or None in met else "yes" if all(met) else "**no**"
    return Line(
        row=case.row,
        what=figure.what,
        ours=shown.get(figure.ours, ""),
        peers=_others(case, "peer", shown),
        floor=_others(case, "floor", shown),
        ratio=_ratio(result, figure),
        aim=", ".join(_aim_in_words(figure, aim) for aim in figure.aims),
        met=verdict,
    )


def _others(case: Case, role: str, shown: dict[str, str]) -> str:
    those = [each for each in case.contenders if each.role == role and shown[each.name]]
    return "; ".join(f"{each.name} {shown[each.name]}" for each in those)


def _sizes(case: Case, figure: Figure) -> tuple[int, ...]:
    if figure.grows:
        return (case.sizes[0], case.sizes[-1])
    return (case.sizes[-1],)


def _values(result: Result, figure: Figure, contender: str) -> list[float]:
    found = [result.median(contender, size, figure.metric) for size in _sizes(result.case, figure)]
    return [value for value in found if value is not None]


def _shown(result: Result, figure: Figure, contender: str) -> str:
    values = _values(result, figure, contender)
    return f"{' → '.join(map(number, values))} {figure.unit}".strip() if values else ""


def number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}"


def base_of(case: Case, figure: Figure) -> Contender | None:
    """The contender whose figure is the 1 of the ratio."""
    those = [each for each in case.contenders if each.role != "ours"]
    return next((each for each in those if figure.base in (None, each.name)), None)


def _ratio(result: Result, figure: Figure) -> str:
    values = _values(result, figure, figure.ours)
    if figure.grows:
        return f"{number(values[-1] / values[0])} × grown" if len(values) > 1 and values[0] else ""
    base = base_of(result.case, figure)
    below = _values(result, figure, base.name) if base else []
    return f"{number(values[0] / below[0])} × {base.name}" if base and values and below and below[0] else ""


def _aim_in_words(figure: Figure, aim: Aim) -> str:
    if aim.over == GROWTH:
        return f"≤ {aim.most:g} × grown"
    return f"≤ {aim.most:g} × {aim.over}" if aim.over else f"≤ {aim.most:g} {figure.unit}".strip()


def _is_met(result: Result, figure: Figure, aim: Aim) -> bool | None:
    """None where it was not measured, as with a peer that was left out."""
    values = _values(result, figure, figure.ours)
    if not values:
        return None
    if aim.over is None:
        return values[-1] <= aim.most
    if aim.over == GROWTH:
        return values[-1] <= aim.most * values[0]
    others = _values(result, figure, aim.over)
    return values[-1] <= aim.most * others[-1] if others else None


def ratios(results: list[Result]) -> list[tuple[str, str, float, float | None]]:
    """What is drawn of each line that has a ratio: what, over whom, how much, and the aim over the same."""
    found = []
    for result in results:
        for figure in result.case.figures:
            base = None if figure.grows else base_of(result.case, figure)
            ours = _values(result, figure, figure.ours)
            theirs = _values(result, figure, base.name) if base else []
            if base and ours and theirs and ours[0] and theirs[0]:
                aim = next((aim.most for aim in figure.aims if aim.over == base.name), None)
                found.append((figure.what, base.name, ours[0] / theirs[0], aim))
    return found


def curves(results: list[Result]) -> list[tuple[str, str, str, dict[str, dict[str, float]], str]]:
    """What is drawn of each figure over the sizes of its case."""
    found = []
    for result in results:
        case = result.case
        for figure in (each for each in case.figures if each.grows):
            shown = [each.name for each in case.contenders if each.role != "ours" or each.name == figure.ours]
            values = {name: _by_size(result, figure, name) for name in shown}
            values = {name: sizes for name, sizes in values.items() if sizes}
            found.append((figure.what, figure.unit, case.counted, values, figure.ours))
    return found


def _by_size(result: Result, figure: Figure, contender: str) -> dict[str, float]:
    medians = {size: result.median(contender, size, figure.metric) for size in result.case.sizes}
    return {str(size): value for size, value in medians.items() if value is not None}
