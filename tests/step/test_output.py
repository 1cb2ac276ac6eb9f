"""The output object: the platform's own shape, its records, and how it shows itself."""

from __future__ import annotations

import base64
import io
import json
import re

import html5lib
import pytest
from PIL import Image
from pydantic import ValidationError
from support.images import illustration, picture
from support.runs import output_of, run_of, stored_assets

from imagegen_nb import ImageGenerationStep
from imagegen_nb.core import images, larger_picture
from imagegen_nb.errors import (
    AssetNotFound,
    ImageRejected,
    ModerationBlocked,
    StorageLimitReached,
    StoreError,
    VariableError,
)
from imagegen_nb.step.output import (
    Asset,
    OutputError,
    StepOutput,
    is_at_hand,
    kept_thumbnail,
    thumbnail,
)
from imagegen_nb.step.output_settings import OutputSettings
from imagegen_nb.store.local import LocalStore

pytestmark = pytest.mark.filterwarnings("ignore::imagegen_nb.errors.ModelLifecycleWarning")

RECORD = {
    "id": "7d2f9f6e-6a39-4d53-9d35-0d9e3f6d7a10",
    "file_url": "https://files.example/a.png",
    "file_name": "a.png",
    "file_size": 1234,
    "file_type": "image/png",
}


@pytest.fixture
def store(tmp_path):
    with_store = LocalStore(tmp_path / "assets")
    yield with_store
    with_store.close()


def dumped(output: StepOutput) -> dict:
    data = json.loads(output.model_dump_json())
    assert data == output.model_dump(mode="json") == output.as_context()
    return data


# The platform's object


def test_on_success_there_are_settings_and_assets_and_nothing_else(store):
    output = output_of(ImageGenerationStep(prompt="x"), stored_assets(store, picture(), picture("WEBP")))
    assert list(dumped(output)) == ["settings", "assets"]


def test_an_asset_is_the_platforms_five_keys(store):
    (asset,) = stored_assets(store, picture("WEBP"))
    record = json.loads(asset.model_dump_json())
    assert list(record) == ["id", "file_url", "file_name", "file_size", "file_type"]
    assert record["file_type"] == "image/webp"
    assert record["file_size"] == len(picture("WEBP"))


def test_on_failure_an_error_is_added(store):
    error = ModerationBlocked("refused", provider="openai", status=400, code="moderation_blocked")
    data = dumped(output_of(ImageGenerationStep(prompt="x", image_count=3), error=error))
    assert list(data) == ["settings", "assets", "error"]
    assert data["assets"] == []
    assert data["error"] == {
        "kind": "moderation",
        "message": "refused",
        "provider": "openai",
        "status": 400,
        "code": "moderation_blocked",
        "request_id": None,
        "charge": "none",
        "requested": 3,
        "returned": 0,
        "blocked": 0,
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (StorageLimitReached("full"), "storage_limit"),
        (StoreError("no"), "store"),
        (VariableError("v"), "variables"),
    ],
)
def test_an_error_that_is_no_providers_has_its_words(error, kind):
    told = OutputError.of(error, requested=2, returned=1, blocked=0)
    assert (told.kind, told.message, told.provider, told.charge) == (kind, str(error), None, "none")


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (
            "gpt-image-2",
            [
                "image_size",
                "image_quality",
                "image_background",
                "image_output_format",
                "image_output_compression",
            ],
        ),
        ("gemini-2.5-flash-image", ["image_size"]),
        ("grok-imagine-image", ["provider", "image_count"]),
    ],
)
def test_settings_have_the_platforms_keys_for_the_provider(model, keys):
    output = output_of(ImageGenerationStep(model=model, prompt="x"))
    assert list(dumped(output)["settings"]) == ["model", *keys]


def test_settings_can_be_read_as_attributes():
    settings = OutputSettings(model="m", image_size="1:1")
    assert settings.image_size == "1:1"


def test_unknown_keys_of_an_asset_are_kept_as_they_are():
    asset = Asset(**RECORD, workspace_id="w1", nested={"a": [1, None]})
    assert json.loads(asset.model_dump_json()) == {**RECORD, "workspace_id": "w1", "nested": {"a": [1, None]}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("file_size", wrong) for wrong in (-1, "12", 1.5, True, None)],
        *[("id", wrong) for wrong in (7, None)],
        ("file_url", None),
        ("file_type", 3),
        ("file_name", ["a"]),
    ],
)
def test_a_record_with_a_wrong_type_is_no_asset(key, value):
    with pytest.raises(ValidationError, match=key):
        Asset(**{**RECORD, key: value})


@pytest.mark.parametrize("key", RECORD)
def test_a_record_without_one_of_the_five_is_no_asset(key):
    with pytest.raises(ValidationError, match=key):
        Asset(**{name: value for name, value in RECORD.items() if name != key})


def test_an_output_cannot_be_changed(store):
    output = output_of(ImageGenerationStep(prompt="x"), stored_assets(store, picture()))
    with pytest.raises(ValidationError, match="frozen"):
        output.assets = ()
    with pytest.raises(ValidationError, match="frozen"):
        output.assets[0].file_name = "b.png"


def test_an_output_read_back_is_equal():
    output = StepOutput(settings=OutputSettings(model="m"), assets=(Asset(**RECORD, extra=1),))
    assert StepOutput.model_validate_json(output.model_dump_json()) == output


# The bytes


def test_an_asset_gives_its_bytes_and_its_picture(store):
    (asset,) = stored_assets(store, picture("WEBP", (50, 40)))
    assert asset.bytes() == picture("WEBP", (50, 40))
    assert asset.image().size == (50, 40)
    assert asset.stored is not None
    assert (asset.stored.width, asset.stored.height) == (50, 40)


@pytest.mark.parametrize("use", [Asset.bytes, Asset.image, lambda asset: asset.save("x.png")])
def test_an_imported_record_says_how_to_get_its_bytes(use):
    with pytest.raises(AssetNotFound, match="workspace"):
        use(Asset(**RECORD))
    assert Asset(**RECORD).stored is None


def test_bytes_that_are_gone_are_not_found(store):
    (asset,) = stored_assets(store, picture())
    for blob in store.folder.glob("blobs/*/*"):
        blob.unlink()
    with pytest.raises(AssetNotFound, match=asset.id):
        asset.bytes()


def test_damaged_bytes_are_no_picture(store):
    (asset,) = stored_assets(store, picture())
    (blob,) = store.folder.glob("blobs/*/*")
    blob.write_bytes(blob.read_bytes()[:40])
    with pytest.raises(ImageRejected):
        asset.image()


def test_save_writes_the_file_where_it_is_told(store, tmp_path):
    (asset,) = stored_assets(store, picture())
    target = asset.save(tmp_path / "out.png")
    assert target == tmp_path / "out.png"
    assert target.read_bytes() == picture()


def test_save_into_a_folder_uses_the_file_name(store, tmp_path):
    (asset,) = stored_assets(store, picture(), label="Hero image")
    assert asset.save(tmp_path) == tmp_path / "hero-image-1.png"


def test_a_name_without_an_ending_gets_that_of_the_image(store, tmp_path):
    (asset,) = stored_assets(store, picture())
    assert asset.save(tmp_path / "lamp") == tmp_path / "lamp.png"
    assert asset.save(tmp_path / "lamp.v2") == tmp_path / "lamp.v2.png"


def test_save_overwrites_only_when_asked(store, tmp_path):
    (asset,) = stored_assets(store, picture())
    target = tmp_path / "out.png"
    target.write_bytes(b"mine")
    with pytest.raises(StoreError, match="overwrite=True"):
        asset.save(target)
    assert target.read_bytes() == b"mine"
    asset.save(target, overwrite=True)
    assert target.read_bytes() == picture()
    assert asset.save(target) == target, "a cell may be run again"


def test_save_to_where_nothing_can_be_written_is_a_store_error(store, tmp_path):
    (asset,) = stored_assets(store, picture())
    with pytest.raises(StoreError, match="cannot save"):
        asset.save(tmp_path / "absent" / "out.png")


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "..", ".", "", "a/b/c.png"])
def test_a_hostile_file_name_never_leaves_the_folder(store, tmp_path, name):
    (asset,) = stored_assets(store, picture())
    assert asset.stored is not None
    hostile = Asset(**{**asset.model_dump(), "file_name": name}).attached(asset.stored, store)
    folder = tmp_path / "outer" / "inner"
    folder.mkdir(parents=True)
    try:
        saved = hostile.save(folder)
    except StoreError:
        assert list((tmp_path / "outer").rglob("*")) == [folder]
    else:
        assert saved.resolve().parent == folder


# How it shows itself


def test_the_repr_is_the_same_for_the_same_images(tmp_path):
    shown = set()
    for folder in ("one", "two"):
        store = LocalStore(tmp_path / folder)
        step = ImageGenerationStep(prompt="x", image_count=2)
        run = run_of(step, store)
        shown.add((repr(run), repr(run.output), repr(run.output.assets[0]), run._repr_html_()))
        store.close()
    assert len(shown) == 1


def test_the_repr_tells_names_sizes_and_paths_and_no_folder(store, tmp_path):
    assets = stored_assets(store, picture(size=(50, 40)), picture("WEBP"))
    shown = repr(output_of(ImageGenerationStep(prompt="x"), assets))
    assert shown.splitlines()[0] == "Output of gpt-image-2 · 2 images"
    assert "output.assets.0.file_url  hero-1.png  50×40  png" in shown
    assert "output.assets.1.file_url  hero-2.webp  64×48  webp" in shown
    assert str(tmp_path) not in shown


def test_one_image_is_not_called_images(store):
    assert "· 1 image\n" in repr(output_of(ImageGenerationStep(prompt="x"), stored_assets(store, picture())))


def test_a_failed_output_says_so():
    output = output_of(ImageGenerationStep(prompt="x"), error=StorageLimitReached("full"))
    assert repr(output) == "Output of gpt-image-2 · failed: storage_limit"
    assert "storage_limit" in output._repr_html_()


HOSTILE = "</td></table><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{x}}"


def tree(document: str) -> list[tuple]:
    root = html5lib.parse(document, namespaceHTMLElements=False)
    return [
        (
            element.tag,
            sorted((name, "" if name == "alt" else value) for name, value in element.attrib.items()),
        )
        for element in root.iter()
    ]


def test_hostile_names_models_and_prompts_change_no_element(store):
    def page(words: str) -> list[tuple]:
        (asset,) = stored_assets(store, picture())
        assert asset.stored is not None
        named = Asset(**{**asset.model_dump(), "file_name": words, "file_type": words}).attached(
            asset.stored, store
        )
        settings = OutputSettings(model=words)
        error = OutputError(kind=words, message=words, requested=1, returned=1, blocked=0)
        outputs = [
            StepOutput(settings=settings, assets=(named, Asset(**{**RECORD, "file_name": words}))),
            StepOutput(settings=settings, assets=(named,), error=error),
        ]
        run = run_of(
            ImageGenerationStep(prompt=words.replace("{{x}}", ""), name=words), store, identifier="s"
        )
        return tree("".join(shown._repr_html_() for shown in (*outputs, run)))

    assert page(HOSTILE) == page("harmless")


def thumbnails(document: str) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall(r"base64,([^\"]+)", document)]


def test_thumbnails_are_small_webps_and_the_file_itself_stays_out(store):
    data = picture("PNG", (900, 600))
    shown = output_of(ImageGenerationStep(prompt="x"), stored_assets(store, data))._repr_html_()
    sizes = []
    for one in thumbnails(shown):
        with Image.open(io.BytesIO(one)) as image:
            sizes.append((image.format, max(image.size)))
    assert sizes == [("WEBP", 256), ("WEBP", 512)]  # the second opens from the first
    assert base64.b64encode(data[:300]).decode() not in shown


def test_an_image_whose_bytes_are_gone_is_said_to_be_elsewhere(store):
    assets = stored_assets(store, picture())
    for blob in store.folder.glob("blobs/*/*"):
        blob.unlink()
    shown = output_of(ImageGenerationStep(prompt="x"), assets)._repr_html_()
    assert "image stored elsewhere" in shown
    assert thumbnails(shown) == []


@pytest.mark.parametrize(("count", "most"), [(4, 60_000), (20, 250_000)])
def test_a_gallery_stays_small(store, count, most, monkeypatch):
    """Larger pictures are there besides, within their own bound."""
    assets = stored_assets(store, *(illustration(seed) for seed in range(count)))
    output = output_of(ImageGenerationStep(prompt="x"), assets)
    larger = len(output._repr_html_().encode())
    monkeypatch.setattr(larger_picture, "MOST_BYTES", 0)
    shown = output._repr_html_()
    assert len(thumbnails(shown)) == count
    assert len(shown.encode()) < most
    assert larger - len(shown.encode()) < 100_000 * 4 / 3 + 2_000


def test_pictures_open_larger_without_a_script_where_they_are_not_too_many(store, monkeypatch):
    assets = stored_assets(store, *(illustration(seed) for seed in range(3)))
    output = output_of(ImageGenerationStep(prompt="x"), assets)
    root = html5lib.parse(output._repr_html_(), namespaceHTMLElements=False)
    assert len(root.findall(".//td/details/summary/img")) == len(root.findall(".//td/details/img")) == 3
    assert not list(root.iter("script"))
    monkeypatch.setattr(larger_picture, "MOST_BYTES", 20_000)
    crowded = output._repr_html_()
    assert "<details" not in crowded
    assert "<style" not in crowded
    assert len(thumbnails(crowded)) == 3


def test_a_thousand_images_are_shown_in_part(store):
    assets = stored_assets(store, *(illustration(seed) for seed in range(15))) * 68
    shown = output_of(ImageGenerationStep(prompt="x"), assets)
    assert len(thumbnails(shown._repr_html_())) == 12
    assert "and 1,008 more images" in shown._repr_html_()
    assert repr(shown).endswith("and 1,008 more images, not shown here")
    assert len(shown._repr_html_().encode()) < 250_000


def test_an_asset_is_at_hand_while_its_file_is_there(store):
    (asset,) = stored_assets(store, picture())
    assert is_at_hand(asset)
    assert not is_at_hand(Asset(**asset.model_dump()))
    for blob in store.folder.glob("blobs/*/*"):
        blob.unlink()
    assert not is_at_hand(asset)
    assert thumbnail(asset, images.STATIC) is None
    assert kept_thumbnail(asset, images.STATIC) is None


def test_save_into_a_folder_that_is_not_there_says_how_to_make_it(store, tmp_path):
    (asset,) = stored_assets(store, picture())
    target = tmp_path / "no such" / "x.png"
    with pytest.raises(StoreError) as refused:
        asset.save(target)
    folder = target.parent
    assert f"there is no folder {folder}; make it (mkdir -p '{folder}'), or" in str(refused.value)
