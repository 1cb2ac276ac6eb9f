"""The values that property tests draw from."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import CatalogEntry
from imagegen_nb.providers.capabilities import Choice, Integer, Kind, PixelSize
from imagegen_nb.step.step import ImageGenerationStep

KEYS = tuple(ImageGenerationStep.model_fields)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
words = st.text("abc XYZ-_.:/<>&\"'{}\\\n0123äß語😀", min_size=1, max_size=30)

plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
"""What inputs may be made of, and what JSON can hold."""


def values_of(kind: Kind) -> st.SearchStrategy[Any]:
    """The values a declared setting allows."""
    if isinstance(kind, Choice):
        return st.sampled_from(kind.values)
    if isinstance(kind, Integer):
        return st.integers(kind.minimum, kind.maximum)
    assert isinstance(kind, PixelSize)
    edges = st.integers(1, kind.longest_edge)
    free = st.tuples(edges, edges).map(lambda edge: "{}x{}".format(*kind.nearest(*edge)))
    return st.sampled_from(("auto", *kind.tiles)) | free


def _settings(entry: CatalogEntry) -> st.SearchStrategy[dict[str, Any]]:
    common = {
        "name": text,
        "image_count": st.integers(1, 10),
        "charge_type": st.sampled_from(["hosted", "personal"]),
        "on_failure": st.sampled_from(["terminate", "continue"]),
    }
    own = {key: values_of(kind) for key, kind in entry.model.settings.items()}
    prompt = words.filter(str.strip) | st.just(
        "A hero image for {{product}} and {{step_2.output.assets.0.id}}"
    )
    return st.fixed_dictionaries(
        {"model": st.just(entry.model.name), "prompt": prompt}, optional={**common, **own}
    )


legal_settings = (
    st.sampled_from(catalog.models())
    .flatmap(_settings)
    .filter(lambda settings: not ImageGenerationStep.problems(settings))
)
"""Settings that validation accepts, over every model."""
