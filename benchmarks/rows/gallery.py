"""Row 7: the gallery of a thousand stored images, up to what goes to the page."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Aim, Case, Contender, Figure, Metrics, Scale, Setting
from benchmarks.stores import gallery_of

if TYPE_CHECKING:
    from comm.base_comm import BaseComm

_HERE = "benchmarks.rows.gallery"
_IN_SIGHT = 12
"""Images that a page asks for at first."""
_IN_ROW = 18
"""Small pictures of its history that it asks for then."""


def cases(scale: Scale) -> list[Case]:
    """One case: construct it, draw it, click in it, and save it for readers without a kernel."""
    count, pixels = scale.pick((6, 64), (1000, 1024))
    arguments = {"count": count, "pixels": pixels}
    title = f"gallery of {count:,}"
    peer, floor = "ipywidgets.Image each", "JSON of the records"
    return [
        Case(
            row=7,
            name="gallery",
            contenders=(
                Contender(name="ours", role="ours", function=f"{_HERE}:ours", arguments=arguments),
                Contender(name=peer, role="peer", function=f"{_HERE}:of_ipywidgets", arguments=arguments),
                Contender(name=floor, role="floor", function=f"{_HERE}:as_json", arguments=arguments),
            ),
            figures=(
                Figure(what=f"{title}, construct", metric="construct_ms", unit="ms", aims=(Aim(50),)),
                Figure(what=f"{title}, first bytes", metric="first_kb", unit="KB", aims=(Aim(400),)),
                Figure(what=f"{title}, first look", metric="look_ms", unit="ms"),
                Figure(what=f"{title}, a click", metric="click_ms", unit="ms", aims=(Aim(20),)),
                Figure(what=f"static view of {count:,}", metric="static_kb", unit="KB", aims=(Aim(400),)),
                Figure(what=f"static view of {count:,}, CPU", metric="static_ms", unit="ms"),
            ),
            rounds=scale.pick(1, 3),
        )
    ]


def ours(setting: Setting, *, count: int, pixels: int) -> Metrics:
    """The gallery of the store's records, asked as its page asks."""
    from imagegen_nb import Gallery, Workspace

    wire = _Wire()
    workspace = Workspace(gallery_of(count, pixels, setting.shared))
    Gallery()  # imports and styles are paid once, as is opening the database
    assert workspace.store.used
    wire.bytes = 0
    began = time.process_time()
    gallery = Gallery(workspace.records(), store=workspace.store)
    constructed = time.process_time()
    wire.ask(gallery, {"type": "script"})
    wire.bytes -= _script_bytes()
    shown = [item["id"] for item in gallery.view["items"] if not item["missing"]][:_IN_SIGHT]
    wire.ask(gallery, {"type": "thumbnails", "ids": shown, "request": "1"})
    wire.ask(gallery, {"type": "history", "start": 0, "request": "h"})
    in_row = [item["id"] for item in gallery.view["items"]][:_IN_ROW]
    wire.ask(gallery, {"type": "small_thumbnails", "ids": in_row, "request": "s"})
    looked, first = time.process_time(), wire.bytes
    wire.ask(gallery, {"type": "remove", "id": shown[0], "request": "2"})
    clicked = time.process_time()
    static = _static(gallery)
    saved = time.process_time()
    return {
        "construct_ms": (constructed - began) * 1000,
        "first_kb": first / 1024,
        "look_ms": (looked - constructed) * 1000,
        "click_ms": (clicked - looked) * 1000,
        "static_kb": static / 1024,
        "static_ms": (saved - clicked) * 1000,
    }


def of_ipywidgets(setting: Setting, *, count: int, pixels: int) -> Metrics:
    """A box of image widgets, which send each file whole."""
    import ipywidgets

    wire, store = _Wire(), gallery_of(count, pixels, setting.shared)
    ipywidgets.Image()
    wire.bytes = 0
    began = time.process_time()
    images = []
    for record in store.records():
        with store.open(record.id) as file:
            images.append(ipywidgets.Image(value=file.read(), format="png"))
    ipywidgets.HBox(images)
    return {"construct_ms": (time.process_time() - began) * 1000, "first_kb": wire.bytes / 1024}


def as_json(setting: Setting, *, count: int, pixels: int) -> Metrics:
    """What is known of each image, as one text; no pictures."""
    from dataclasses import asdict

    records = list(gallery_of(count, pixels, setting.shared).records())
    began = time.process_time()
    text = json.dumps([asdict(record) for record in records])
    taken = time.process_time() - began
    return {"construct_ms": taken * 1000, "first_kb": len(text) / 1024}


class _Wire:
    """Stands where a kernel's connection to the page does, and counts what goes over it."""

    def __init__(self) -> None:
        import comm
        from comm.base_comm import BaseComm

        wire = self
        self.bytes = 0

        class Counting(BaseComm):
            def publish_msg(
                self, msg_type: str, data: Any = None, metadata: Any = None, buffers: Any = None, **keys: Any
            ) -> None:
                wire.bytes += len(json.dumps([data, metadata, keys], default=str))
                wire.bytes += sum(memoryview(buffer).nbytes for buffer in buffers or ())

        comm.create_comm = Counting

    def ask(self, widget: Any, content: dict[str, Any]) -> None:
        """Hand a message from the page to a widget."""
        connection: BaseComm = widget.comm
        data = {"method": "custom", "content": content}
        connection.handle_msg({"content": {"data": data}, "buffers": []})


def _script_bytes() -> int:
    """The script and style of any gallery, whatever is in it."""
    from imagegen_nb import Gallery

    wire = _Wire()
    gallery = Gallery()
    wire.bytes = 0
    wire.ask(gallery, {"type": "script"})
    return wire.bytes


def _static(gallery: Any) -> int:
    """The bytes of what a saved notebook holds of it: the page, and the sheet with its pictures."""
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    with capture_output() as captured:
        display(gallery)  # type: ignore[no-untyped-call]
    parts = [output.data.get(kind, "") for output in captured.outputs for kind in ("text/html", "image/jpeg")]
    return sum(len(part.encode() if isinstance(part, str) else base64.b64encode(part)) for part in parts)
