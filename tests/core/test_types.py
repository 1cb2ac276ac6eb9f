"""The values that travel: usage that adds up without inventing figures, and values that stay as they are."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagegen_nb.core.types import GeneratedImage, ImageRequest, PartialImage, ResponseMetadata, Usage

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
    [(ImageRequest(model="m", prompt="p"), "prompt"), (Usage(), "total"), (ResponseMetadata(), "usage")],
)
def test_values_cannot_be_changed(value, name):
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, None)


@pytest.mark.parametrize("value", [GeneratedImage(0, b"CANARY"), PartialImage(0, b"CANARY")])
def test_bytes_stay_out_of_the_repr(value):
    assert "CANARY" not in repr(value)


SETTINGS = {"image_size": "16:9", "image_output_compression": 0}


def request_with(**settings) -> ImageRequest:
    return ImageRequest(model="m", prompt="p", settings=settings)


def test_a_request_remembers_which_settings_were_read():
    request = request_with(**SETTINGS)
    assert request.tracked_settings.unread == SETTINGS
    assert request.settings["image_size"] == "16:9"
    assert request.tracked_settings.was_read("image_size")
    assert request.tracked_settings.unread == {"image_output_compression": 0}
    assert replace(request, prompt="other").tracked_settings.unread == {"image_output_compression": 0}


@pytest.mark.parametrize(
    "read", [dict, lambda settings: {**settings}, lambda settings: list(settings.items())]
)
def test_going_through_the_settings_reads_them_all(read):
    request = request_with(**SETTINGS)
    read(request.settings)
    assert request.tracked_settings.unread == {}
    assert request.tracked_settings.was_read("image_quality")


@pytest.mark.parametrize(
    "look",
    [repr, len, bool, lambda settings: "image_size" in settings, lambda settings: settings == SETTINGS],
)
def test_looking_at_the_settings_reads_none(look):
    request = request_with(**SETTINGS)
    assert look(request.settings)
    assert request.tracked_settings.unread == SETTINGS


def test_an_unset_setting_that_is_asked_for_counts_as_read():
    request = request_with()
    assert request.settings.get("image_quality") is None
    assert request.tracked_settings.was_read("image_quality")


def test_settings_go_by_the_providers_names():
    names = {"image_size": "size", "image_quality": "quality", "image_output_compression": "compression"}
    request = request_with(**SETTINGS, image_moderation="low")
    assert request.wire_settings(names) == {"size": "16:9", "compression": 0}
    assert request.tracked_settings.unread == {"image_moderation": "low"}
    assert request.tracked_settings.was_read("image_quality")


def test_the_settings_of_a_request_are_its_own():
    settings = dict(SETTINGS)
    request = ImageRequest(model="m", prompt="p", settings=settings)
    settings.clear()
    assert request.settings == SETTINGS
    with pytest.raises(TypeError):
        request.settings["image_size"] = "1:1"
