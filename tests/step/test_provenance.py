"""Saved images that tell of their step: what is written into which file, and what is never touched."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from PIL import Image
from support.images import picture
from support.ledger import made, new
from support.sample_keys import one_of_each

from imagegen_nb.core import generation_parameters, image_file_texts, xmp
from imagegen_nb.errors import InvalidOption, StoreError
from imagegen_nb.step.output import Asset
from imagegen_nb.step.provenance import SOURCE_PROPERTY, STEP_PROPERTY
from imagegen_nb.store.local import LocalStore

SIGNED = Path(__file__).parents[1] / "support" / "signed_images"
IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
KEY = one_of_each()["an OpenAI key"]
KINDS = {"PNG": "out.png", "JPEG": "out.jpg", "WEBP": "out.webp"}


@pytest.fixture
def store(tmp_path):
    with_store = LocalStore(tmp_path / "assets")
    yield with_store
    with_store.close()


def said(path):
    texts = image_file_texts.read(path.read_bytes())
    return xmp.read(texts.packet), texts.parameters


@pytest.mark.parametrize("kind", KINDS)
def test_the_file_says_which_step_made_it_and_looks_the_same(store, tmp_path, kind):
    asset = made(store, picture(kind))
    path = asset.save(tmp_path / KINDS[kind], embed=True)
    properties, parameters = said(path)
    document = json.loads(properties[STEP_PROPERTY])
    assert (document["format"], document["version"]) == ("imagegen-nb/step", 2)
    assert document["step"] == {"model": "gpt-image-2", "prompt": "A {{product}} é 🦊"}
    assert document["inputs"] == {"product": "lamp"}
    assert document["provenance"]["identifier"] == "step_7"
    assert document["provenance"]["sha256"] == {asset.id: hashlib.sha256(picture(kind)).hexdigest()}
    read = generation_parameters.read(parameters)
    assert read.prompt == "A lamp é 🦊"
    assert {**read.values, "Version": ""} == {"Size": "64x48", "Model": "gpt-image-2", "Version": ""}
    with Image.open(path) as image:
        assert image.tobytes() == asset.image().tobytes()
        description = image.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert description["DigitalSourceType"] == f"{IPTC}trainedAlgorithmicMedia"
    assert sorted(file.name for file in tmp_path.iterdir() if file.is_file()) == [KINDS[kind]]
    assert asset.bytes() == picture(kind)


def test_what_an_emulator_drew_is_not_said_to_be_a_models(store, tmp_path):
    path = made(store, picture(), emulated=True).save(tmp_path / "out.png", embed=True)
    assert said(path)[0][SOURCE_PROPERTY] == f"{IPTC}algorithmicMedia"


@pytest.mark.parametrize("name", ["signed.png", "signed.jpg", "signed.webp", "remote.png"])
def test_a_file_with_content_credentials_stays_as_it_is_and_has_a_side_file(store, tmp_path, name):
    data = (SIGNED / name).read_bytes()
    asset = made(store, data)
    assert asset.has_content_credentials is True
    assert "content credentials: present, not verified" in repr(asset)
    path = asset.save(tmp_path / name, embed=True)
    assert path.read_bytes() == data
    document = json.loads((tmp_path / f"{name}.step.json").read_text(encoding="utf-8"))
    assert document["step"]["prompt"] == "A {{product}} é 🦊"
    assert document["provenance"]["sha256"] == {asset.id: hashlib.sha256(data).hexdigest()}


def test_what_a_jpeg_has_no_room_for_goes_beside_it(store, tmp_path):
    path = made(store, picture("JPEG"), inputs_json=json.dumps({"product": "x" * 65_000})).save(
        tmp_path / "out.jpg", embed=True
    )
    assert path.read_bytes() == picture("JPEG")
    assert (tmp_path / "out.jpg.step.json").exists()


@pytest.mark.parametrize("name", ["out.png", "signed.png"])
def test_no_key_stands_in_it(store, tmp_path, monkeypatch, name):
    monkeypatch.setenv("OPENAI_API_KEY", 'a "key" of no known shape é')
    keys = {"a": KEY, "b": 'a "key" of no known shape é'}
    data = picture() if name == "out.png" else (SIGNED / name).read_bytes()
    made(
        store,
        data,
        prompt=" ".join(keys.values()),
        settings_json=json.dumps({"prompt": " ".join(keys.values())}, ensure_ascii=False),
        inputs_json=json.dumps(keys),
    ).save(tmp_path / name, embed=True)
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    assert KEY.encode() not in written
    assert b"of no known shape" not in written
    assert written.count(b"[redacted]") >= 4


def test_neither_file_is_replaced_unasked(store, tmp_path):
    asset = made(store, (SIGNED / "signed.png").read_bytes())
    side = tmp_path / "out.png.step.json"
    side.write_text("mine")
    with pytest.raises(StoreError, match=r"out\.png\.step\.json: another file is there; pass overwrite=True"):
        asset.save(tmp_path / "out.png", embed=True)
    assert (side.read_text(), (tmp_path / "out.png").exists()) == ("mine", False)
    asset.save(tmp_path / "out.png", embed=True, overwrite=True)
    assert json.loads(side.read_text(encoding="utf-8"))["version"] == 2


def test_an_image_whose_step_nobody_knows_is_refused(store, tmp_path):
    (outside,) = store.put([new(store, picture())])
    for asset in (Asset.of(outside, store), made(store, picture(), settings_json="")):
        with pytest.raises(StoreError, match="the store does not have: save it without embed=True"):
            asset.save(tmp_path / "out.png", embed=True)
    assert not (tmp_path / "out.png").exists()


def test_credentials_of_what_is_not_at_hand_are_unknown(store):
    asset = made(store, picture())
    assert asset.has_content_credentials is False
    assert "credentials" not in repr(asset)
    imported = Asset(**asset.model_dump())
    assert imported.has_content_credentials is None
    gone = made(store, picture("PNG", (3, 3)))
    store.paths.blob(gone.stored.sha256, "image/png").unlink()
    assert gone.has_content_credentials is None


def test_content_credentials_are_verified_by_their_own_library(store, tmp_path):
    pytest.importorskip("c2pa")
    assert made(store, (SIGNED / "signed.png").read_bytes()).verify_content_credentials().state == "valid"
    image = made(store, picture())
    assert image.verify_content_credentials().state == "absent"
    with pytest.raises(InvalidOption, match=r"trust_anchors = .*it cannot be read: "):
        image.verify_content_credentials(trust_anchors=tmp_path / "absent.pem")
