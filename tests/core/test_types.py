"""The values that travel: usage that adds up without inventing figures, and values that stay as they are."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.core.types import GeneratedImage, ImageRequest, Partial, Receipt, Usage

counts = st.none() | st.integers(0, 10**6)
by_key = st.dictionaries(st.sampled_from(["text", "image", "audio"]), st.integers(0, 10**6))
usages = st.builds(Usage, by_key, by_key, counts, counts)


def test_what_was_not_reported_is_absent_and_never_zero():
    assert Usage().as_dict() == {}
    assert (Usage() + Usage()).as_dict() == {}


def test_zero_that_was_reported_is_kept():
    usage = Usage(input={"text": 0}, total=0, cost_in_usd_ticks=0)
    assert usage.as_dict() == {"input_tokens": {"text": 0}, "total_tokens": 0, "cost_in_usd_ticks": 0}


def test_usage_adds_by_modality():
    total = Usage({"text": 5}, {"image": 100}, 105) + Usage({"text": 1, "image": 7}, {}, 8, 3)
    assert total == Usage({"text": 6, "image": 7}, {"image": 100}, 113, 3)


@given(usages, usages, usages)
def test_the_order_of_adding_does_not_matter(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Usage() == a


@pytest.mark.parametrize(
    ("value", "name"),
    [(ImageRequest(model="m", prompt="p"), "prompt"), (Usage(), "total"), (Receipt(), "usage")],
)
def test_values_cannot_be_changed(value, name):
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


@pytest.mark.parametrize("value", [GeneratedImage(0, b"CANARY"), Partial(0, b"CANARY")])
def test_bytes_stay_out_of_the_repr(value):
    assert "CANARY" not in repr(value)
