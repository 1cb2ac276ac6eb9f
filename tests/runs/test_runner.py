"""The walk of a run: storage limit, keeping images, what is noted, and what a plug-in may do wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from support.images import exif, jpeg_with, picture

from imagegen_nb import Gateway, ImageGenerationStep, StepFailed, Workspace, load_step, save_step
from imagegen_nb.core.received_file import ReceivedFile
from imagegen_nb.core.types import GeneratedImage, ResponseMetadata
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import (
    DefinitionWarning,
    InvalidResponse,
    ModelRetired,
    ProviderFault,
    ProviderTimeout,
    StorageLimitReached,
    StoreError,
    VariableError,
)
from imagegen_nb.providers import catalog
from imagegen_nb.providers.base import Provider
from imagegen_nb.providers.capabilities import Choice, Integer, Model
from imagegen_nb.providers.http.client import open_client
from imagegen_nb.providers.http.response import failure
from imagegen_nb.store.base import Store
from imagegen_nb.store.local import LocalStore

STEP = ImageGenerationStep(prompt="a fox", image_count=2)
each_policy = pytest.mark.parametrize("policy", ["terminate", "continue"])


def outcome(step, workspace, **options):
    """The run, however it ended, and whether it was raised."""
    try:
        return step.run(workspace=workspace, **options), False
    except StepFailed as caught:
        failed = caught
    assert failed.__context__ is failed.__cause__ is None
    return failed.run, True


# --- storage limit


@each_policy
@pytest.mark.parametrize("over", [0, 1, -1], ids=["at", "past", "below"])
def test_storage_limit(emulator, tmp_path, policy, over):
    """At or past it nothing is asked for; below it a run may finish past it."""
    STEP.run(workspace=Workspace(tmp_path, backend=emulator.url))
    used = LocalStore(tmp_path).used
    emulator.clear()
    workspace = Workspace(tmp_path, backend=emulator.url, storage_limit=used - over)
    events = []
    run, raised = outcome(STEP.replace(on_failure=policy), workspace, on_event=events.append)
    if over < 0:
        assert (run.status, emulator.count(), raised) == ("done", 1, False)
        assert workspace.store.used > workspace.store.limit
        run, raised = outcome(STEP.replace(on_failure=policy), workspace)
        assert (type(run.error), emulator.count()) == (StorageLimitReached, 1)
        return
    assert type(run.error) is StorageLimitReached
    assert raised == (policy == "terminate")
    assert "Nothing was generated" in str(run.error)
    assert f"{used:,} of {used - over:,} bytes" in str(run.error)
    assert emulator.count() == 0
    assert (run.status, run.returned, run.requested, run.shortfalls) == ("failed", 0, 2, ())
    assert [event.kind for event in events] == ["queued", "failed"]
    assert run.output.error.kind == "storage_limit"
    assert run.output.error.charge == "none"
    assert workspace.store.used == used
    assert len(list(workspace.records())) == 2


def test_storage_limit_for_arun(emulator, tmp_path):
    workspace = Workspace(tmp_path, backend=emulator.url, storage_limit=1)
    STEP.run(workspace=workspace)
    with pytest.raises(StepFailed) as caught:
        asyncio.run(STEP.arun(workspace=workspace))
    assert type(caught.value.error) is StorageLimitReached


def test_a_run_under_way_counts_by_what_it_may_need(emulator, tmp_path):
    """And is refused by name of the reason, while below the limit by what is stored."""
    workspace = Workspace(tmp_path, backend=emulator.url, storage_limit="1 MB")
    emulator.script("openai", Fault("delay", seconds=2))
    job = workspace.submit(STEP)
    while emulator.count() == 0:
        time.sleep(0.01)
    run, _ = outcome(STEP, workspace)
    assert type(run.error) is StorageLimitReached
    assert "reserved for runs under way" in str(run.error)
    assert job.wait().status == "done"
    assert emulator.count() == 1


# --- the ledger


def test_a_run_is_in_the_ledger_before_its_request_leaves(plugged, workspace):
    seen = []

    async def behave(request, connection):
        seen.extend(workspace.runs())
        for nothing in ():
            yield nothing

    run = plugged(behave, workspace)
    (entry,) = seen
    assert (entry.run_id, entry.state, entry.charge) == (run.id, "calling", "unknown")


def test_a_run_that_cannot_be_entered_asks_nobody(emulator, tmp_path):
    (tmp_path / "locks").write_text("in the way")
    run, _ = outcome(STEP, Workspace(tmp_path, backend=emulator.url))
    assert type(run.error) is StoreError
    assert (emulator.count(), run.output.error.charge) == (0, "none")


def test_a_store_without_a_ledger_is_enough(emulator, tmp_path):
    """What a store of another kind gets by default."""

    class Plain(LocalStore):
        begin, finish, runs = Store.begin, Store.finish, Store.runs

    workspace = Workspace(Plain(tmp_path, limit=10), backend=emulator.url)
    assert STEP.run(workspace=workspace).returned == 2
    assert list(workspace.runs()) == []
    run, _ = outcome(STEP, workspace)
    assert (type(run.error), emulator.count()) == (StorageLimitReached, 1)


# --- the store fails


class Unwritable(LocalStore):
    """Refuses to write down an image (`stage`), or the records and the run's end (`finish`)."""

    refuses = "stage"

    def stage(self, image, *, run_id, emulated):
        if self.refuses == "stage":
            raise StoreError("cannot write an image: the disk is full")
        return super().stage(image, run_id=run_id, emulated=emulated)

    def _record(self, name, assets, run=None):
        if self.refuses == "finish":
            raise StoreError("cannot write the index: the disk is full")
        return super()._record(name, assets, run)


@each_policy
@pytest.mark.parametrize("what", ["stage", "finish"])
@pytest.mark.parametrize("model", ["gpt-image-2", "gemini-nano-banana-2.1"])
def test_a_store_that_fails_fails_the_step(emulator, tmp_path, policy, what, model):
    store = Unwritable(tmp_path)
    store.refuses = what
    run, raised = outcome(
        STEP.replace(model=model, on_failure=policy), Workspace(store, backend=emulator.url)
    )
    assert type(run.error) is StoreError
    assert "disk is full" in str(run.error)
    assert raised == (policy == "terminate")
    assert (run.status, run.returned) == ("failed", 0)
    assert run.output.error.kind == "store"
    assert list(store.records()) == []
    if what == "finish":  # the manifest has them, and whoever looks next records them
        assert "Its 2 images are kept, in " in str(run.error)
        assert [entry.state for entry in store.runs()] == ["done"]
        assert [record.run_id for record in store.records()] == [run.id] * 2
    else:
        assert [entry.state for entry in store.runs()] == ["failed"]
    assert run.usage.total > 0, "it was charged all the same, and the run says how much"


def test_a_store_that_fails_after_the_images_came_says_they_may_be_charged(emulator, tmp_path):
    store = Unwritable(tmp_path)
    store.refuses = "finish"
    run, _ = outcome(STEP, Workspace(store, backend=emulator.url))
    assert run.output.error.charge != "none"


# --- plug-ins


class Plugin(Provider):
    """A user's own provider; `behave` is what its calls do."""

    name = "plugin"
    label = "Plug-in"
    base_url = "https://plugin.example/v1"
    key_variable = "PLUGIN_API_KEY"
    models = (Model(name="plugin-1", settings={}, output_settings=("image_count",)),)

    def __init__(self, behave) -> None:
        self.behave = behave

    def generate(self, request, connection) -> AsyncGenerator:
        return self.behave(request, connection)


@pytest.fixture
def plugged():
    """Runs a plug-in's step; gives the run."""
    names = []

    def run(behave, workspace, **settings):
        catalog.register(Plugin(behave))
        names.append(Plugin.name)
        step = ImageGenerationStep(model="plugin-1", prompt="a fox", on_failure="continue", **settings)
        return step.run(workspace=workspace)

    yield run
    for name in names:
        catalog.unregister(name)


SECRET = "a-key-in-a-plugins-exception"


def test_a_plugin_that_raises_anything(plugged, workspace):
    async def behave(request, connection):
        raise LookupError(SECRET)
        yield

    run = plugged(behave, workspace)
    assert (type(run.error), run.error.charge, run.error.provider) == (ProviderFault, "unknown", "plugin")
    assert "LookupError" in str(run.error)
    assert SECRET not in f"{run.error}{run!r}"
    assert run.error.__context__ is run.error.__cause__ is None


def test_a_plugin_that_fails_before_its_call_leaves_no_run_under_way(plugged, workspace, monkeypatch):
    def prepare(self):
        raise LookupError("no such library")

    monkeypatch.setattr(Plugin, "prepare", prepare)
    with pytest.raises(LookupError):
        plugged(None, workspace)
    assert [(entry.state, entry.charge) for entry in workspace.runs()] == [("failed", "none")]


def test_a_plugin_that_yields_nothing(plugged, workspace):
    async def behave(request, connection):
        for nothing in ():
            yield nothing

    run = plugged(behave, workspace, image_count=2)
    assert (type(run.error), run.shortfalls[0].count) == (InvalidResponse, 2)


def test_a_plugin_that_raises_after_an_image_keeps_it(plugged, workspace):
    data = STEP.run(workspace=workspace).output.assets[0].bytes()

    async def behave(request, connection):
        yield GeneratedImage(0, data, "image/png")
        raise LookupError(SECRET)

    run = plugged(behave, workspace, image_count=2)
    assert (run.status, run.returned, run.error) == ("partial", 1, None)
    assert type(run.shortfalls[0].error) is ProviderFault


def test_a_plugin_that_ignores_the_deadline_is_cut_off(plugged, emulator, tmp_path, monkeypatch):
    monkeypatch.setattr("imagegen_nb.runs.provider_calls._GRACE", 0.2)

    async def behave(request, connection):
        await asyncio.sleep(60)
        yield

    run = plugged(behave, Workspace(tmp_path, backend=emulator.url, timeout=0.3))
    assert (type(run.error), run.error.charge) == (ProviderTimeout, "unknown")
    assert run.duration < 30


def test_a_plugins_own_timeout_error_is_not_the_deadline(plugged, workspace):
    async def behave(request, connection):
        raise TimeoutError(SECRET)
        yield

    assert type(plugged(behave, workspace).error) is ProviderFault


def test_a_plugin_that_yields_more_than_was_asked_for(plugged, workspace):
    data = STEP.run(workspace=workspace).output.assets[0].bytes()

    async def behave(request, connection):
        for index in range(3):
            yield GeneratedImage(index, data, "image/png")

    run = plugged(behave, workspace, image_count=1)
    assert (run.status, run.requested) == ("done", 1)
    assert run.returned == len(list(workspace.records(run.id)))


# --- settings that a provider does not read


class Deaf(Plugin):
    """It declares two settings, and reads those named in `reads`."""

    models = (
        Model(
            name="plugin-1",
            settings={
                "image_quality": Choice(("wet", "dry"), "wet"),
                "image_output_compression": Integer(0, 9, 3),
            },
            output_settings=("image_quality", "image_output_compression"),
        ),
    )

    def __init__(self, *reads: str, echoed: dict[str, Any] | None = None) -> None:
        async def behave(request, connection):
            for key in reads:
                request.settings.get(key)
            yield GeneratedImage(0, picture())
            yield ResponseMetadata(echoed=echoed or {})

        super().__init__(behave)


@pytest.fixture
def run_deaf(workspace):
    """Runs a step of `Deaf`."""

    def run(*reads, echoed=None, **settings):
        catalog.register(Deaf(*reads, echoed=echoed))
        try:
            step = ImageGenerationStep(model="plugin-1", prompt="a fox", **settings)
            return step.run(workspace=workspace)
        finally:
            catalog.unregister(Deaf.name)

    return run


BOTH = {"image_quality": "dry", "image_output_compression": 0}


def used(run) -> dict[str, Any]:
    return {key: value for key, value in run.output.settings.model_dump().items() if key != "model"}


def test_a_setting_the_provider_does_not_read_is_not_claimed_as_used(run_deaf):
    run = run_deaf("image_quality", **BOTH)
    assert used(run) == {"image_quality": "dry", "image_output_compression": None}
    assert run.warnings == ("image_output_compression = 0 was not sent: Plug-in does not read it",)
    assert run.status == "done", "the image came, and was paid for"


def test_settings_that_were_read_are_used_and_nothing_is_said(run_deaf):
    run = run_deaf(*BOTH, **BOTH)
    assert (used(run), run.warnings) == (BOTH, ())


def test_an_unset_setting_has_its_default_only_where_the_provider_knows_it(run_deaf):
    run = run_deaf("image_quality")
    assert used(run) == {"image_quality": "wet", "image_output_compression": None}
    assert run.warnings == ()


def test_what_the_provider_echoes_is_used_whoever_read_it(run_deaf):
    run = run_deaf(echoed={"image_quality": "dry"})
    assert used(run) == {"image_quality": "dry", "image_output_compression": None}


def test_a_step_that_fails_before_its_call_has_used_nothing(tmp_path, emulator):
    workspace = Workspace(tmp_path, backend=emulator.url, storage_limit=1)
    STEP.run(workspace=Workspace(tmp_path, backend=emulator.url))
    run, _ = outcome(STEP.replace(image_quality="low", on_failure="continue"), workspace)
    assert run.error.kind == "storage_limit"
    assert set(used(run).values()) == {None}


# --- what the emulator does not speak


async def sending(request, connection):
    """A plug-in's call as `docs/providers.md` shows it."""
    async with open_client("plugin", connection) as client:
        response = await client.send(
            lambda: client.http.post(f"{connection.base_url}/images", json={"prompt": request.prompt})
        )
    raise failure(response, connection)
    yield


def test_a_provider_the_emulator_does_not_speak_for_is_not_emulated(plugged, workspace):
    run = plugged(sending, workspace)
    assert (type(run.error), run.error.charge, run.error.provider) == (ProviderFault, "none", "plugin")
    assert "not emulated: the emulator speaks for gemini, openai, xai only" in str(run.error)
    assert 'backend="live"' in str(run.error)
    assert "check" not in str(run.error)
    assert run.output.error.charge == "none"


def test_only_an_emulator_is_believed_that_it_is_none(plugged, raw_server, tmp_path, monkeypatch):
    body = b'{"error": "no such model"}'
    head = b"HTTP/1.1 404 Not Found\r\nx-imagegen-not-emulated: all\r\ncontent-length: %d\r\n\r\n"
    answer = head % len(body) + body
    monkeypatch.setattr(Plugin, "base_url", raw_server(answer).url)
    monkeypatch.setenv("PLUGIN_API_KEY", "a-key")
    run = plugged(sending, Workspace(tmp_path))
    assert type(run.error) is ModelRetired
    assert "emulated" not in str(run.error)
    assert "check that the key may use it" in str(run.error)


def test_a_model_the_emulator_does_not_know_is_not_emulated(workspace, monkeypatch):
    openai = catalog.find("gpt-image-2").provider
    newer = replace(openai.models[0], name="gpt-image-9")
    monkeypatch.setattr(type(openai), "models", (*openai.models, newer))
    run, _ = outcome(STEP.replace(model="gpt-image-9"), workspace)
    assert "gpt-image-9 is not emulated: use another model, or a key of your own" in str(run.error)
    assert "check that the key" not in str(run.error)


def test_a_declared_model_that_the_emulator_does_not_know_names_the_one_it_is_like(workspace):
    step = ImageGenerationStep(
        model=Model("my-model", like="gpt-image-2"), prompt="a fox", on_failure="continue"
    )
    run = step.run(workspace=workspace)
    assert type(run.error) is ModelRetired
    assert "my-model is not emulated: use gpt-image-2 meanwhile" in str(run.error)


def test_a_declared_model_runs_like_the_one_it_is_like_and_is_marked(workspace, emulator, tmp_path):
    dated = "gpt-image-2-2026-04-21"  # which the emulator serves, and the catalog does not have
    step = ImageGenerationStep(model=Model(dated, like="gpt-image-2"), prompt="a fox", image_quality="low")
    run = step.run(workspace=workspace)
    assert emulator.requests[0].body["model"] == dated
    assert run.output.settings.model == dated
    assert run.output.settings.image_quality == "low"
    assert run.warnings == (
        f"{dated} is declared by the user, like gpt-image-2: its life, limits and price are unknown here",
    )
    with pytest.warns(DefinitionWarning, match="not offered"):
        saved = save_step(tmp_path / "step.json", step, run=run)
    assert run.warnings[0] in saved.notes
    with pytest.warns(DefinitionWarning, match="not offered"):
        save_step(tmp_path / "alone.json", step)
    assert run.warnings[0] in (tmp_path / "alone.json").read_text()
    assert load_step(tmp_path / "alone.json").step == step
    catalog.unregister(dated)
    elsewhere = load_step(tmp_path / "alone.json").step  # the file declares it
    try:
        assert elsewhere.replace(prompt="a hare").run(workspace=workspace).warnings == run.warnings
    finally:
        catalog.unregister(dated)


# --- notes


def test_what_a_stored_format_does_not_keep_is_noted(plugged, workspace, monkeypatch):
    monkeypatch.setattr(
        Plugin, "models", tuple(replace(model, stored_as="image/png") for model in Plugin.models)
    )
    credentials = (0xEB, b"JP\0\1\0\0\0\1\0\0\0\x1ejumb\0\0\0\x16jumdc2pa")
    turned = jpeg_with(picture("JPEG"), (0xE1, exif(6)), credentials)

    async def behave(request, connection):
        yield GeneratedImage(0, turned, "image/jpeg")

    run = plugged(behave, workspace)
    assert run.warnings == ("image 1: stored as png, which did not keep its content credentials (C2PA)",)
    asset = run.output.assets[0]
    assert asset.image().size == (asset.stored.width, asset.stored.height) == (48, 64)


def test_differences_are_noted_and_the_image_is_kept(workspace, emulator):
    emulator.script("openai", Fault("wrong_type"))
    run = ImageGenerationStep(prompt="a fox", image_background="transparent").run(workspace=workspace)
    assert run.returned == 1
    noted = "\n".join(run.warnings)
    for words in (
        "the bytes are image/jpeg",
        "asked for png, got jpeg",
        "asked for a transparent background",
    ):
        assert f"image 1: {words}" in noted or words in noted


def test_nothing_is_noted_when_all_is_as_asked(workspace):
    step = ImageGenerationStep(prompt="a fox", image_background="transparent", image_size="1024x1024")
    assert step.run(workspace=workspace).warnings == ()


def test_an_input_in_single_braces_is_refused_before_anything_is_sent(workspace, emulator):
    with pytest.raises(VariableError, match=r"\{animal\} has single braces: Write \{\{animal\}\}"):
        ImageGenerationStep(prompt="a {animal}").run({"animal": "fox"}, workspace=workspace)
    assert emulator.count() == 0


def test_inputs_of_a_prompt_without_variables_are_noted(workspace):
    run = ImageGenerationStep(prompt="a fox").run({"animal": "fox", "place": "a wood"}, workspace=workspace)
    note = "the prompt does not use the inputs animal, place; did you mean {{animal}}?"
    assert run.warnings == (note,)
    assert STEP.run({}, workspace=workspace).warnings == ()


def test_outer_braces_around_a_variable_are_sent_and_noted(workspace):
    run = ImageGenerationStep(prompt="a {{{animal}}}").run({"animal": "fox"}, workspace=workspace)
    assert run.prompt == "a {fox}"
    assert run.warnings == (
        "the prompt has {{{animal}}}, whose outer braces are sent as text; write {{animal}} where that is "
        "not meant",
    )


@pytest.mark.parametrize("prompt", ['a fox {"a": {"b": 1}}', "a {fox}", "a fox {{braces}}"])
def test_other_braces_are_sent_as_they_stand(workspace, emulator, prompt):
    inputs = {"braces": "{{ }}"} if "braces" in prompt else {}
    run = ImageGenerationStep(prompt=prompt).run(inputs, workspace=workspace)
    assert emulator.requests[0].body["prompt"] == prompt.replace("{{braces}}", "{{ }}")
    assert run.warnings == ()


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ({"name": "Hero Image!"}, "hero-image-2.png"),
        ({}, "a-fox-2.png"),
        ({"name": "../../etc"}, "etc-2.png"),
    ],
)
def test_files_are_named_after_the_step_or_its_prompt(workspace, label, name):
    run = STEP.replace(**label).run(workspace=workspace)
    assert run.output.assets[1].file_name == name


LONG = base64.b64encode(bytes(range(256)) * 40).decode()
NO_IMAGE = {
    "openai": {"error": {"message": LONG}},
    "xai": {"data": [{"b64_json": "no base64!"}], "said": LONG},
    "gemini": {"candidates": [{"content": {"parts": [{"text": "no picture", "thoughtSignature": LONG}]}}]},
}
MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}


@pytest.mark.parametrize("provider", MODELS)
def test_a_failed_run_that_somebody_holds_keeps_no_file_of_its_answer(
    provider, raw_server, tmp_path, monkeypatch
):
    body = json.dumps(NO_IMAGE[provider]).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    monkeypatch.setenv("GATEWAY_KEY", "a-key-of-the-test")
    hosted = {provider: Gateway(raw_server(head % len(body) + body).url, "GATEWAY_KEY")}
    step = ImageGenerationStep(model=MODELS[provider], prompt="a fox", on_failure="continue")
    run = step.run(workspace=Workspace(tmp_path, hosted=hosted))
    assert run.status == "failed"
    assert isinstance(run.error, InvalidResponse | ProviderFault), run.error
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_a_file_that_is_gone_before_it_is_read_costs_only_its_image(workspace, monkeypatch):
    """A cleaner of temporary files, or a disk that fails at one place."""
    read, broken = ReceivedFile.read, []

    def fail_once(self):
        if not broken:
            broken.append(self)
            self.path.unlink()
        return read(self)

    monkeypatch.setattr(ReceivedFile, "read", fail_once)
    run = ImageGenerationStep(prompt="a fox", image_count=3).run(workspace=workspace)
    assert (run.status, run.returned) == ("partial", 2)
    assert [(short.count, type(short.error)) for short in run.shortfalls] == [(1, StoreError)]
    assert "image 1 arrived and cannot be read back" in str(run.shortfalls[0].error)
    assert [entry.charge for entry in workspace.runs()] == ["charged"]
    broken.clear()
    with pytest.raises(StepFailed, match="cannot be read back"):
        ImageGenerationStep(prompt="a fox", image_count=1).run(workspace=workspace)
    assert [entry.charge for entry in workspace.runs()] == ["charged", "unknown"]
