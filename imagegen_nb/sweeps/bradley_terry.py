"""Scores out of comparisons of two: the Bradley–Terry model, with ties as Davidson (1970) has them.

Of things with the scores a and b, with d = a - b, the first is preferred with a chance in proportion to
exp(d / 2), the second to exp(-d / 2), and neither to exp(t): so a difference of 1 means odds of e to 1 where
somebody prefers one. Scores and t are those of greatest likelihood under a weak normal prior, which keeps the
score of what has won every time finite. The fit is concave, and Newton's method finds its one maximum.

Of the libraries, choix, evalica and arena-rank bring SciPy or more, and none gives ties and errors together.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import mul

PRIOR = 2.0
"""Standard deviation of a score before anything is compared: most are between -4 and 4."""
_TIES, _TIES_PRIOR = -1.0, 2.0
"""What t is before: a sixth of the comparisons of equals end in a tie, or a few, or most."""
_PRECISE = 1e-9
_ROUNDED = 1e-10
"""Of the likelihood, what its rounding may hide."""
_MOST_STEPS = 100


@dataclass(frozen=True, slots=True)
class Fit:
    """The scores, whose mean is 0, and their standard errors; `ties` is t."""

    scores: tuple[float, ...]
    errors: tuple[float, ...]
    ties: float
    _factors: list[list[float]] = field(repr=False)

    def error_between(self, first: int, second: int) -> float:
        """The standard error of the difference of two scores."""
        ours, theirs = self._factors[first], self._factors[second]
        return math.sqrt(sum((a - b) ** 2 for a, b in zip(ours, theirs, strict=True)))


def fit(count: int, comparisons: Iterable[tuple[int, int, int]]) -> Fit:
    """The scores of `count` things. A comparison is two of them by number, and 1 where the first was
    preferred, -1 where the second was, 0 where neither."""
    pairs: dict[tuple[int, int], list[int]] = {}
    for first, second, outcome in comparisons:
        low, high = min(first, second), max(first, second)
        results = pairs.setdefault((low, high), [0, 0, 0])
        results[1 + (outcome if first == low else -outcome)] += 1
    values = [0.0] * count + [_TIES]
    for _ in range(_MOST_STEPS):
        slope, curve = _derivatives(values, pairs)
        step = _solved(_cholesky(curve), slope)
        # Far from the maximum a whole step may go too far; near it nobody can tell, and it does not.
        size, before = 1.0, _likelihood(values, pairs)
        is_near = sum(map(mul, slope, step)) / 2 < _ROUNDED * (1 + abs(before))
        while True:
            moved = [value + size * change for value, change in zip(values, step, strict=True)]
            if is_near or size < _PRECISE or _likelihood(moved, pairs) >= before:
                break
            size /= 2
        values = moved
        if max(map(abs, step)) < _PRECISE:
            break
    columns = _inverted(_cholesky(_derivatives(values, pairs)[1]))
    # The likelihood says nothing of the mean of all scores, which is 0: what the prior does is taken off.
    of_mean = PRIOR**2 / count if count else 0.0
    errors = (math.sqrt(max(sum(map(mul, column, column)) - of_mean, 0.0)) for column in columns[:count])
    return Fit(tuple(values[:count]), tuple(errors), values[count], columns)


def _chances(difference: float, ties: float) -> tuple[float, float, float, float]:
    """The chances of the second, of neither, of the first; and the logarithm of their common part."""
    exponents = (-difference / 2, ties, difference / 2)
    highest = max(exponents)
    weights = [math.exp(exponent - highest) for exponent in exponents]
    total = sum(weights)
    second, neither, first = (weight / total for weight in weights)
    return second, neither, first, highest + math.log(total)


def _likelihood(values: Sequence[float], pairs: dict[tuple[int, int], list[int]]) -> float:
    """Its logarithm, with the prior's."""
    *scores, ties = values
    found = -sum(score**2 for score in scores) / (2 * PRIOR**2)
    found -= (ties - _TIES) ** 2 / (2 * _TIES_PRIOR**2)
    for (low, high), (second, neither, first) in pairs.items():
        difference = scores[low] - scores[high]
        common = _chances(difference, ties)[3]
        found += (first - second) * difference / 2 + neither * ties - (first + second + neither) * common
    return found


def _derivatives(
    values: Sequence[float], pairs: dict[tuple[int, int], list[int]]
) -> tuple[list[float], list[list[float]]]:
    """The slope of the likelihood, and the negative of its second derivatives."""
    *scores, ties = values
    last = len(scores)
    slope = [-score / PRIOR**2 for score in scores] + [-(ties - _TIES) / _TIES_PRIOR**2]
    curve = [[0.0] * (last + 1) for _ in range(last + 1)]
    for place in range(last):
        curve[place][place] = 1 / PRIOR**2
    curve[last][last] = 1 / _TIES_PRIOR**2
    for (low, high), (second, neither, first) in pairs.items():
        number = first + second + neither
        lose, tie, win, _ = _chances(scores[low] - scores[high], ties)
        mean = (win - lose) / 2
        pull = (first - second) / 2 - number * mean
        slope[low] += pull
        slope[high] -= pull
        slope[last] += neither - number * tie
        spread, shared = number * ((win + lose) / 4 - mean**2), -number * mean * tie
        curve[low][low] += spread
        curve[high][high] += spread
        curve[high][low] -= spread  # the half below the diagonal is enough
        curve[last][low] += shared
        curve[last][high] -= shared
        curve[last][last] += number * tie * (1 - tie)
    return slope, curve


def _cholesky(matrix: list[list[float]]) -> list[list[float]]:
    """The lower triangle whose product with its mirror image is the matrix, given by its lower half."""
    lower: list[list[float]] = []
    for row, given in enumerate(matrix):
        line: list[float] = []
        for column in range(row):
            rest = given[column] - sum(map(mul, line, lower[column]))
            line.append(rest / lower[column][column])
        line.append(math.sqrt(given[row] - sum(map(mul, line, line))))
        lower.append(line)
    return lower


def _solved(lower: list[list[float]], right: Sequence[float]) -> list[float]:
    """What the matrix of this triangle makes `right` of."""
    middle: list[float] = []
    for line, value in zip(lower, right, strict=True):
        middle.append((value - sum(map(mul, line, middle))) / line[-1])
    found = middle
    for row in reversed(range(len(lower))):
        found[row] /= lower[row][row]
        for column in range(row):
            found[column] -= lower[row][column] * found[row]
    return found


def _inverted(lower: list[list[float]]) -> list[list[float]]:
    """The columns of the triangle's inverse, each in full: the products of two are the covariances."""
    size, columns = len(lower), list[list[float]]()
    for start in range(size):
        column = [1 / lower[start][start]]
        for row in range(start + 1, size):
            column.append(-sum(map(mul, lower[row][start:row], column)) / lower[row][row])
        columns.append([0.0] * start + column)
    return columns
