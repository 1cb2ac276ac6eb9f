"""What a cell shows in the end: displays updated, output cleared, and what a widget took in left out.

nbval compares what a kernel sends, message by message. Here nbclient, which also writes the recorded
outputs, first makes the final outputs of them; nbval then hears only those.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import nbformat
from nbclient import NotebookClient

from imagegen_nb.notebooks.execute import keep_widgets_quiet

_new: Any = nbformat.v4

_Message = dict[str, Any]


def coalesce(kernel: Any, change: Callable[[Any], None]) -> None:
    """From now on, nbval's `kernel` tells of each cell its final outputs, each after `change` had it."""
    kernel.get_message = _Stage(kernel, change).get_message


class _Stage:
    """Stands between a kernel and whoever reads its messages."""

    def __init__(self, kernel: Any, change: Callable[[Any], None]) -> None:
        self._receive: Callable[..., _Message] = kernel.get_message
        self._change = change
        self._ready = deque[_Message]()
        self._client = NotebookClient(_new.new_notebook())
        keep_widgets_quiet(self._client)

    def get_message(self, stream: str, timeout: float | None = None) -> _Message:
        """As nbval's own. Raises `queue.Empty` when nothing comes for `timeout` seconds."""
        if stream != "iopub":
            return self._receive(stream, timeout=timeout)
        if not self._ready:
            first = self._receive(stream, timeout=timeout)
            self._ready.append(first)
            if first["msg_type"] == "execute_input":
                self._ready.extend(self._whole(first["parent_header"], timeout))
        return self._ready.popleft()

    def _whole(self, request: _Message, timeout: float | None) -> Iterator[_Message]:
        """All that becomes of one cell, to the end of its execution."""
        cells = self._client.nb.cells
        cells.append(_new.new_code_cell())
        self._client.clear_before_next_output = False
        while True:
            message = self._receive("iopub", timeout=timeout)
            if message["parent_header"].get("msg_id") != request["msg_id"]:
                continue
            if message["msg_type"] == "status":
                break
            self._client.process_message(message, cells[-1], len(cells) - 1)
        for output in cells[-1].outputs:
            self._change(output)
            yield {"msg_type": output.output_type, "parent_header": request, "content": output}
        yield message
