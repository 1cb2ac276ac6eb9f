"""`assert_similar`: exact where runs repeat, by looks where they do not, and what it leaves behind."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from PIL import Image, ImageEnhance
from support.images import needs_flip

import imagegen_nb as ig
from imagegen_nb.errors import AssetNotFound, ImageRejected, InvalidOption
from imagegen_nb.testing import assert_similar
from imagegen_nb.testing.baselines import REPORT, UPDATE

STEP = ig.ImageGenerationStep(prompt="a fox")


@pytest.fixture(autouse=True)
def no_update(monkeypatch):
    """Whatever whoever runs the tests has set."""
    for name in (UPDATE, REPORT, "CI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def update(monkeypatch):
    """Compares with the baseline being written."""

    def write(image, baseline, **options):
        with monkeypatch.context() as patch:
            patch.setenv(UPDATE, "1")
            assert_similar(image, baseline, **options)

    return write


@pytest.fixture
def asset(workspace):
    return STEP.run(workspace=workspace).output.assets[0]


@pytest.fixture
def baseline(tmp_path):
    return tmp_path / "baselines" / "fox.png"


def as_live(asset):
    """The same record as if a provider had made the image: none can be asked here."""
    return asset.attached(replace(asset.stored, emulated=False), asset._store)


def nearly(asset):
    """The picture with a little more light."""
    return ImageEnhance.Brightness(asset.image()).enhance(1.02)


def told(image, baseline, **options):
    with pytest.raises(AssertionError) as caught:
        assert_similar(image, baseline, **options)
    return str(caught.value)


def test_the_first_image_becomes_the_baseline_and_is_told(asset, baseline, monkeypatch, tmp_path):
    with pytest.warns(UserWarning, match=r"wrote the first baseline, .*fox\.png: look at it and commit it"):
        assert_similar(asset, baseline)
    assert_similar(asset, baseline)
    monkeypatch.setenv(REPORT, str(tmp_path / "report.txt"))
    assert_similar(asset, baseline.with_name("second.png"))
    assert_similar(asset, baseline)
    assert (tmp_path / "report.txt").read_text().splitlines() == [str(baseline.with_name("second.png"))]


def test_a_missing_baseline_fails_in_ci(asset, baseline, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(
        InvalidOption, match=r"there is none, and in CI none is made\. Run the test once on your"
    ):
        assert_similar(asset, baseline)
    assert not baseline.parent.exists()


def test_an_emulated_image_is_the_same_to_the_pixel(asset, baseline, update, workspace):
    update(asset, baseline)
    assert_similar(asset, baseline)
    assert_similar(STEP.run(workspace=workspace).output.assets[0], baseline)
    other = STEP.replace(prompt="a hare").run(workspace=workspace).output.assets[0]
    message = told(other, baseline)
    assert "a-hare-1.png is not like" in message
    assert "pixels differ" in message
    assert "--update-baselines" in message


@needs_flip
def test_a_replayed_live_image_is_the_same_to_the_pixel(
    emulator, workspace, tmp_path, baseline, update, monkeypatch
):
    """A gateway on this machine stands for the live provider; what is recorded there counts as live."""
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-0123456789")
    monkeypatch.setenv("IMAGEGEN_NB_CASSETTES", str(tmp_path / "cassettes"))
    hosted = {"openai": ig.Gateway(f"{emulator.url}/openai/v1", "GATEWAY_KEY")}
    with ig.Workspace(tmp_path / "live", hosted=hosted, timeout=30) as live:
        with ig.replay.use("fox", "all"):
            recorded = STEP.run(workspace=live).output.assets[0]
        update(recorded, baseline)
        with ig.replay.use("fox"):
            replayed = STEP.run(workspace=live).output.assets[0]
        assert (recorded.replayed, replayed.replayed) == (False, True)
        assert_similar(replayed, baseline)
        nearly(recorded).save(baseline)
        assert "the same pixels are expected" in told(replayed, baseline)
        assert_similar(recorded, baseline)


@needs_flip
def test_exact_can_be_chosen(asset, baseline, update):
    """A picture with a little more light looks alike and is not the same."""
    update(asset.image(), baseline)
    assert_similar(nearly(asset), baseline)
    assert_similar(nearly(asset), baseline, exact=False)
    assert "of 1,048,576 pixels differ" in told(nearly(asset), baseline, exact=True)
    assert_similar(asset, baseline, exact=True)


@needs_flip
def test_a_live_image_is_compared_by_looks(asset, baseline, update, workspace):
    update(as_live(asset), baseline)
    other = STEP.replace(prompt="a hare").run(workspace=workspace).output.assets[0]
    assert_similar(as_live(asset), baseline)
    message = told(as_live(other), baseline)
    assert "difference 0." in message
    assert "at most 0.4 allowed" in message
    assert_similar(as_live(other), baseline, tolerance=1)
    assert "at most 0.001 allowed" in told(nearly(asset), baseline, tolerance=0.001)


def test_a_live_image_and_an_emulated_baseline_are_not_compared(asset, baseline, update):
    update(asset, baseline)
    with Image.open(baseline) as written:
        assert written.info["imagegen-nb"] == "emulated"
    assert "the baseline is emulated, the image is of a live provider" in told(as_live(asset), baseline)
    update(as_live(asset), baseline)
    assert "the baseline is of a live provider, the image is emulated" in told(asset, baseline)
    assert not (baseline.parent / "image-failures").exists()


def test_a_simulated_image_is_marked_too(baseline, update):
    asset = ig.simulate(STEP).output.assets[0]
    update(asset, baseline)
    assert_similar(asset, baseline)
    assert "emulated" in told(as_live(asset), baseline)


@needs_flip
def test_the_failure_is_saved_side_by_side_where_git_does_not_look(asset, baseline, update, tmp_path):
    update(asset, baseline)
    negative = Image.eval(asset.image(), lambda value: 255 - value)
    saved = baseline.parent / "image-failures" / "fox.png"
    assert str(saved) in told(negative, baseline)
    with Image.open(saved) as panels:
        assert panels.width > 3 * 512
    assert (saved.parent / ".gitignore").read_text() == "*\n"
    elsewhere = tmp_path / "elsewhere"
    assert str(elsewhere / "fox.png") in told(negative, baseline, failures=elsewhere)


@needs_flip
def test_other_sizes_and_shapes(asset, baseline, update):
    update(asset, baseline)
    half = asset.image().resize((512, 512))
    assert_similar(half, baseline)
    assert "size: expected 1024x1024, got 512x512" in told(half, baseline, exact=True)
    wide = asset.image().resize((1536, 1024))
    assert "another shape: expected 1024x1024 or alike, got 1536x1024" in told(wide, baseline)
    clear = asset.image().convert("RGBA")
    assert "mode: expected RGB, got RGBA" in told(clear, baseline, exact=True)


def test_every_kind_of_image(asset, baseline, update, tmp_path):
    update(asset, baseline)
    for image in (
        asset,
        asset.bytes(),
        asset.image(),
        asset.save(tmp_path / "a.png"),
        str(tmp_path / "a.png"),
    ):
        assert_similar(image, baseline, exact=True)


@pytest.mark.parametrize("kind", ["WEBP", "JPEG", "PNG"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA"])
def test_a_baseline_keeps_every_pixel(kind, mode, baseline, update):
    picture = Image.linear_gradient("L").convert(mode)
    if kind == "JPEG" and picture.has_transparency_data:
        pytest.skip("JPEG has no transparency")
    buffer = io.BytesIO()
    (picture.convert("L") if kind == "JPEG" else picture).save(buffer, kind)
    update(buffer.getvalue(), baseline)
    assert_similar(buffer.getvalue(), baseline, exact=True)


def test_an_update_replaces_and_compares_nothing(asset, baseline, update, workspace):
    other = STEP.replace(prompt="a hare").run(workspace=workspace).output.assets[0]
    update(asset, baseline)
    update(other, baseline)
    assert_similar(other, baseline)
    told(asset, baseline)


def test_no_update_in_ci(asset, baseline, update, monkeypatch):
    monkeypatch.setenv("CI", "true")
    with pytest.raises(InvalidOption, match="not updated in CI"):
        update(asset, baseline)
    assert not baseline.exists()
    monkeypatch.setenv("CI", "false")
    update(asset, baseline)


@pytest.mark.parametrize(
    ("image", "name", "options", "error", "says"),
    [
        (b"no picture", "fox.png", {}, ImageRejected, "not a PNG"),
        ("nowhere.png", "fox.png", {}, InvalidOption, "nowhere.png' cannot be read: No such file"),
        (5, "fox.png", {}, InvalidOption, "image is of type int"),
        (Image.new("RGB", (4, 4)), "fox.webp", {}, InvalidOption, r"name it fox\.png"),
        (Image.new("RGB", (4, 4)), "fox.png", {"tolerance": 2}, InvalidOption, "tolerance = 2"),
    ],
)
def test_what_cannot_be_compared_is_refused(image, name, options, error, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=says):
        assert_similar(image, tmp_path / name, **options)


def test_damaged_baselines_and_lost_images(asset, baseline, update):
    update(asset, baseline)
    baseline.write_bytes(baseline.read_bytes()[:100])
    with pytest.raises(InvalidOption, match="damaged or incomplete PNG"):
        assert_similar(asset, baseline)
    imported = type(asset)(**asset.model_dump())
    with pytest.raises(AssetNotFound, match="not available"):
        assert_similar(imported, baseline)


def test_a_folder_that_cannot_be_written(asset, tmp_path, update):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidOption, match="cannot write"):
        update(asset, tmp_path / "file" / "fox.png")
