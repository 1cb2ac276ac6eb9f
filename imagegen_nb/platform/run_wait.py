"""Waiting for a run that was not over when the platform answered: for its callback, or by asking.

Asking is documented by address only: the SDK names `GET /v1/workflow_runs/{id}` for a `run_id`, and
`GET /v1/public/requests/{id}` for a `request_id`. What they answer is read as an invoke's answer is, `data`
standing in for a missing `output`; that, and how often is asked, is decided here.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from typing import Any

from imagegen_nb.core.words import counted
from imagegen_nb.errors import ProviderError
from imagegen_nb.platform.callbacks import CallbackListener
from imagegen_nb.platform.client import PlatformClient, path_of

Answer = Mapping[str, Any]
NOT_OVER = ("running", "queued", "pending", "processing")
"""The first two are documented; the others stand for the same in answers that are not."""
_ID_KEYS = ("run_id", "request_id")
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 15.0
_SURELY_NOT = (400, 401, 403, 404, 405)
_LONGER = "(seconds=, or --seconds, waits longer)"


def status_of(answer: Answer) -> object:
    """The status, in either of the spellings that the platform's documents have."""
    return answer.get("run_status") or answer.get("status")


def ids_of(answer: Answer) -> frozenset[str]:
    """The names of the run that an answer is about."""
    found = (answer.get(key) for key in _ID_KEYS)
    return frozenset(value for value in found if isinstance(value, str) and value)


def _named_as(started: Answer, answer: Answer) -> dict[str, Any]:
    """What was told later, with the run's names; an earlier status in the other spelling is not kept."""
    return {key: started[key] for key in _ID_KEYS if key in started} | dict(answer)


def is_over(answer: Answer) -> bool:
    """Whether the run has come to an end."""
    return bool(status_of(answer)) and status_of(answer) not in NOT_OVER


def by_callback(started: Answer, listener: CallbackListener, deadline: float) -> tuple[Answer, list[str]]:
    """The first callback that tells this run's end, or `started` where none came in time; and what to note.

    Those that came before the invoke was answered are waiting in the listener. One that tells a state before
    the end is passed over, whenever it comes; one of another run, or that names none, is not this run's.
    """
    ids, foreign = ids_of(started), 0
    end: Answer = started
    if not ids:
        return started, ["the answer names no run, so that no callback can be known as this run's"]
    while not is_over(end):
        try:
            event = listener.received.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            break
        if not ids & ids_of(event):
            foreign += 1
        elif is_over(event):
            end = _named_as(started, event)
    notes = (
        [] if is_over(end) else [f"no callback told its end in time {_LONGER}; it may still go on, and cost"]
    )
    if foreign:
        notes.append(f"{counted(foreign, 'callback')} not used: of another run, or naming none")
    return end, notes


def by_asking(started: Answer, client: PlatformClient, deadline: float) -> tuple[Answer, list[str]]:
    """What the platform says of the run once it is over, or `started`; and what to note."""
    pause, run_id, request_id = _FIRST_PAUSE, started.get("run_id"), started.get("request_id")
    if isinstance(run_id, str) and run_id:
        path = path_of("workflow_runs", run_id)
    elif isinstance(request_id, str) and request_id:
        path = path_of("public", "requests", request_id)
    else:
        return started, ["the answer names no run that could be asked for"]
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            answer = client.get(path)
        except ProviderError as error:
            if error.status in _SURELY_NOT:
                return started, [f"the platform does not tell of the run: {error}"]
            continue
        if isinstance(answer, dict) and is_over(answer):
            output = answer.get("output", answer.get("data"))
            return {**_named_as(started, answer), "output": output}, []
    return started, [f"it was not over in time {_LONGER}; it may still go on, and cost"]
