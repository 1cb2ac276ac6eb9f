"""The gallery's Python half: what its state holds, and how it answers what a front-end sends."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
from ipywidgets import embed
from ipywidgets.widgets import widget as registry
from support.images import illustration, picture
from support.runs import run_of, stored_assets

from imagegen_nb.core.types import MissingImages
from imagegen_nb.errors import InvalidOption, ModerationBlocked, ProviderTimeout
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.widgets.gallery import Gallery

STEP = ImageGenerationStep(name="Hero", prompt="a fox", image_count=3)
Answer = tuple[dict[str, Any], list[bytes]]


@pytest.fixture
def run(workspace: Workspace) -> Run:
    return run_of(STEP, workspace.store, identifier="step_2")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Answer]]:
    """Everything galleries send beside their state."""
    messages: list[Answer] = []
    monkeypatch.setattr(Gallery, "send", lambda _, content, buffers=None: messages.append((content, buffers)))
    return messages


def ask(gallery: Gallery, sent: list[Answer], **content: Any) -> Answer:
    """The answer to a message, as the front-end gets it."""
    gallery._handle_custom_msg({"request": "r1", **content}, [])
    answer, buffers = sent.pop()
    assert answer.pop("request") == "r1"
    return answer, buffers


def ids(gallery: Gallery) -> list[str]:
    return [item["id"] for item in gallery.view["items"]]


def names(gallery: Gallery) -> list[str]:
    return [item["name"] for item in gallery.view["items"]]


# What is shown


def test_a_run_is_shown_with_its_facts(run: Run):
    view = Gallery(run).view
    assert view["title"] == "Hero"
    assert view["badge"] == "EMULATED"
    assert view["facts"][:2] == ["gpt-image-2", "3 of 3 images"]
    item = view["items"][1]
    assert item["alt"] == "a fox (2 of 3)"
    assert item["name"] == "hero-2.png"
    assert item["facts"][:2] == ["41×30", "png"]
    assert item["facts"][-1] == "1.2 s"
    assert item["path"] == "{{step_2.output.assets.1.file_url}}"
    assert "cost" not in item
    assert Path(item["file"]).read_bytes() == run.output.assets[1].bytes()
    assert not item["missing"]


def test_small_pictures_go_along_with_a_run_and_to_whoever_asks(run: Run, sent: list[Answer]):
    gallery = Gallery()
    gallery.show(run)
    message, buffers = next(
        (message, buffers) for message, buffers in sent if message["type"] == "thumbnails"
    )
    assert message["ids"] == ids(gallery)
    assert [data[8:12] for data in buffers] == [b"WEBP"] * 3
    answer, buffers = ask(gallery, sent, type="thumbnails", ids=[ids(gallery)[2], "unknown", 7])
    assert (answer["ids"], len(buffers)) == ([ids(gallery)[2]], 1)


def test_without_a_kernel_a_static_table_is_shown(run: Run, workspace: Workspace):
    gallery = Gallery(run)
    assert gallery._fallback._repr_html_().count("data:image/webp") == 3
    assert repr(gallery._fallback) == repr(run)
    stored = Gallery(workspace.records(), store=workspace.store)
    assert stored._fallback._repr_html_().count("data:image/webp") == 3
    assert "{{" not in stored._fallback._repr_html_()
    assert "3 images from the store" in repr(stored._fallback)


def test_an_empty_gallery_says_what_to_do():
    assert "No images yet" in Gallery().view["empty"]
    assert repr(Gallery()) == "Gallery of 0 images (run this cell to see it live)"
    assert Gallery()._repr_mimebundle_()[0]["text/plain"] == repr(Gallery())


def test_a_run_without_an_identifier_offers_no_path(workspace: Workspace):
    assert Gallery(run_of(STEP, workspace.store)).view["items"][0]["path"] == ""


def test_missing_images_are_explained(run: Run, workspace: Workspace):
    blocked = MissingImages(ModerationBlocked("refused the picture", provider="openai"), 2)
    partial = dataclasses.replace(
        run, requested=5, status="partial", shortfalls=(blocked,), warnings=("slow",)
    )
    view = Gallery(partial).view
    assert view["facts"][1] == "3 of 5 images, partial"
    assert view["notes"] == ["2 missing: openai: refused the picture", "slow"]
    failed = run_of(STEP, workspace.store, error=ProviderTimeout("no answer", provider="openai"))
    view = Gallery(failed).view
    assert view["notes"] == ["openai: no answer"]
    assert view["items"] == []


def test_bytes_that_are_not_at_hand_are_said_to_be_elsewhere(run: Run, sent: list[Answer]):
    elsewhere = run.output.assets[0].model_copy()
    elsewhere._store = elsewhere._stored = None
    output = run.output.model_copy(update={"assets": (elsewhere, *run.output.assets[1:])})
    gallery = Gallery(dataclasses.replace(run, output=output))
    assert gallery.view["items"][0]["missing"]
    answer, buffers = ask(gallery, sent, type="full", id=ids(gallery)[0])
    assert answer["type"] == "refused"
    assert "not at hand" in answer["reason"]
    assert not buffers
    assert ask(gallery, sent, type="zip")[0]["text"] == "Downloaded 2 of 3 images."


def test_stored_records_are_shown_run_by_run(workspace: Workspace):
    stored_assets(workspace.store, picture(), picture(size=(30, 30)), run_id="one")
    stored_assets(workspace.store, picture(size=(20, 20)), run_id="two", label="fox")
    gallery = Gallery(workspace.records(), store=workspace.store)
    assert (gallery.view["position"], gallery.view["total"]) == (1, 2)
    assert names(gallery) == ["fox-1.png"]
    assert gallery.view["title"] == "1 image from the store"
    with pytest.raises(InvalidOption, match=r"store=ws\.store"):
        Gallery(workspace.records())
    assert Gallery([], store=workspace.store).view["items"] == []


# Messages


def test_full_size_bytes_come_on_demand(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    answer, buffers = ask(gallery, sent, type="full", id=ids(gallery)[1])
    assert answer == {"type": "full", "name": "hero-2.png", "media": "image/png"}
    assert buffers == [run.output.assets[1].bytes()]


def test_a_record_chooses_neither_folder_nor_type(run: Run, sent: list[Answer]):
    claims = {"file_name": "..\\..//etc/passwd", "file_type": "text/html"}
    odd = run.output.assets[0].model_copy(update=claims)
    gallery = Gallery(dataclasses.replace(run, output=run.output.model_copy(update={"assets": (odd, odd)})))
    answer, _ = ask(gallery, sent, type="full", id=ids(gallery)[0])
    assert (answer["name"], answer["media"]) == ("passwd", "")
    _, (data,) = ask(gallery, sent, type="zip")
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["passwd", "passwd (2)"]


def test_all_come_as_one_zip(run: Run, sent: list[Answer]):
    answer, (data,) = ask(Gallery(run), sent, type="zip")
    assert answer == {"type": "zip", "name": "hero.zip", "text": "Downloaded 3 of 3 images."}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files == {asset.file_name: asset.bytes() for asset in run.output.assets}


def test_nothing_to_zip_is_refused(sent: list[Answer]):
    assert ask(Gallery(), sent, type="zip")[0]["type"] == "refused"


def test_runs_are_flipped_through(workspace: Workspace, sent: list[Answer]):
    runs = [run_of(STEP, workspace.store), run_of(ImageGenerationStep(prompt="a dog"), workspace.store)]
    gallery = Gallery(runs)
    assert (gallery.view["position"], gallery.view["title"]) == (1, "gpt-image-2")
    ask(gallery, sent, type="flip", by=-1)
    ask(gallery, sent, type="flip", by=-1)
    assert (gallery.view["position"], gallery.view["title"], gallery.view["run"]) == (0, "Hero", "run 1")
    gallery.show(runs[1])
    assert (gallery.view["position"], gallery.view["total"]) == (1, 2)


def test_an_image_is_removed_from_the_view_and_brought_back(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    ask(gallery, sent, type="remove", id=ids(gallery)[1])
    assert names(gallery) == ["hero-1.png", "hero-3.png"]
    assert gallery.view["items"][1]["path"] == "{{step_2.output.assets.2.file_url}}"
    assert gallery.view["undo"] == "hero-2.png"
    assert repr(gallery).startswith("Gallery of 2 images")
    ask(gallery, sent, type="remove", id=ids(gallery)[0])
    assert len(zipfile.ZipFile(io.BytesIO(ask(gallery, sent, type="zip")[1][0])).namelist()) == 1
    ask(gallery, sent, type="undo")
    ask(gallery, sent, type="undo")
    ask(gallery, sent, type="undo")
    assert names(gallery) == ["hero-1.png", "hero-2.png", "hero-3.png"]
    assert gallery.view["undo"] == ""
    assert [asset.bytes() for asset in run.output.assets]


def test_settings_are_handed_to_who_wants_them(run: Run, sent: list[Answer]):
    gallery, used = Gallery(run), []
    assert not gallery.view["usable"]
    gallery.on_use(used.append)
    assert gallery.view["usable"]
    assert ask(gallery, sent, type="use", id=ids(gallery)[0])[0]["type"] == "done"
    assert used == [run]


def test_a_callback_that_fails_is_told_of_and_hurts_nobody(run: Run, sent: list[Answer]):
    gallery = Gallery(run)

    def broken(_: Run) -> None:
        raise ZeroDivisionError("sk-" + "a" * 40)

    gallery.on_use(broken)
    answer, _ = ask(gallery, sent, type="use", id=ids(gallery)[0])
    assert answer == {"type": "refused", "reason": "ZeroDivisionError: [redacted]"}


HOSTILE = [
    {},
    {"type": None},
    {"type": "full"},
    {"type": "full", "id": 3},
    {"type": "full", "id": "../../etc/passwd"},
    {"type": "full", "id": ["0.0"]},
    {"type": "remove", "id": "nobody.0"},
    {"type": "flip"},
    {"type": "flip", "by": 10**9},
    {"type": "flip", "by": "1"},
    {"type": "use", "id": {}},
    {"type": "__class__"},
    {"type": {"type": "zip"}},
]


@pytest.mark.parametrize("content", HOSTILE)
def test_hostile_messages_are_refused(run: Run, sent: list[Answer], content: dict[str, Any]):
    gallery = Gallery(run)
    before = gallery.view
    answer, buffers = ask(gallery, sent, **content)
    assert answer["type"] == "refused"
    assert not buffers
    assert gallery.view == before


@pytest.mark.parametrize(
    "content", [None, [], "zip", 3, {"type": "zip"}, {"type": "zip", "request": "x" * 65}]
)
def test_messages_nobody_waits_for_are_not_answered(run: Run, sent: list[Answer], content: object):
    gallery = Gallery(run)
    sent.clear()
    gallery._handle_custom_msg(content, [])
    assert sent == []


def test_state_from_a_front_end_is_never_read_back(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    gallery.set_state({"view": {"items": [{"id": "x", "file": "/etc/passwd"}]}})
    assert ask(gallery, sent, type="full", id="x")[0]["type"] == "refused"
    gallery.show(run)
    assert len(names(gallery)) == 3


# While a run goes on


def test_previews_are_small_and_never_state(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    gallery.placeholders(2)
    assert (gallery.view["title"], gallery.view["pending"], gallery.view["items"]) == (
        "Making 2 images…",
        2,
        [],
    )
    state = gallery.view
    sent.clear()
    gallery.preview(1, illustration(1))
    gallery.preview(0, b"no image at all")
    (content, (data,)) = sent.pop()
    assert sent == []
    assert content == {"type": "preview", "index": 1, "finished": False}
    assert len(data) < 20_000
    assert gallery.view == state
    ask(gallery, sent, type="flip", by=-1)
    assert (gallery.view["title"], gallery.view["pending"], gallery.view["running"]) == ("Hero", 0, True)
    gallery.show(run)
    assert (gallery.view["running"], gallery.view["total"]) == (False, 1)


def test_a_preview_makes_its_own_place(sent: list[Answer]):
    gallery = Gallery()
    gallery.preview(2, picture())
    assert gallery.view["pending"] == 3
    gallery.placeholders(0)
    assert (gallery.view["pending"], gallery.view["running"]) == (0, False)
    gallery.placeholders(10**9)
    assert gallery.view["pending"] == 100


# Budgets


def state_size(widget: ipywidgets.Widget) -> int:
    """Bytes of the state as it is saved into a notebook."""
    saved = embed.dependency_state([widget], drop_defaults=False)
    return len(json.dumps(saved))


def test_a_saved_gallery_is_small(workspace: Workspace):
    run = run_of(STEP, workspace.store, identifier="step_2")
    assets = stored_assets(workspace.store, *(illustration(seed) for seed in range(4)))
    four = dataclasses.replace(run, output=run.output.model_copy(update={"assets": assets}), requested=4)
    assert state_size(Gallery(four)) < 8_000
    assert state_size(Gallery([run] * 20 + [four])) == pytest.approx(state_size(Gallery(four)), abs=200)


def test_showing_again_and_again_keeps_nothing(run: Run, sent: list[Answer]):
    gallery = Gallery()
    gallery.show(run)
    count, size = len(registry._instances), len(str(gallery.get_state()))
    for number in range(60):
        gallery.placeholders(3)
        gallery.preview(0, picture())
        gallery.show(dataclasses.replace(run, id=f"run-{number:04}"))
    assert len(registry._instances) == count
    assert abs(len(str(gallery.get_state())) - size) < 300
    assert gallery.view["total"] == 50
