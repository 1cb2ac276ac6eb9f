"""The scores: what is known of simple cases, and of truths that were drawn and then compared."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.sweeps import bradley_terry
from imagegen_nb.sweeps.bradley_terry import fit

RESULTS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([-1, 0, 1])).filter(
        lambda one: one[0] != one[1]
    ),
    max_size=40,
)


def compared(truth: list[float], rounds: int, seed: int, ties: float = -1.0) -> list[tuple[int, int, int]]:
    """Every two compared so many times, as the model says."""
    dice, found = random.Random(seed), []
    for first, second in itertools.combinations(range(len(truth)), 2):
        lose, tie, win, _ = bradley_terry._chances(truth[first] - truth[second], ties)
        found += [
            (first, second, outcome) for outcome in dice.choices([-1, 0, 1], [lose, tie, win], k=rounds)
        ]
    return found


@settings(max_examples=25)
@given(
    st.lists(st.floats(-2.5, 2.5), min_size=3, max_size=8),
    st.floats(-2, 0.5),
    st.integers(0, 2**32),
)
def test_it_finds_the_truth_that_was_compared(truth, ties, seed):
    found = fit(len(truth), compared(truth, 60, seed, ties))
    mean = sum(truth) / len(truth)
    for score, error, true in zip(found.scores, found.errors, truth, strict=True):
        assert abs(score - (true - mean)) < 5 * error + 0.1  # the prior draws extremes in a little
        assert 0 < error < 1
    for first, second in itertools.permutations(range(len(truth)), 2):
        if found.scores[first] - found.scores[second] > 5 * found.error_between(first, second) + 0.1:
            assert truth[first] > truth[second]
    assert abs(found.ties - ties) < 1.5


def test_the_errors_are_as_large_as_they_say():
    """Of many repetitions two thirds are within one error of the truth, nineteen of twenty within two."""
    truth, ratios = [-1.5, -0.5, 0.5, 1.5], []
    for seed in range(150):
        found = fit(4, compared(truth, 25, seed))
        ratios += [abs(s - t) / e for s, t, e in zip(found.scores, truth, found.errors, strict=True)]
        ratios.append(abs(found.scores[3] - found.scores[0] - 3) / found.error_between(0, 3))
    assert 0.62 < sum(ratio < 1 for ratio in ratios) / len(ratios) < 0.75
    assert 0.92 < sum(ratio < 2 for ratio in ratios) / len(ratios) < 0.98


@given(RESULTS, st.permutations(range(6)))
def test_neither_order_nor_side_nor_number_matters(results, names):
    found = fit(6, results)
    turned = [(second, first, -outcome) for first, second, outcome in reversed(results)]
    renamed = [(names[first], names[second], outcome) for first, second, outcome in turned]
    again = fit(6, renamed)
    for place in range(6):
        assert math.isclose(found.scores[place], again.scores[names[place]], abs_tol=1e-6)
        assert math.isclose(found.errors[place], again.errors[names[place]], abs_tol=1e-6)
    assert abs(sum(found.scores)) < 1e-6


@given(RESULTS)
def test_it_is_the_maximum(results):
    found = fit(6, results)
    pairs: dict[tuple[int, int], list[int]] = {}
    for first, second, outcome in results:
        counts = pairs.setdefault((first, second), [0, 0, 0])
        counts[1 + outcome] += 1
    values = [*found.scores, found.ties]
    best = bradley_terry._likelihood(values, pairs)
    for place, change in itertools.product(range(7), (-0.01, 0.01)):
        moved = [value + change * (place == other) for other, value in enumerate(values)]
        assert bradley_terry._likelihood(moved, pairs) < best


def test_one_more_win_moves_a_score_up_and_one_more_comparison_its_error_down():
    few, more = fit(3, [(0, 1, 1), (1, 2, 1)]), fit(3, [(0, 1, 1), (1, 2, 1), (0, 2, 1)])
    assert more.scores[0] > few.scores[0] > few.scores[1] > few.scores[2]
    assert more.error_between(0, 2) < few.error_between(0, 2)


def test_what_has_won_every_time_or_never_met_the_others_stays_finite():
    found = fit(4, [(0, 1, 1)] * 200 + [(2, 3, 1)] * 200)
    assert 2 < found.scores[0] < 10
    assert found.error_between(0, 2) > 1  # nobody knows which of the two winners is better


def test_nothing_compared_and_nothing_there():
    assert fit(0, []).scores == ()
    found = fit(2, [])
    assert found.scores == (0.0, 0.0)
    assert found.errors == pytest.approx([math.sqrt(2)] * 2)


def test_only_ties_say_that_all_are_equal():
    found = fit(3, [(0, 1, 0), (1, 2, 0), (0, 2, 0)] * 10)
    assert found.scores == pytest.approx([0, 0, 0], abs=1e-6)
    assert found.ties > 1


def test_many_are_ranked():
    dice = random.Random(1)
    results = []
    for _ in range(600):
        first, second = dice.sample(range(200), 2)
        results.append((first, second, 1 if first < second else -1))
    found = fit(200, results)
    assert sum(found.scores[:100]) > sum(found.scores[100:])


def test_many_things_take_no_more_steps_than_few(monkeypatch):
    """Near its greatest value a sum of thousands of logarithms is rounded by more than a step adds to it."""
    dice, solved = random.Random(1), []
    said = [(*dice.sample(range(300), 2), dice.choice((1, 0, -1))) for _ in range(900)]
    cholesky = bradley_terry._cholesky
    monkeypatch.setattr(bradley_terry, "_cholesky", lambda matrix: (solved.append(1), cholesky(matrix))[1])
    fit(300, said)
    assert len(solved) <= 20
