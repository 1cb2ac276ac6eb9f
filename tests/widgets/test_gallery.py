"""The gallery's Python half: what its state holds, and how it answers what a front-end sends."""

from __future__ import annotations

import dataclasses
import io
import json
import threading
import time
import zipfile
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import ipywidgets
import pytest
from ipywidgets import embed
from ipywidgets.widgets import widget as registry
from support.images import illustration, picture
from support.runs import run_of, stored_assets

from imagegen_nb.core import images
from imagegen_nb.core.types import MissingImages
from imagegen_nb.errors import InvalidOption, ModerationBlocked, ProviderTimeout
from imagegen_nb.runs.run import Run
from imagegen_nb.runs.workspace import Workspace
from imagegen_nb.step.output import Asset, thumbnail
from imagegen_nb.step.step import ImageGenerationStep
from imagegen_nb.store import thumbnails
from imagegen_nb.store.base import AssetRecord
from imagegen_nb.widgets.download_names import download_name
from imagegen_nb.widgets.gallery import Gallery, RunAction
from imagegen_nb.widgets.gallery_page import GalleryPage, PendingRun

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
    position = next(index for index, (message, _) in enumerate(sent) if "request" in message)
    answer, buffers = sent.pop(position)  # a thumbnail may have been quicker
    assert answer.pop("request") == "r1"
    return answer, buffers


def file_of(asset: Asset) -> Path:
    return Path(url2pathname(urlsplit(asset.file_url).path))


def arrived(sent: list[Answer], *image_ids: str) -> dict[str, bytes]:
    """The thumbnails that were sent, once those of `image_ids` are among them."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        found = {
            image_id: data
            for message, buffers in list(sent)
            if message["type"] == "thumbnails"
            for image_id, data in zip(message["ids"], buffers, strict=True)
        }
        if set(image_ids) <= set(found):
            return found
        time.sleep(0.01)
    raise AssertionError(f"only {list(found)} came")


def message_of(sent: list[Answer], kind: str) -> Answer:
    """The next message of a kind, taken out of `sent`; it may come from another thread."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for index, (message, _) in enumerate(sent):
            if message["type"] == kind:
                return sent.pop(index)
        time.sleep(0.01)
    raise AssertionError(f"no {kind} came")


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
    came = arrived(sent, *ids(gallery))
    assert [data[8:12] for data in came.values()] == [b"WEBP"] * 3
    answer, buffers = ask(gallery, sent, type="thumbnails", ids=[ids(gallery)[2], "unknown", 7])
    assert (answer["ids"], answer["later"], len(buffers)) == ([ids(gallery)[2]], [], 1)
    assert answer["items"] == gallery.view["items"][2:]


def test_a_run_that_is_shown_again_brings_its_small_pictures_before_its_view(run: Run, sent: list[Answer]):
    gallery = Gallery()
    assert all(thumbnail(asset, images.LIVE) for asset in run.output.assets)
    gallery._handle_custom_msg({"type": "script"}, [])  # a page is open
    sent.clear()
    gallery.show(run)
    assert [message["type"] for message, _ in sent][:2] == ["thumbnails", "values"]
    assert sent[0][0]["ids"] == ids(gallery)


def test_an_image_that_is_damaged_is_told_of_when_it_is_looked_at(workspace: Workspace, sent: list[Answer]):
    files = [picture(size=(211, 30 + number)) for number in range(3)]  # which no other test has looked at
    assets = stored_assets(workspace.store, *files)
    for asset, data in zip(assets, (b"no image", b""), strict=False):
        file_of(asset).write_bytes(data)
    gallery = Gallery(workspace.records(), store=workspace.store)
    assert not any(item["missing"] for item in gallery.view["items"])
    answer, _ = ask(gallery, sent, type="thumbnails", ids=ids(gallery))
    assert answer["later"] == ids(gallery)
    told = [message_of(sent, "thumbnails")[0] for _ in range(3)]
    assert sorted(one["damaged"][0] for one in told if "damaged" in one) == ids(gallery)[:2]
    # A small picture from before says nothing of the file as it is now.
    assert not ask(gallery, sent, type="full", id=ids(gallery)[2])[0]["damaged"]
    file_of(assets[2]).write_bytes(files[2][:-20])
    answer, buffers = ask(gallery, sent, type="thumbnails", ids=ids(gallery)[2:])
    assert (answer["ids"], len(buffers)) == (ids(gallery)[2:], 1)
    answer, buffers = ask(gallery, sent, type="full", id=ids(gallery)[2])
    assert (answer["damaged"], buffers) == (True, [files[2][:-20]])


def test_without_a_kernel_a_static_table_is_shown(run: Run, workspace: Workspace):
    gallery = Gallery(run)
    listed, sheet = gallery._fallback.outputs()
    assert listed["text/html"].count("<li>") == 3
    assert images.sniff(b64decode(sheet["image/jpeg"])) == "image/jpeg"
    assert repr(gallery._fallback) == repr(run)
    stored = Gallery(workspace.records(), store=workspace.store)
    listed, sheet = stored._fallback.outputs()
    assert listed["text/html"].count("<li>") == 3
    assert images.sniff(b64decode(sheet["image/jpeg"])) == "image/jpeg"
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
    assert view["notes"] == ["slow"]
    assert view["error"]["what"] == "2 images are missing."
    assert "rejected by the safety system of OpenAI" in view["error"]["remedy"]
    assert "message: refused the picture" in view["error"]["details"]
    failed = run_of(STEP, workspace.store, error=ProviderTimeout("no answer", provider="openai"))
    view = Gallery(failed).view
    assert view["notes"] == []
    assert view["error"]["what"] == "OpenAI did not answer in time."
    assert "charge" not in view["error"]["remedy"]  # an emulator charges nobody
    assert "message: no answer" in view["error"]["details"]
    assert view["items"] == []
    assert view["empty"] == "This run gave no images."


def test_bytes_that_are_not_at_hand_are_said_to_be_elsewhere(run: Run, sent: list[Answer]):
    elsewhere = run.output.assets[0].model_copy()
    elsewhere._store = elsewhere._stored = None
    output = run.output.model_copy(update={"assets": (elsewhere, *run.output.assets[1:])})
    gallery = Gallery(dataclasses.replace(run, output=output))
    assert gallery.view["items"][0]["missing"]
    answer, buffers = ask(gallery, sent, type="full", id=ids(gallery)[0])
    assert answer["type"] == "refused"
    assert "not available" in answer["reason"]
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


# What can be done with the run that is shown, and which run is meant


def test_buttons_for_the_run_that_is_shown(run: Run, workspace: Workspace, sent: list[Answer]):
    failed = run_of(STEP, workspace.store, error=ProviderTimeout("no answer", provider="openai"))
    gallery, done = Gallery([failed, run]), []

    def label(page: GalleryPage) -> str:
        return "Retry" if page.run and page.run.error else ""

    gallery.offer(
        RunAction("retry", label, lambda page: done.append(page.run) or "Started.", hint="Once more")
    )
    assert gallery.view["actions"] == []
    refused, _ = ask(gallery, sent, type="act", page=run.id, action="retry")
    assert refused["reason"] == "that cannot be done with this run"
    ask(gallery, sent, type="flip", by=-1)
    assert gallery.view["actions"] == [{"key": "retry", "label": "Retry", "hint": "Once more"}]
    answer, _ = ask(gallery, sent, type="act", page=failed.id, action="retry")
    assert (answer, done) == ({"type": "done", "text": "Started.", "focus": ""}, [failed])
    for hostile in (
        {"page": "?", "action": "retry"},
        {"page": failed.id, "action": "?"},
        {"page": 3, "action": []},
    ):
        assert ask(gallery, sent, type="act", **hostile)[0]["type"] == "refused"


def test_settings_of_a_run_without_images_are_used_too(workspace: Workspace, sent: list[Answer]):
    failed = run_of(STEP, workspace.store, error=ProviderTimeout("no answer", provider="openai"))
    gallery, used = Gallery(failed), []
    gallery.on_use(lambda run: used.append(run) or "They are in the form.")
    assert [button["label"] for button in gallery.view["actions"]] == ["Use these settings"]
    answer, _ = ask(gallery, sent, type="act", page=failed.id, action="use")
    assert answer == {"type": "done", "text": "They are in the form.", "focus": "settings"}
    assert used == [failed]


def test_the_output_is_marked_and_copied_paths_say_whose_they_are(workspace: Workspace, sent: list[Answer]):
    runs = [run_of(STEP, workspace.store, identifier="step_2") for _ in range(2)]
    gallery = Gallery(runs)
    assert (gallery.view["mark"], gallery.view["path_note"]) == ("", "")
    gallery.mark_output(runs[0].id)
    assert (gallery.view["mark"], gallery.view["path_note"]) == (
        "",
        "These paths mean run 1, which is the output.",
    )
    ask(gallery, sent, type="flip", by=-1)
    assert (gallery.view["mark"], gallery.view["path_note"]) == ("the output", "")
    assert gallery.view["path_run"] == 0
    one = Gallery(runs[0])
    one.mark_output(runs[0].id)
    assert one.view["mark"] == ""  # nothing to tell it from


# Messages


def test_full_size_bytes_come_on_demand(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    answer, buffers = ask(gallery, sent, type="full", id=ids(gallery)[1])
    name = f"hero-{run.id[:6]}-2.png"
    assert answer == {"type": "full", "name": name, "media": "image/png", "damaged": False}
    assert buffers == [run.output.assets[1].bytes()]


def test_a_record_chooses_neither_folder_nor_type(run: Run, sent: list[Answer]):
    claims = {"file_name": "..\\..//etc/passwd", "file_type": "text/html"}
    odd = run.output.assets[0].model_copy(update=claims)
    gallery = Gallery(dataclasses.replace(run, output=run.output.model_copy(update={"assets": (odd, odd)})))
    answer, _ = ask(gallery, sent, type="full", id=ids(gallery)[0])
    name = f"passwd-{run.id[:6]}"
    assert (answer["name"], answer["media"]) == (name, "")
    _, (data,) = ask(gallery, sent, type="zip")
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == [name, f"{name} (2)"]


def test_all_come_as_one_zip(run: Run, sent: list[Answer]):
    answer, (data,) = ask(Gallery(run), sent, type="zip")
    name = f"hero-{run.id[:6]}.zip"
    assert answer == {"type": "zip", "name": name, "text": "Downloaded 3 of 3 images."}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name) for name in archive.namelist()}
    assert files == {download_name(asset): asset.bytes() for asset in run.output.assets}


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
    assert gallery.view["undo_told"].startswith("hero-2.png was removed from this view;")
    assert gallery.view["facts"][-1] == "1 removed from this view"
    assert repr(gallery).startswith("Gallery of 2 images")
    ask(gallery, sent, type="remove", id=ids(gallery)[0])
    assert len(zipfile.ZipFile(io.BytesIO(ask(gallery, sent, type="zip")[1][0])).namelist()) == 1
    told = [ask(gallery, sent, type="undo")[0]["ids"] for _ in range(3)]
    assert told == [[ids(gallery)[0]], [ids(gallery)[1]], []]  # for the focus: what came back
    assert names(gallery) == ["hero-1.png", "hero-2.png", "hero-3.png"]
    assert gallery.view["undo"] == ""
    assert [asset.bytes() for asset in run.output.assets]


def test_several_images_of_several_runs_are_removed_at_once_and_come_back_at_once(
    workspace: Workspace, sent: list[Answer]
):
    gallery = Gallery([run_of(STEP, workspace.store), run_of(STEP, workspace.store)])
    newest = ids(gallery)
    ask(gallery, sent, type="flip", by=-1)
    oldest = ids(gallery)
    chosen = [oldest[0], newest[1], newest[2]]
    assert ask(gallery, sent, type="remove", ids=[*chosen, "unknown", 3])[0] == {"type": "done"}
    assert (names(gallery), gallery.view["undo"]) == (["hero-2.png", "hero-3.png"], "3 images")
    assert gallery.view["undo_told"].startswith("3 images were removed from this view;")
    assert "not in this gallery" in ask(gallery, sent, type="remove", ids=chosen)[0]["reason"]
    ask(gallery, sent, type="flip", by=1)
    assert names(gallery) == ["hero-1.png"]
    ask(gallery, sent, type="remove", ids=newest[:1])
    assert gallery.view["undo"] == "hero-1.png of run 2"
    # Each run speaks of what was removed from it, or while it was shown, and brings that back.
    ask(gallery, sent, type="flip", by=-1)
    assert gallery.view["undo"] == "3 images"
    ask(gallery, sent, type="undo")
    assert (gallery.view["position"], ids(gallery), gallery.view["undo"]) == (0, oldest, "")
    ask(gallery, sent, type="flip", by=1)
    assert gallery.view["undo"] == "hero-1.png of run 2"
    ask(gallery, sent, type="undo")
    assert (gallery.view["position"], ids(gallery), gallery.view["undo"]) == (1, newest, "")


def test_a_run_that_lost_nothing_offers_no_undo(workspace: Workspace, sent: list[Answer]):
    gallery = Gallery([run_of(STEP, workspace.store), run_of(STEP, workspace.store)])
    ask(gallery, sent, type="remove", ids=ids(gallery)[:1])
    ask(gallery, sent, type="flip", by=-1)
    assert gallery.view["undo"] == ""
    assert ask(gallery, sent, type="undo")[0]["ids"] == []
    ask(gallery, sent, type="flip", by=1)
    assert gallery.view["undo"] == "hero-1.png of run 2"


def test_what_was_chosen_comes_as_one_zip(workspace: Workspace, sent: list[Answer]):
    runs = [run_of(STEP, workspace.store), run_of(STEP, workspace.store)]
    one, two = (run.id[:6] for run in runs)
    gallery = Gallery(runs)
    newest = ids(gallery)
    answer, (data,) = ask(gallery, sent, type="zip", ids=[newest[2], newest[0]])
    assert (answer["name"], answer["text"]) == (f"hero-{two}.zip", "Downloaded 2 of 2 images.")
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == [f"hero-{two}-3.png", f"hero-{two}-1.png"]
    ask(gallery, sent, type="flip", by=-1)
    answer, (data,) = ask(gallery, sent, type="zip", ids=[newest[0], ids(gallery)[0]])
    assert answer["name"] == "images.zip"
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == [f"hero-{two}-1.png", f"hero-{one}-1.png"]


def test_prompt_and_settings_come_on_demand(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    answer, buffers = ask(gallery, sent, type="details", id=ids(gallery)[0])
    assert (answer["type"], answer["prompt"], buffers) == ("details", "a fox", [])
    assert ("Model", "gpt-image-2") in answer["settings"]
    assert "prompt" not in gallery.view["items"][0]


# Stars and notes


def test_stars_and_notes_stay_whatever_is_shown(workspace: Workspace, sent: list[Answer]):
    runs = [run_of(STEP, workspace.store), run_of(STEP, workspace.store)]
    gallery = Gallery(runs)
    image = ids(gallery)[1]
    assert ask(gallery, sent, type="star", id=image, on=True)[0] == {"type": "done"}
    assert ask(gallery, sent, type="note", id=image, text="more light")[0] == {"type": "done"}
    assert gallery.starred == (runs[1].output.assets[1],)
    assert gallery.notes == {runs[1].output.assets[1].id: "more light"}
    ask(gallery, sent, type="flip", by=-1)
    gallery.show(runs[1])  # another page, and the same run drawn again
    assert [item["starred"] for item in gallery.view["items"]] == [False, True, False]
    assert gallery.view["items"][1]["note"] == "more light"
    # An image of another run than the one that is shown, by code; then all are taken back.
    gallery.star(runs[0].output.assets[0])
    assert gallery.starred == (runs[0].output.assets[0], runs[1].output.assets[1])
    gallery.star(runs[0].output.assets[0], on=False)
    ask(gallery, sent, type="star", id=image, on=False)
    gallery.note(runs[1].output.assets[1], "")
    assert (gallery.starred, gallery.notes) == ((), {})


def test_a_page_is_told_of_every_mark(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    seen = [gallery.view["marks"]]
    for on in (True, False, True):
        gallery.star(run.output.assets[0], on)
        seen.append(gallery.view["marks"])
    assert len(set(seen)) == 4


def test_a_star_is_the_images_whichever_gallery_shows_it(run: Run, workspace: Workspace):
    Gallery(run).star(run.output.assets[2])
    assert Gallery(run).starred == (run.output.assets[2],)
    stored = Gallery(workspace.records(), store=workspace.store)
    assert [asset.id for asset in stored.starred] == [run.output.assets[2].id]
    assert workspace.store.mark(run.output.assets[2].id).starred


def test_runs_of_elsewhere_are_in_the_history_and_looked_at_but_no_pages(
    run: Run, workspace: Workspace, sent: list[Answer]
):
    gallery, elsewhere = Gallery(run), [run, run_of(STEP, workspace.store, identifier="step_7")]
    assert not gallery.view["others"]
    gallery.include_others(lambda: elsewhere)
    assert (gallery.view["others"], gallery.view["total"]) == (True, 1)
    assert ask(gallery, sent, type="history", start=0)[0]["matches"] == 3
    answer, _ = ask(gallery, sent, type="history", start=0, others=True)
    assert answer["matches"] == 6  # a run that is here is not listed twice
    image = answer["entries"][3]["id"]
    assert (answer["entries"][3]["position"], answer["entries"][3]["from"]) == (-1, "step_7")
    answer, _ = ask(gallery, sent, type="thumbnails", ids=[image])
    assert answer["items"][0]["run"] == "step_7"
    assert ask(gallery, sent, type="full", id=image)[1]
    assert ask(gallery, sent, type="details", id=image)[0]["prompt"] == "a fox"
    assert ask(gallery, sent, type="star", id=image, on=True)[0] == {"type": "done"}
    assert gallery.starred == ()
    assert Gallery(elsewhere).starred == elsewhere[1].output.assets[:1]
    ask(gallery, sent, type="remove", ids=[image])
    assert ask(gallery, sent, type="history", start=0, others=True)[0]["matches"] == 5
    ask(gallery, sent, type="undo")
    elsewhere.clear()
    gallery.others_changed()
    assert not gallery.view["others"]
    assert ask(gallery, sent, type="full", id=image)[0]["type"] == "refused"


def test_a_note_that_is_too_long_is_refused_and_the_old_one_kept(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    gallery.note(run.output.assets[0], "good")
    answer, _ = ask(gallery, sent, type="note", id=ids(gallery)[0], text="x" * 2001)
    assert "at most 2,000" in answer["reason"]
    with pytest.raises(InvalidOption, match="shorten it"):
        gallery.note(run.output.assets[0], "x" * 2001)
    assert list(gallery.notes.values()) == ["good"]


def test_the_history_comes_page_by_page_and_filtered(run: Run, workspace: Workspace, sent: list[Answer]):
    other = run_of(ImageGenerationStep(prompt="a dog", image_count=2), workspace.store)
    gallery = Gallery([run, other])
    gallery.star(run.output.assets[1])
    answer, _ = ask(gallery, sent, type="history", start=0)
    assert [entry["position"] for entry in answer["entries"]] == [1, 1, 0, 0, 0]
    answer, _ = ask(gallery, sent, type="history", start=0, starred=True, text="fox")
    assert [entry["name"] for entry in answer["entries"]] == ["hero-2.png"]
    answer, buffers = ask(gallery, sent, type="small_thumbnails", ids=[answer["entries"][0]["id"], "x", 3])
    assert answer["type"] == "small_thumbnails"
    assert len(answer["ids"]) + len(answer["later"]) == 1
    assert len(buffers) == len(answer["ids"])


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
    {"type": "flip", "to": "1"},
    {"type": "flip", "to": 1.5},
    {"type": "thumbnails", "ids": "run-1.0"},
    {"type": "use", "id": {}},
    {"type": "act"},
    {"type": "act", "page": "run-1", "action": "use"},
    {"type": "remove", "ids": []},
    {"type": "remove", "ids": ["nobody.0"]},
    {"type": "zip", "ids": []},
    {"type": "zip", "ids": [None, "nobody.0"]},
    {"type": "star", "id": "nobody.0", "on": True},
    {"type": "star", "on": True},
    {"type": "note", "id": "nobody.0", "text": "x"},
    {"type": "note", "text": 3},
    {"type": "details", "id": "nobody.0"},
    {"type": "history"},
    {"type": "history", "start": "0"},
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


@pytest.fixture
def thousand(workspace: Workspace) -> list[AssetRecord]:
    """Records of one run, whose images are the same three files."""
    assets = stored_assets(workspace.store, *(picture(size=(40, 30 + number)) for number in range(3)))
    more = [dataclasses.replace(assets[number % 3].stored, id=f"id-{number}") for number in range(1000)]
    return list(workspace.store.put(more))


def test_of_many_images_the_first_are_described_and_others_on_demand(
    thousand: list[AssetRecord], workspace: Workspace, sent: list[Answer], monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patched:
        patched.setattr(images, "decode", None)  # nothing is decoded to show what there is
        gallery = Gallery(thousand, store=workspace.store)
        assert ask(gallery, sent, type="remove", id="run-1.1")[0] == {"type": "done"}
    view = gallery.view
    assert (view["page"], view["count"], view["removed"], view["undo"]) == ("run-1", 1000, [1], "hero-2.png")
    assert ids(gallery)[:3] == ["run-1.0", "run-1.2", "run-1.3"]
    assert len(json.dumps(view)) < 20_000
    wanted = [f"run-1.{index}" for index in range(500, 1100)]
    answer, buffers = ask(gallery, sent, type="thumbnails", ids=wanted)
    assert [item["id"] for item in answer["items"]] == wanted[:48]
    assert answer["items"][0] == {**answer["items"][0], "alt": "Stored image (501 of 1000)", "missing": False}
    assert len(arrived(sent, *answer["later"])) + len(buffers) >= 48


def test_a_download_that_would_fill_the_memory_is_refused(workspace: Workspace, sent: list[Answer]):
    (asset,) = stored_assets(workspace.store, picture())
    huge = dataclasses.replace(asset.stored, file_size=10**9)
    answer, buffers = ask(Gallery([huge] * 2, store=workspace.store), sent, type="zip")
    assert answer["reason"].startswith("these images have 2.0 GB, a download at most 400.0 MB")
    assert not buffers


def test_any_of_many_runs_is_reached_by_its_number(workspace: Workspace, sent: list[Answer]):
    (asset,) = stored_assets(workspace.store, picture())
    records = [dataclasses.replace(asset.stored, run_id=f"run-{number}") for number in range(300)]
    gallery = Gallery(records, store=workspace.store)
    assert (gallery.view["position"], gallery.view["total"], gallery.view["page"]) == (299, 300, "run-299")
    for to, reached in ((0, "run-0"), (150, "run-150"), (10**9, "run-299"), (-5, "run-0")):
        ask(gallery, sent, type="flip", to=to)
        assert gallery.view["page"] == reached
    assert "… and 299 other runs, not shown here" in gallery._fallback._repr_html_()
    assert repr(gallery._fallback).endswith("  … and 299 other runs, not shown here")


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
    gallery.preview(0, b"no image at all")
    gallery.preview(1, illustration(1))
    (content, (data,)) = message_of(sent, "preview")
    assert sent == []
    assert content == {"type": "preview", "index": 1}
    assert len(data) < 20_000
    assert gallery.view == state
    ask(gallery, sent, type="flip", by=-1)
    assert (gallery.view["title"], gallery.view["pending"], gallery.view["running"]) == ("Hero", 0, True)
    gallery.show(run)
    assert (gallery.view["running"], gallery.view["total"]) == (False, 1)


def test_an_image_that_has_arrived_is_told_before_its_picture_is_made(run: Run, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(thumbnails, "of_arrived", lambda *_: go.wait(30) and b"")
    gallery = Gallery(run)
    gallery.placeholders(2)
    gallery.preview(0, illustration(1))
    assert gallery.view["arrived"] == []
    gallery.preview(1, illustration(1), finished=True)
    assert gallery.view["arrived"] == [1]
    go.set()
    gallery.placeholders(2)
    assert gallery.view["arrived"] == []


def test_placeholders_have_the_shape_that_was_asked_for(run: Run):
    gallery = Gallery()
    gallery.placeholders(2, (1536, 1024))
    assert gallery.view["asked"] == [1536, 1024]
    gallery.show(run)
    assert gallery.view["asked"] == []
    gallery.placeholders(1)
    assert gallery.view["asked"] == []


def test_a_preview_makes_its_own_place(sent: list[Answer]):
    gallery = Gallery()
    gallery.preview(2, picture())
    assert message_of(sent, "preview")[0]["index"] == 2
    assert gallery.view["pending"] == 3
    gallery.placeholders(0)
    assert (gallery.view["pending"], gallery.view["running"]) == (0, False)
    gallery.placeholders(10**9)
    assert gallery.view["pending"] == 100


def test_a_run_under_way_is_a_page_of_its_own_and_its_result_takes_its_place(
    run: Run, workspace: Workspace, sent: list[Answer]
):
    gallery, shown = Gallery(run), []
    gallery.on_show(lambda: shown.append(gallery.shown.id))
    step = ImageGenerationStep(prompt="a dog", image_size="1536x1024", image_count=2)
    gallery.begin(PendingRun("a", 2, step, started=time.monotonic()))
    view = gallery.view
    assert (view["page"], view["making"], view["pending"], view["asked"]) == ("a", "a", 2, [1536, 1024])
    assert (view["position"], view["total"], view["elapsed"] >= 0) == (1, 2, True)
    assert (view["items"], view["notes"], view["error"], view["actions"]) == ([], [], None, [])
    gallery.begin(PendingRun("b", 1, step), show=False)
    assert (gallery.view["page"], gallery.view["total"]) == ("a", 3)
    ask(gallery, sent, type="flip", to=2)
    assert (gallery.view["title"], gallery.view["elapsed"]) == ("Waiting: 1 image", None)
    ask(gallery, sent, type="flip", by=-1)
    ended = run_of(step, workspace.store)
    gallery.end("a", ended)
    assert (gallery.view["page"], gallery.view["position"], gallery.view["total"]) == (ended.id, 1, 3)
    ask(gallery, sent, type="flip", to=0)
    gallery.end("b", None)
    gallery.end("unknown", None)
    assert (gallery.view["page"], gallery.view["total"]) == (run.id, 2)
    assert shown == ["a", "b", "a", ended.id, run.id]
    assert gallery.runs == (run, ended)


def test_who_takes_back_what_is_shown_sees_its_neighbour(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    gallery.begin(PendingRun("a", 1))
    gallery.end("a", None)
    assert gallery.view["page"] == run.id
    empty = Gallery()
    empty.begin(PendingRun("a", 1))
    empty.end("a", None)
    assert (empty.view["page"], empty.view["total"]) == ("", 0)


def test_a_note_on_the_run_is_sent_without_the_view(run: Run, sent: list[Answer]):
    gallery = Gallery(run)
    gallery._handle_custom_msg({"type": "script"}, [])
    sent.clear()
    gallery.run_note = "Settings changed since this run."
    assert sent == [({"type": "values", "values": {"run_note": "Settings changed since this run."}}, None)]


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
    assert gallery.view["total"] == 61
