"""Prompts that name earlier images replay elsewhere: in other folders, in later runs, from other stores."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, quote_plus, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cassettes import FLASH, GROK, LAMP, pictures, write_cassette
from support.environment import own_environment

from imagegen_nb import Workspace, load_step, replay, save_step, simulate
from imagegen_nb.errors import AssetNotFound, RecordingMissing, ReplayError
from imagegen_nb.replay import cassette_file, output_values
from imagegen_nb.store.base import AssetRecord, Store
from imagegen_nb.testing.nbval_outputs import SANITIZE

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

REFERENCES = [
    "{{step_1.output.assets.0.file_url}}",
    "{{step_1.output.assets.0.id}}",
    "{{step_1.output.assets.0.file_size}} bytes",
    "{{step_1.output.assets.0}}",
    "{{step_1.output.assets}}",
    "{{step_1.output}}",
    "{{ step_1.output.assets.0.file_url }} and {{step_1.output.assets.0.id}}",
    "{{step_1}}",
]


def chain(workspace, reference, first=LAMP):
    """Two steps, and a third whose images are named after a prompt that holds such a value."""
    one = first.run(workspace=workspace)
    two = LAMP.replace(prompt=f"a poster like {reference}").run({"step_1": one}, workspace=workspace)
    three = LAMP.replace(prompt="a frame for {{step_2.output.assets.0.file_name}}")
    return [one, two, three.run({"step_2": two}, workspace=workspace)]


@pytest.mark.parametrize("reference", REFERENCES)
def test_a_chain_replays_in_another_folder_and_again(reference, workspace, project, emulator, tmp_path):
    with replay.use("hero", "all"):
        recorded = chain(workspace, reference)
    calls = emulator.count()
    text = (project / "cassettes/hero/cassette.yaml").read_text()
    for asset in recorded[0].output.assets:
        assert asset.id not in text
    assert str(tmp_path) not in text
    assert "file:" not in text
    for folder in ("elsewhere", "elsewhere", "a b/ü/c"):
        with replay.use("hero") as session, Workspace(tmp_path / folder, timeout=30) as other:
            played = chain(other, reference)
            assert session.status.unplayed == ()
        assert [pictures(run) for run in played] == [pictures(run) for run in recorded]
        assert [repr(run) for run in played] == [repr(run) for run in recorded]
    assert emulator.count() == calls


def sanitized(text: str) -> str:
    """As nbval compares it."""
    for pattern, replacement in SANITIZE.items():
        text = re.sub(pattern, replacement, text)
    return text


def test_a_long_prompt_is_shown_alike_wherever_its_folders_end(workspace, tmp_path):
    """What is shown of it ends after so many characters; a folder's length must not decide what that is."""
    reference = "{{step_1.output.assets.0.file_url}} " + "in a garden " * 30
    with replay.use("hero", "all"):
        recorded = chain(workspace, reference)
    with replay.use("hero"), Workspace(tmp_path / "a much longer name" / ("x" * 60), timeout=30) as other:
        played = chain(other, reference)
    for one, two in zip(recorded, played, strict=True):
        assert sanitized(one._repr_html_()) == sanitized(two._repr_html_())


def test_values_written_into_a_prompt_by_hand_replay_too(workspace, live):
    def run(workspace):
        asset = LAMP.run(workspace=workspace).output.assets[0]
        place = asset.file_url.removeprefix("file://")
        prompt = f"like {asset.file_url}\nor {place}: {json.dumps(asset.as_context())}, {asset.id}."
        return LAMP.replace(prompt=prompt).run(workspace=workspace)

    with replay.use("hero", "all"):
        recorded = run(workspace)
    with replay.use("hero"):
        assert pictures(run(live)) == pictures(recorded)


def path_of(address):
    return Path(unquote(urlsplit(address).path))


DERIVED = {
    "run id": lambda run, asset, folder: run.id,
    "its hex": lambda run, asset, folder: run.id.replace("-", ""),
    "run id cut": lambda run, asset, folder: f"run {run.id[:8]}, a lamp",
    "id upper": lambda run, asset, folder: asset.id.upper(),
    "id hex": lambda run, asset, folder: f"id={asset.id.replace('-', '')};",
    "id hex upper": lambda run, asset, folder: asset.id.replace("-", "").upper(),
    "id for itables": lambda run, asset, folder: f"itables_{asset.id.replace('-', '_')}",
    "id as urn": lambda run, asset, folder: f"urn:uuid:{asset.id}",
    "id in braces": lambda run, asset, folder: f"{{{asset.id}}}",
    "id cut": lambda run, asset, folder: f"lamp-{asset.id[:8]}",
    "id cut within": lambda run, asset, folder: f"lamp-{asset.id[:13]}-a-add",
    "id upper cut": lambda run, asset, folder: asset.id[:8].upper(),
    "id end": lambda run, asset, folder: asset.id[-12:],
    "id first and last": lambda run, asset, folder: f"{asset.id.split('-')[0]}_{asset.id.split('-')[-1]}",
    "hash": lambda run, asset, folder: f"{asset.stored.sha256} {asset.stored.sha256[:10]}",
    "store": lambda run, asset, folder: f"in {folder}.",
    "store with slash": lambda run, asset, folder: f"in {folder}/, [{folder}]({folder}/index.html)",
    "store as repr": lambda run, asset, folder: f"in {Path(folder)!r} and '{folder}'",
    "store as address": lambda run, asset, folder: Path(folder).as_uri(),
    "store quoted": lambda run, asset, folder: (
        f"{quote(folder)} {quote(folder, safe='')} {quote_plus(folder)}"
    ),
    "folder": lambda run, asset, folder: str(path_of(asset.file_url).parent),
    "folder of the address": lambda run, asset, folder: str(Path(asset.file_url).parent),
    "address without scheme": lambda run, asset, folder: asset.file_url.removeprefix("file://"),
    "address as path": lambda run, asset, folder: str(Path(asset.file_url)),
    "address in markdown": lambda run, asset, folder: f"![a]({asset.file_url}), <{asset.file_url}>",
    "address unquoted": lambda run, asset, folder: f"like {unquote(asset.file_url)}!",
    "address quoted": lambda run, asset, folder: quote(asset.file_url),
    "address escaped": lambda run, asset, folder: f"?from={quote(asset.file_url, safe='')}&x=1",
    "address plus": lambda run, asset, folder: quote_plus(asset.file_url),
    "path": lambda run, asset, folder: f"like {path_of(asset.file_url)}",
    "path as repr": lambda run, asset, folder: repr(path_of(asset.file_url)),
    "path quoted": lambda run, asset, folder: f"like {quote(str(path_of(asset.file_url)))}",
    "path escaped": lambda run, asset, folder: f"x={quote(str(path_of(asset.file_url)), safe='')}&",
    "path resolved": lambda run, asset, folder: str(path_of(asset.file_url).resolve()),
    "relative path": lambda run, asset, folder: f"({os.path.relpath(path_of(asset.file_url))})",
    "relative with a dot": lambda run, asset, folder: f"./{os.path.relpath(path_of(asset.file_url))}",
    "relative to the store": lambda run, asset, folder: str(path_of(asset.file_url).relative_to(folder)),
    "relative quoted": lambda run, asset, folder: quote(os.path.relpath(path_of(asset.file_url)), safe=""),
    "name": lambda run, asset, folder: path_of(asset.file_url).name,
    "stem": lambda run, asset, folder: f"{path_of(asset.file_url).stem}:",
    "json": lambda run, asset, folder: json.dumps({"a": [folder, asset.file_url, run.id]}),
    "all": lambda run, asset, folder: f"{folder} {run.id} {asset.id} {asset.file_url} {asset.id[:8]}",
}


PLACES = {"assets": ("elsewhere/ü b+c", "link"), "a b/ü (c)": ("assets", "a~b(c)")}


@pytest.mark.parametrize("recorded_in", PLACES)
def test_what_is_made_of_a_value_replays_elsewhere(recorded_in, emulator, project, tmp_path):
    """Folders with and without special characters, where the forms are different or the same."""

    def ask(workspace):
        run = LAMP.run(workspace=workspace)
        missed = {}
        for name, form in DERIVED.items():
            prompt = f"{name}: {form(run, run.output.assets[0], str(workspace.store.folder))}"
            try:
                LAMP.replace(prompt=prompt).run(workspace=workspace)
            except RecordingMissing as error:
                missed[name] = str(error)
        return run, missed

    with replay.use("hero", "all"), Workspace(tmp_path / recorded_in, backend=emulator.url) as workspace:
        run, _ = ask(workspace)
    text = (project / "cassettes/hero/cassette.yaml").read_text()
    for value in (run.id, run.id[:8], run.output.assets[0].id[:8], str(tmp_path), quote_plus(str(tmp_path))):
        assert value not in text
    (tmp_path / "link").symlink_to(tmp_path / recorded_in)
    for folder in PLACES[recorded_in]:
        with replay.use("hero") as session, Workspace(tmp_path / folder, timeout=30) as other:
            assert ask(other)[1] == {}
            assert session.status.unplayed == ()


def test_what_cannot_be_known_is_explained(workspace, live):
    """So few digits may stand anywhere by chance."""

    def ask(workspace):
        run = LAMP.run(workspace=workspace)
        LAMP.replace(prompt=f"lamp 1e{run.output.assets[0].id[:4]}").run(workspace=workspace)

    with replay.use("hero", "all"):
        ask(workspace)
    with replay.use("hero"), pytest.raises(RecordingMissing, match="which differs in each run or folder"):
        ask(live)


def test_another_form_of_a_value_is_another_prompt(workspace, live):
    """A change of the prompt must not be taken for what was recorded."""

    def ask(workspace, form):
        run = LAMP.run(workspace=workspace)
        text = DERIVED[form](run, run.output.assets[0], str(workspace.store.folder))
        LAMP.replace(prompt=f"like {text}").run(workspace=workspace)

    with replay.use("hero", "all"):
        ask(workspace, "id upper")
    for form in ("run id", "id hex", "id hex upper", "path", "store", "folder"):
        with replay.use("hero"), pytest.raises(RecordingMissing):
            ask(live, form)


def test_two_stores_in_one_prompt_are_told_apart(emulator, tmp_path):
    def ask(one, two, turned=False):
        LAMP.run(workspace=two)
        folders = [one.store.folder, two.store.folder]
        LAMP.replace(prompt="copy {} to {}".format(*folders[:: -1 if turned else 1])).run(workspace=one)

    def workspaces(name, **options):
        return [Workspace(tmp_path / name / each, timeout=30, **options) for each in ("one", "one/two")]

    with replay.use("hero", "all"):
        ask(*workspaces("here", backend=emulator.url))
    with replay.use("hero"):
        ask(*workspaces("there"))
        with pytest.raises(RecordingMissing):
            ask(*workspaces("there"), turned=True)


@pytest.mark.parametrize("first", [GROK, FLASH], ids=lambda step: step.model)
def test_each_of_several_images_is_told_from_the_others(first, workspace, live):
    """Posters of the first and the second image are not confused, and a third has no recording."""

    def posters(workspace, *numbers):
        run = first.replace(image_count=3).run(workspace=workspace)
        return [
            LAMP.replace(prompt=f"like {{{{run.output.assets.{number}.file_url}}}}").run(
                {"run": run}, workspace=workspace
            )
            for number in numbers
        ]

    with replay.use("hero", "all"):
        recorded = posters(workspace, 0, 1)
    with replay.use("hero"):
        played = posters(live, 1, 0)
        with pytest.raises(RecordingMissing, match=r"recorded 'like @@asset:"):
            posters(live, 2)
    assert [pictures(run) for run in played] == [pictures(run) for run in reversed(recorded)]


def test_what_a_failing_step_says_names_no_folder(project, live, workspace, tmp_path):
    error = {"kind": "store_error", "requested": 1, "returned": 0}
    step = LAMP.replace(prompt="instead of: {{step_1.output.error.message}}")

    def run(workspace):
        message = f"cannot write below {workspace.store.folder}: no room"
        return step.run({"step_1": {"output": {"error": {**error, "message": message}}}}, workspace=workspace)

    with replay.use("hero", "all"):
        run(workspace)
    assert str(workspace.store.folder) not in (project / "cassettes/hero/cassette.yaml").read_text()
    with replay.use("hero"):
        assert run(live).status == "done"


class Counting(Store):
    """A store in memory, whose ids and addresses are short and go on from run to run."""

    limit = None
    used = 0

    def __init__(self, first=1):
        self.numbers = itertools.count(first)
        self.files = {}

    def stage(self, image, *, run_id, emulated):
        number = next(self.numbers)
        self.files[f"a{number}"] = image.data
        return AssetRecord.of(
            image,
            asset_id=f"a{number}",
            file_url=f"mem://{number}",
            sha256="",
            run_id=run_id,
            emulated=emulated,
        )

    def put(self, assets):
        return tuple(assets)

    def get(self, asset_id):
        raise AssetNotFound(asset_id)

    def open(self, asset_id):
        return io.BytesIO(self.files[asset_id])

    def records(self, run_id=None):
        return iter(())

    def close(self):
        pass


@pytest.mark.parametrize("reference", REFERENCES)
def test_another_store_with_addresses_of_its_own(reference, emulator, project):
    with replay.use("hero", "all"):
        recorded = chain(Workspace(Counting(), backend=emulator.url), reference)
    with replay.use("hero"):
        played = chain(Workspace(Counting(70), timeout=30), reference)
    assert [run.output.assets[0].file_size for run in played] == [
        run.output.assets[0].file_size for run in recorded
    ]


def test_a_saved_step_and_a_simulated_run_fill_prompts_alike(workspace, live, project, monkeypatch):
    """Neither was made in this process; the file may have been written by another notebook."""
    step = LAMP.replace(prompt="like {{step_1.output.assets.0}}")

    def run(workspace, file):
        save_step(file, LAMP, run=LAMP.run(workspace=workspace))
        monkeypatch.setattr(output_values, "_seen", output_values._Seen())
        for earlier in (load_step(file), simulate(LAMP)):
            step.run({"step_1": earlier}, workspace=workspace)

    with replay.use("hero", "all"):
        run(workspace, project / "one.step.json")
    with replay.use("hero") as session:
        run(live, project / "two.step.json")
        assert session.status.unplayed == ()


def test_a_converted_image_is_known_by_what_the_provider_sent(workspace, live, monkeypatch, project):
    """Another version of an encoder packs the same pixels differently, and so names the file differently."""
    step = LAMP.replace(prompt="like {{step_1.output.assets.0.file_url}}")

    def run(workspace):
        return step.run({"step_1": GROK.run(workspace=workspace)}, workspace=workspace)

    with replay.use("hero", "all"):
        run(workspace)
    check = output_values.note

    def other_encoder(asset_id, file_url, received):
        digest = file_url[-68:-4]
        check(asset_id, file_url.replace(digest, "0" * 64), received)

    monkeypatch.setattr(output_values, "note", other_encoder)
    with replay.use("hero"):
        assert run(live).status == "done"


def test_the_answer_repeats_the_prompt_as_it_was_asked(workspace, live, emulator, project, raw_server):
    """A provider may quote the prompt: the cassette has placeholders there too, and the run has its own."""
    asset_id, address = "0e7a3c52-8d0b-4f44-9b4e-0123456789ab", "file:///one/blobs/ab/" + "ab" * 32 + ".png"
    output_values.note(asset_id, address, b"x")
    asked = output_values.shown(json.dumps({"prompt": f"like {address}, {asset_id}"}).encode())
    assert asked.values
    answer = json.dumps({"revised_prompt": f"A lamp like {address}, {asset_id}"}).encode()
    hidden = asked.hidden(answer)
    assert b"file:" not in hidden
    assert asset_id.encode() not in hidden
    assert asked.restored(hidden) == answer


def test_a_cassette_of_before_replays_as_it_did_and_elsewhere(workspace, live, project, tmp_path):
    """It holds the addresses and ids themselves."""
    step = LAMP.replace(prompt="like {{step_1.output.assets.0.file_url}}")
    fixed = {
        "id": "asset-of-a-file",
        "file_url": "file:///home/them/out/hero.png",
        "file_name": "hero.png",
        "file_size": 10,
        "file_type": "image/png",
    }
    other = LAMP.replace(prompt="as {{asset}}")
    with replay.use("hero", "all"):
        one = LAMP.run(workspace=workspace)
        step.run({"step_1": one}, workspace=workspace)
        other.run({"asset": fixed}, workspace=workspace)
    about, recordings = cassette_file.read(project / "cassettes/hero")
    prompts = {
        "a lamp": LAMP.prompt,
        "like @": f"like {one.output.assets[0].file_url}",
        'as {"i': "as " + json.dumps(fixed, separators=(",", ":")),
    }
    old = []
    for recording in recordings:
        request = {**recording.request_json, "prompt": prompts[recording.request_json["prompt"][:6]]}
        old.append(replace(recording, request_body=json.dumps(request).encode()))
    write_cassette(project / "cassettes/hero", about, old)
    with replay.use("hero") as session:
        earlier = LAMP.run(workspace=live)
        step.run({"step_1": earlier}, workspace=live)
        other.run({"asset": fixed}, workspace=live)
        assert session.status.unplayed == ()


def test_recording_again_elsewhere_gives_the_same_cassette(emulator, project, tmp_path):
    """Also its pictures, though the emulator draws the prompt."""
    for name in ("one", "two"):
        with (
            replay.use(name, "all"),
            Workspace(tmp_path / f"store of {name}", backend=emulator.url) as workspace,
        ):
            chain(workspace, "{{step_1.output.assets.0}}")
    one, two = (project / "cassettes" / name for name in ("one", "two"))
    assert [path.read_bytes() for path in sorted(one.rglob("*")) if path.is_file()] == [
        path.read_bytes() for path in sorted(two.rglob("*")) if path.is_file()
    ]


SCRIPT = """
import sys
import imagegen_nb as ig
workspace = ig.Workspace("assets", timeout=60)
step = ig.ImageGenerationStep(prompt="a lamp", image_size="1024x1024")
run = step.run(workspace=workspace)
step.replace(prompt="like {{step_2.output.assets.0.file_url}}").run({"step_2": run}, workspace=workspace)
print(ig.replay.status().unplayed)
"""


def test_a_copied_project_replays_in_a_process_of_its_own(project, tmp_path, emulator):
    here = tmp_path / "here"
    here.mkdir()
    (here / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"]
    variables = {"IMAGEGEN_NB_CASSETTE": "cassettes/hero"}
    recording = {**variables, "IMAGEGEN_NB_RECORD": "all", "IMAGEGEN_NB_AGAINST": emulator.url}
    done = subprocess.run(
        command, cwd=here, env={**own_environment(), **recording}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    there = tmp_path / "there/deeper"
    shutil.copytree(here / "cassettes", there / "cassettes")
    shutil.copy(here / "script.py", there)
    for _ in range(2):
        done = subprocess.run(
            command, cwd=there, env={**own_environment(), **variables}, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout) == (0, "()\n"), done.stderr


@given(st.text(), st.text())
def test_other_texts_stay_as_they_are(before, after):
    output_values.note("0e7a3c52-8d0b-4f44-9b4e-0123456789ab", "mem://a/long/address/of/0e7a3c52", b"x")
    prompt = f"{before}|{after}"
    body = json.dumps({"prompt": prompt}).encode()
    if "@@" not in prompt and "0e7a3c52" not in prompt:
        assert output_values.shown(body).body == body
    named = json.dumps({"prompt": f"{before} 0e7a3c52-8d0b-4f44-9b4e-0123456789ab {after}"}).encode()
    shown = output_values.shown(named)
    assert b"0e7a3c52-" not in shown.body or "0e7a3c52-" in prompt
    assert json.loads(shown.restored(shown.body)) == json.loads(named) or "@@" in prompt


@pytest.mark.parametrize("depth", [480, 5_000])
def test_a_deep_body_stays_as_it_is(depth):
    output_values.note("0e7a3c52-8d0b-4f44-9b4e-0123456789ab", "mem://a/long/address/of/0e7a3c52", b"x")
    body = b'{"a":' * depth + b'"0e7a3c52-8d0b-4f44-9b4e-0123456789ab"' + b"}" * depth
    assert output_values.shown(body).body == body
    assert output_values.as_compared(body) == body


SIGNED = re.compile(r"X-Amz-Signature=[0-9a-f]{8}")


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("is_signed", [False, True])
def test_a_chain_in_a_bucket_replays_in_another_and_no_signature_is_recorded(
    reference, is_signed, object_server, emulator, project
):
    def run(workspace):
        one = LAMP.run(workspace=workspace)
        output = one.output.signed() if is_signed else one.output
        step = LAMP.replace(prompt=f"a poster like {reference}")
        return [one, step.run({"step_1": {"output": output}}, workspace=workspace)]

    with replay.use("hero", "all"):
        recorded = run(Workspace(object_server.new_url(), backend=emulator.url))
    text = (project / "cassettes/hero/cassette.yaml").read_text()
    assert "s3://" not in text
    assert not SIGNED.search(text)
    with replay.use("hero") as session:
        played = run(Workspace(object_server.new_url(), timeout=30))
        assert session.status.unplayed == ()
    assert [pictures(run) for run in played] == [pictures(run) for run in recorded]


def test_a_signed_address_that_is_typed_into_a_prompt_is_not_recorded(object_server, emulator, project):
    workspace = Workspace(object_server.new_url(), backend=emulator.url)
    session = replay.use("hero", "all").__enter__()
    (asset,) = LAMP.run(workspace=workspace).output.assets
    LAMP.replace(prompt=f"like {asset.signed().file_url}").run(workspace=workspace)
    with pytest.raises(ReplayError, match="`prompt`, holds the signature of an address"):
        session.close()
    assert not SIGNED.search((project / "cassettes/hero/cassette.yaml").read_text())
