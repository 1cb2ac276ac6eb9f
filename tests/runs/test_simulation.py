"""A simulated run against the real walk: the same object, for every model and outcome."""

from __future__ import annotations

import io
import pickle
from collections import Counter
from types import NoneType

import pytest
from PIL import Image

import imagegen_nb as ig
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import (
    AssetNotFound,
    InvalidOption,
    InvalidResponse,
    ModerationBlocked,
    ProviderFault,
    VariableError,
)
from imagegen_nb.providers import catalog
from imagegen_nb.runs.simulation import outcomes
from imagegen_nb.step_file.export import define

pytestmark = [
    pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning"),
    pytest.mark.filterwarnings("ignore::imagegen_nb.errors.DefinitionWarning"),
]
STEP = ig.ImageGenerationStep(name="Hero", prompt="a {{what}}", image_count=3)
INPUTS = {"what": "fox"}
MODELS = [entry.model.name for entry in catalog.models()]
each_model = pytest.mark.parametrize("model", MODELS)
each_policy = pytest.mark.parametrize("policy", ["terminate", "continue"])


def walked(step, workspace, emulator, outcome):
    """The run of the real walk with this outcome, and whether it was raised."""
    provider = step.entry.provider.name
    if outcome == "failed":
        emulator.script(provider, *[Fault("server_error")] * step.image_count)
    elif outcome == "partial":
        fault = Fault("fewer", images=1 if provider != "gemini" else 0)
        emulator.script(provider, *[fault] * (step.image_count - 1))
    try:
        return step.run(INPUTS, workspace=workspace, identifier="step_1"), False
    except ig.StepFailed as failed:
        return failed.run, True


def shape(data):
    """Keys and types, all the way down."""
    if isinstance(data, dict):
        return {key: shape(value) for key, value in data.items()}
    if isinstance(data, list):
        return [shape(value) for value in data]
    return type(data)


def states(step, run):
    return {path.path: path.state for path in ig.paths(step, run)}


def missing(run):
    """How many images are missing, for which kind of reason and at which cost; requests do not count."""
    found = Counter()
    for short in run.shortfalls:
        found[type(short.error), short.error.charge] += short.count
    return found


@each_model
@each_policy
@pytest.mark.parametrize("outcome", ["success", "partial", "failed"])
def test_it_is_what_the_real_walk_gives(workspace, emulator, model, policy, outcome):
    step = STEP.replace(model=model, on_failure=policy)
    real, raised = walked(step, workspace, emulator, outcome)
    # xAI withholds images for one reason only; the others' answers are just short.
    withheld = step.entry.provider.name == "xai" and outcome == "partial"
    why = ModerationBlocked("withheld", provider="xai", status=200, charge="unknown") if withheld else None
    run = ig.simulate(step, outcome, inputs=INPUTS, error=why, identifier="step_1")
    assert raised == (outcome == "failed" and policy == "terminate")
    assert type(run) is type(real)
    mine, its = shape(run.as_context()), shape(real.as_context())
    for name in (
        ("code", "request_id") if outcome == "failed" else ()
    ):  # some providers tell them, some do not
        assert mine["output"]["error"].pop(name) is NoneType
        assert its["output"]["error"].pop(name) in (str, NoneType)
    assert mine == its
    told = [
        (one.status, one.returned, one.requested, one.blocked, one.prompt, one.inputs, one.identifier)
        for one in (run, real)
    ]
    assert told[0] == told[1]
    assert type(run.error) is type(real.error)
    assert missing(run) == missing(real)
    for mine, its in zip(run.output.assets, real.output.assets, strict=True):
        assert (mine.file_name, mine.file_type) == (its.file_name, its.file_type)
    if real.output.error:
        for name in ("kind", "charge", "status", "provider"):
            assert getattr(run.output.error, name) == getattr(real.output.error, name)
    untold = {f"step_1.output.error.{name}" for name in ("code", "request_id")}
    assert states(step, run) == {
        path: state for path, state in states(step, real).items() if path not in untold
    }


def test_nothing_is_asked_or_written(emulator, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it went out"))
    run = ig.simulate(STEP)
    assert run.returned == 3
    assert (emulator.count(), list(tmp_path.iterdir())) == (0, [])


def test_it_cannot_be_taken_for_a_real_run():
    run = ig.simulate(STEP)
    assert (run.backend, run.paid_by, run.simulated, run.emulated) == (
        "simulation",
        "nobody (simulation)",
        True,
        True,
    )
    assert run.answered_by is None
    assert run.usage.as_dict() == {}
    assert "SIMULATED" in repr(run)
    assert "SIMULATED" in run._repr_html_()
    assert all(asset.stored.emulated for asset in run.output.assets)
    assert all(asset.file_url.startswith("simulated:") for asset in run.output.assets)
    assert "simulated" in str(ig.simulate(STEP, "failed").error)


def test_a_real_run_is_not_simulated(workspace):
    run = STEP.run(INPUTS, workspace=workspace)
    assert (run.simulated, run.emulated) == (False, True)
    assert "SIMULATED" not in repr(run)


def test_it_goes_wherever_a_run_goes(workspace, tmp_path):
    run = ig.simulate(STEP, "partial", inputs=INPUTS, identifier="step_1")
    later = ig.ImageGenerationStep(prompt="like {{step_1.output.assets.0.file_name}}")
    assert later.run({"step_1": run}, workspace=workspace).prompt == "like hero-1.png"
    assert {path.state for path in ig.paths(STEP, run)} == {"confirmed", "missing"}
    saved = tmp_path / "hero.step.json"
    ig.save_step(saved, STEP, run=run)
    loaded = ig.load_step(saved)
    assert loaded.provenance.backend == "simulation"
    assert "SIMULATED" in repr(loaded)
    assert any("made up" in note for note in define(STEP, run=run).provenance.notes)
    copy = pickle.loads(pickle.dumps(run))
    assert copy.output.assets[0].bytes() == run.output.assets[0].bytes()


@pytest.mark.parametrize(
    ("settings", "size", "kind", "transparent"),
    [
        ({"image_size": "1536x1024", "image_output_format": "webp"}, (1536, 1024), "WEBP", False),
        ({"image_output_format": "jpeg"}, (1024, 1024), "JPEG", False),
        ({"image_background": "transparent"}, (1024, 1024), "PNG", True),
        ({"model": "grok-imagine-image"}, (1024, 1024), "PNG", False),
        ({"model": "gemini-nano-banana-2.1", "image_size": "16:9"}, (1360, 768), "PNG", False),
    ],
)
def test_its_pictures_are_as_the_step_says(settings, size, kind, transparent):
    run = ig.simulate(STEP.replace(**settings))
    picture = Image.open(io.BytesIO(run.output.assets[0].bytes()))
    assert (picture.size, picture.format, picture.has_transparency_data) == (size, kind, transparent)
    assert len({asset.bytes() for asset in run.output.assets}) == 3
    assert run.warnings == ()


def test_its_store_is_one(tmp_path):
    run = ig.simulate(STEP)
    store = run.output.assets[0]._store
    assert store.used == sum(asset.file_size for asset in run.output.assets)
    assert [record.id for record in store.records(run.id)] == [asset.id for asset in run.output.assets]
    assert list(store.records("another")) == []
    with pytest.raises(AssetNotFound, match="no asset 'x'"):
        store.open("x")


def test_inputs_fill_the_prompt_and_without_them_it_stays():
    assert ig.simulate(STEP, inputs=INPUTS).prompt == "a fox"
    assert ig.simulate(STEP).prompt == "a {{what}}"
    with pytest.raises(VariableError, match="what"):
        ig.simulate(STEP, inputs={})


def test_how_many_came_and_why_the_others_did_not():
    run = ig.simulate(STEP, "partial", count=2)
    assert (run.returned, run.shortfalls[0].count, type(run.shortfalls[0].error)) == (2, 1, InvalidResponse)
    blocked = ig.simulate(STEP, "failed", error=ModerationBlocked("no", provider="openai", status=400))
    assert (blocked.blocked, blocked.output.error.kind) == (3, "moderation")
    assert type(ig.simulate(STEP, "failed").error) is ProviderFault
    assert ig.simulate(STEP, "partial", error=ModerationBlocked("no")).blocked == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"outcome": "broken"}, "choose from success, partial, failed"),
        ({"outcome": "partial", "count": 3}, "fewer than image_count = 3"),
        ({"outcome": "partial", "count": 0}, "at least 1"),
        ({"count": 3}, "leave it out"),
        ({"outcome": "failed", "error": ValueError("x")}, "give a ProviderError"),
        ({"error": ProviderFault("x")}, "for a partial or failed outcome"),
        ({"identifier": "2nd"}, "use letters"),
    ],
)
def test_what_cannot_be_is_refused(options, told):
    with pytest.raises(InvalidOption, match=told):
        ig.simulate(STEP, **options)


def test_one_image_cannot_come_in_part():
    one = STEP.replace(image_count=1)
    assert outcomes(one) == ("success", "failed")
    with pytest.raises(InvalidOption, match="image_count of 2 or more"):
        ig.simulate(one, "partial")
    with pytest.raises(InvalidOption, match="step is of type str"):
        ig.simulate("a fox")


def test_inputs_in_the_place_of_an_outcome_are_given_by_name():
    said = r"outcome is a dict: inputs are given by name, simulate\(step, inputs="
    with pytest.raises(InvalidOption, match=said):
        ig.simulate(ig.ImageGenerationStep("A {{product}}"), {"product": "vase"})
