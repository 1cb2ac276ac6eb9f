"""The value a run is: counts, money, how it shows itself, and what later steps see of it."""

from __future__ import annotations

import copy
import html
import json
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from support.runs import stored_assets

from imagegen_nb import Gateway, ImageGenerationStep, StepFailed, VertexAI, Workspace, simulate
from imagegen_nb.emulator import Fault
from imagegen_nb.emulator.state import fingerprint
from imagegen_nb.errors import AssetNotFound, StoreError
from imagegen_nb.store.local import LocalStore

STEP = ImageGenerationStep(name="Hero", prompt="a <b>fox</b> & {{what}}", image_count=2)
HARE = {"what": 'a "hare" <script>alert(1)</script>'}
PATHS = {"openai": "/openai/v1", "xai": "/xai/v1", "gemini": "/gemini"}
MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image", "gemini": "gemini-nano-banana-2.1"}
OWN = {"openai": "OPENAI_API_KEY", "xai": "XAI_API_KEY", "gemini": "GEMINI_API_KEY"}


def test_shows_itself_the_same_every_time(workspace):
    shown = {repr(STEP.run(HARE, workspace=workspace)) for _ in range(2)}
    (text,) = shown
    assert text.startswith("“Hero” · gpt-image-2 · 2 of 2 images · done · EMULATED\n")
    assert "output.assets.1.file_url  hero-2.png  1024×1024  png" in text


def test_its_html_is_escaped_and_has_its_thumbnails(workspace):
    shown = STEP.run(HARE, workspace=workspace, identifier="step_2")._repr_html_()
    assert "<script" not in shown
    assert "<b>fox" not in shown
    assert html.escape(HARE["what"]) in shown
    assert shown.count("data:image/webp;base64,") == 4  # each small one, and the larger one that it opens
    assert "{{step_2.output.assets.1.file_url}}" in shown
    assert not re.search(r'(src|href)="(?!data:image/webp;base64,)', shown)


def test_a_providers_words_are_escaped_too(workspace, emulator):
    emulator.script("openai", Fault("bad_request", message="<img src=x onerror=alert(1)>"))
    run = STEP.replace(on_failure="continue").run(HARE, workspace=workspace)
    assert "&lt;img src=x" in run._repr_html_()
    assert "<img" not in run._repr_html_()


def test_a_failed_run_says_why(workspace, emulator):
    emulator.script("openai", Fault("quota"))
    run = STEP.replace(on_failure="continue").run(HARE, workspace=workspace)
    assert "0 of 2 images · failed" in repr(run)
    assert "Failed: openai: You exceeded your current quota" in repr(run)
    assert "HTTP 429, code insufficient_quota" in repr(run)
    assert "failed: quota" in repr(run.output)


def test_what_later_steps_see(workspace):
    run = STEP.run(HARE, workspace=workspace)
    seen = run.as_context()
    assert json.loads(json.dumps(seen)) == seen
    assert list(seen) == ["output"]
    assert list(seen["output"]) == ["settings", "assets"]
    for asset in seen["output"]["assets"]:
        assert list(asset) == ["id", "file_url", "file_name", "file_size", "file_type"]
    assert seen["output"] == json.loads(run.output.model_dump_json())


def test_step_failed_carries_the_run(workspace, emulator):
    emulator.script("openai", Fault("auth"))
    with pytest.raises(StepFailed) as caught:
        STEP.run(HARE, workspace=workspace)
    failed = caught.value
    assert failed.error is failed.run.error
    assert failed.run.output.error.kind == "authentication"
    assert failed.run.inputs == HARE


@pytest.mark.parametrize(
    ("provider", "charge_type"),
    [*((provider, "hosted") for provider in MODELS), ("openai", "personal"), ("xai", "personal")],
)
def test_whose_key_paid(emulator, tmp_path, monkeypatch, provider, charge_type):
    """Hosted is the gateway's, personal the user's own: never the other one."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    monkeypatch.setenv(OWN[provider], "own-key-0123456789")
    gateway = Gateway(emulator.url + PATHS[provider], "GATEWAY_KEY")
    workspace = OnThisMachine(tmp_path, hosted={provider: gateway}, timeout=30)
    workspace.url = gateway.base_url
    step = ImageGenerationStep(model=MODELS[provider], prompt="a fox", charge_type=charge_type)
    run = step.run(workspace=workspace)
    key, words = {
        "hosted": ("gateway-key-0123456789", "hosted: gateway 127.0.0.1 (GATEWAY_KEY)"),
        "personal": ("own-key-0123456789", f"personal: {OWN[provider]}"),
    }[charge_type]
    assert (run.backend, run.emulated, run.paid_by) == ("live", False, words)
    assert "EMULATED" not in repr(run)
    headers = emulator.requests[0].headers
    sent = headers.get("x-goog-api-key") or headers["authorization"]
    assert sent == fingerprint(key if provider == "gemini" else f"Bearer {key}")


@pytest.mark.parametrize("provider", MODELS)
def test_hosted_without_an_account_falls_back_to_the_own_key_and_says_so(
    emulator, tmp_path, monkeypatch, provider
):
    monkeypatch.setenv(OWN[provider], "own-key-0123456789")
    workspace = OnThisMachine(tmp_path, timeout=30)
    workspace.url = emulator.url + PATHS[provider]
    run = ImageGenerationStep(model=MODELS[provider], prompt="a fox").run(workspace=workspace)
    assert run.paid_by == f"hosted: {OWN[provider]}"


class OnThisMachine(Workspace):
    """Live, with every call kept on the loopback."""

    url = ""

    def connection(self, provider, route):
        return replace(super().connection(provider, route), base_url=self.url)


def test_an_account_of_another_provider_does_not_pay(emulator, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "own-key-0123456789")
    workspace = OnThisMachine(tmp_path, hosted={"gemini": VertexAI("my-project")}, timeout=30)
    workspace.url = f"{emulator.url}/openai/v1"
    assert ImageGenerationStep(prompt="a fox").run(workspace=workspace).paid_by == "hosted: OPENAI_API_KEY"


def test_usage_of_geminis_calls_is_added_up(workspace, emulator):
    emulator.script("gemini", Fault("moderation"))
    run = ImageGenerationStep(model="gemini-nano-banana-2.1", prompt="a fox", image_count=3).run(
        workspace=workspace
    )
    assert len(run.receipts) == 3
    assert run.usage.output == {"image": 2 * 1120, "thoughts": 2 * 153}
    assert run.usage.total == sum(receipt.usage.total for receipt in run.receipts)
    assert run.blocked == 1


def test_a_run_can_be_pickled_with_its_images(workspace):
    run = ImageGenerationStep(prompt="a fox").run(workspace=workspace)
    copy = pickle.loads(pickle.dumps(run))
    assert copy.output == run.output
    assert copy.output.assets[0].bytes() == run.output.assets[0].bytes()


def test_a_runs_images_are_pictures_files_and_readable_names(workspace, tmp_path):
    run = ImageGenerationStep(prompt="a lamp", image_count=2).run(workspace=workspace)
    assert [picture.size for picture in run.images] == [(1024, 1024), (1024, 1024)]
    assert [asset.path.read_bytes() for asset in run.output.assets] == [a.bytes() for a in run.output.assets]
    saved = run.save(tmp_path / "out" / "lamps")
    assert [path.name for path in saved] == ["a-lamp-1.png", "a-lamp-2.png"]
    assert [path.read_bytes() for path in saved] == [asset.bytes() for asset in run.output.assets]
    for embed in (False, False, True, True):
        assert run.save(tmp_path / f"out{embed}", embed=embed), "a cell may be run again"
    with pytest.raises(StoreError, match="another file is there"):
        run.save(tmp_path / "outTrue")


def test_no_other_file_is_replaced_and_nothing_is_half_saved(workspace, tmp_path):
    run = ImageGenerationStep(prompt="a lamp", image_count=2).run(workspace=workspace)
    (tmp_path / "a-lamp-2.png").write_text("mine")
    with pytest.raises(StoreError, match="another file is there; pass overwrite=True, or another folder"):
        run.save(tmp_path)
    assert not (tmp_path / "a-lamp-1.png").exists()
    assert run.save(tmp_path, overwrite=True)[1].read_bytes() == run.output.assets[1].bytes()
    with pytest.raises(StoreError, match="is a file: give a folder"):
        run.save(tmp_path / "a-lamp-1.png")


def test_a_saved_file_is_of_the_kind_its_name_says(workspace, tmp_path):
    asset = ImageGenerationStep(prompt="a lamp").run(workspace=workspace).output.assets[0]
    for name, kind in (("a.jpg", "JPEG"), ("b.JPEG", "JPEG"), ("c.webp", "WEBP"), ("d.png", "PNG")):
        with Image.open(asset.save(tmp_path / name)) as picture:
            assert picture.format == kind
    assert (tmp_path / "d.png").read_bytes() == asset.save(tmp_path / "no-kind.v2").read_bytes()
    with pytest.raises(StoreError, match=r"it is image/png.*save it as a\.png, or .*asset\.image\(\)\.save"):
        asset.save(tmp_path / "a.gif")
    with pytest.raises(StoreError, match=r"PNG, JPEG or WebP; save it as a\.\w+$"):
        asset.save(tmp_path / "a.txt")
    assert not (tmp_path / "a.gif").exists()


@pytest.mark.parametrize("name", ["a.heic", "a.AVIF", "a.bmp", "a.tiff", "a.svg", "a.pdf", "a.dng"])
def test_a_kind_of_image_that_is_not_written_is_refused(workspace, tmp_path, name):
    asset = ImageGenerationStep(prompt="a lamp").run(workspace=workspace).output.assets[0]
    with pytest.raises(StoreError, match=r"can become PNG, JPEG or WebP; save it as a\.png"):
        asset.save(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "meant"), [("a.jpgg", "a.jpg"), ("a.pgn", "a.png"), ("a.webpp", "a.webp"), ("a.JPGE", "a.jpeg")]
)
def test_a_slip_in_an_ending_is_refused(workspace, tmp_path, name, meant):
    asset = ImageGenerationStep(prompt="a lamp").run(workspace=workspace).output.assets[0]
    with pytest.raises(StoreError, match=rf"is no kind of image; did you mean {meant}\?$"):
        asset.save(tmp_path / name)
    assert not [one for one in tmp_path.iterdir() if one.is_file()]


def test_a_files_name_is_no_folder_to_save_a_run_in(workspace, tmp_path):
    run = ImageGenerationStep(prompt="a lamp").run(workspace=workspace)
    with pytest.raises(StoreError, match=r"hero\.png is a file's name: give a folder, or use output\.assets"):
        run.save(tmp_path / "hero.png")
    assert run.save(tmp_path / "hero.v2")


def test_what_another_kind_would_lose_is_never_lost_in_silence(workspace, tmp_path):
    step = ImageGenerationStep(prompt="a lamp", model="gpt-image-2.5-flare", image_background="transparent")
    asset = step.run(workspace=workspace).output.assets[0]
    with pytest.raises(StoreError, match=r"would lose its transparency; save it as a\.png"):
        asset.save(tmp_path / "a.jpg")
    assert asset.save(tmp_path / "a.webp").exists()


def test_a_file_with_content_credentials_is_not_converted(tmp_path):
    signed = Path(__file__).parents[1] / "support" / "signed_images" / "signed.png"
    store = LocalStore(tmp_path / "assets")
    (asset,) = stored_assets(store, signed.read_bytes())
    with pytest.raises(StoreError, match="would lose its content credentials"):
        asset.save(tmp_path / "a.jpg")
    assert asset.save(tmp_path / "a.png").read_bytes() == signed.read_bytes()
    store.close()


def test_an_image_in_no_file_has_no_path():
    with pytest.raises(AssetNotFound, match="not in a file on this machine"):
        _ = simulate(ImageGenerationStep(prompt="a lamp")).output.assets[0].path


def test_what_a_run_has_not_is_told_with_where_it_is(workspace):
    run = STEP.run(HARE, workspace=workspace)
    with pytest.raises(IndexError, match=r"there is no assets\[2\] in the output: it has 2 images"):
        run.output.assets[2]
    assert run.output.assets[-1] is run.output.assets[1]
    with pytest.raises(AttributeError, match=r"a run has no assets: write run\.output\.assets"):
        run.assets  # noqa: B018
    with pytest.raises(AttributeError, match=r"a run has no picture$"):
        run.picture  # noqa: B018
    with pytest.raises(AttributeError, match=r"no images: it has settings, assets \(the images,"):
        run.output.images  # noqa: B018
    with pytest.raises(AttributeError, match=r"no file_url: write output\.assets\[0\]\.file_url"):
        run.output.file_url  # noqa: B018
    assert copy.deepcopy(run.output) == pickle.loads(pickle.dumps(run.output)) == run.output
