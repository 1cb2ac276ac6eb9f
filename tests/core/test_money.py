"""Amounts: read strictly, shown without becoming zero, and exact as ticks."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagegen_nb.core import money
from imagegen_nb.errors import InvalidOption

AMOUNTS = st.integers(1, 10**18).map(money.from_ticks)


@pytest.mark.parametrize("written", ["2.00 USD", "2", "$2", "USD 2.0", "2 usd", " 2$ ", 2, Decimal(2)])
def test_how_dollars_may_be_written(written):
    assert money.parse(written, "budget") == 2


@pytest.mark.parametrize(
    "amount", [Decimal(10).normalize(), Decimal(5) / Decimal("0.5") ** 2, Decimal("1E-10")]
)
def test_a_decimal_counts_however_it_writes_itself(amount):
    assert money.parse(amount, "budget") == amount


@pytest.mark.parametrize(
    "amount", [Decimal("1E+400"), Decimal("1E-11"), Decimal("-1E+1"), Decimal("Infinity")]
)
def test_a_decimal_that_is_no_amount_of_money_is_refused(amount):
    with pytest.raises(InvalidOption, match="budget = "):
        money.parse(amount, "budget")


@pytest.mark.parametrize(
    "written", ["", "2 EUR", "€2", "2,00", "-2", "0", 0, 2.0, True, None, "1e3", Decimal("NaN")]
)
def test_what_is_no_amount_is_refused_by_name(written):
    with pytest.raises(InvalidOption, match="budget = "):
        money.parse(written, "budget")


@settings(max_examples=100)
@given(AMOUNTS)
def test_ticks_are_exact_and_amounts_are_never_shown_as_zero(amount):
    assert money.from_ticks(money.to_ticks(amount)) == amount
    assert money.show(amount) not in ("$0.00", "$0.0000")


@settings(max_examples=100)
@given(AMOUNTS)
def test_what_is_between_two_ticks_counts_as_the_upper(amount):
    assert money.to_ticks(amount - Decimal("1e-12")) == money.to_ticks(amount)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.05", "$0.05"),
        ("0.0527", "$0.0527"),
        ("1234.5", "$1,234.50"),
        ("0.00001", "under $0.0001"),
        ("0", "$0.00"),
    ],
)
def test_how_amounts_are_shown(amount, shown):
    assert money.show(Decimal(amount)) == shown


def test_a_range_whose_ends_look_alike_is_one_amount():
    assert money.show_range(Decimal("0.05271"), Decimal("0.05272")) == "$0.0527"
    assert money.show_range(Decimal("0.05"), Decimal("0.06")) == "$0.05–0.06"
