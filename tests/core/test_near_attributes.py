"""A misspelt attribute is answered with the nearest, and nothing else changes."""

from __future__ import annotations

import copy
import pickle

import pytest

import imagegen_nb as ig
from imagegen_nb.core.near_attributes import NearAttributes

STEP = ig.ImageGenerationStep(prompt="A lamp")


@pytest.fixture
def owners(workspace):
    run = STEP.run(workspace=workspace)
    sweep = ig.Sweep(STEP, over={"image_quality": ["low", "high"]})
    return {
        "workspace": workspace,
        "step": STEP,
        "asset": run.output.assets[0],
        "sweep": sweep,
        "cell": sweep[0],
    }


@pytest.mark.parametrize(
    ("owner", "misspelt", "meant"),
    [
        ("workspace", "histroy", "history"),
        ("workspace", "time_out", "timeout"),
        ("step", "estimat", "estimate"),
        ("step", "image_sise", "image_size"),
        ("asset", "file_ur", "file_url"),
        ("sweep", "reprot", "report"),
        ("cell", "asets", "assets"),
    ],
)
def test_the_nearest_attribute_is_named(owners, owner, misspelt, meant):
    with pytest.raises(AttributeError, match=rf"has no attribute '{misspelt}': did you mean {meant}\?"):
        getattr(owners[owner], misspelt)


def test_nothing_else_changes(owners):
    for owner in owners.values():
        assert not hasattr(owner, "nothing_like_that")
        assert not hasattr(owner, "_repr_nothing_")
    for name in ("step", "asset"):
        assert copy.deepcopy(owners[name]) == owners[name]
        assert pickle.loads(pickle.dumps(owners[name])) == owners[name]
    assert pickle.loads(pickle.dumps(owners["workspace"])).backend == "emulator"
    copy.copy(owners["sweep"])


def test_a_property_that_fails_says_why_and_the_error_can_be_sent():
    class Owner(NearAttributes):
        @property
        def broken(self):
            raise AttributeError("the reason")

        known = 1

    with pytest.raises(AttributeError, match="the reason"):
        _ = Owner().broken
    with pytest.raises(AttributeError) as caught:
        _ = Owner().knwn
    assert str(pickle.loads(pickle.dumps(caught.value))).endswith("did you mean known?")
