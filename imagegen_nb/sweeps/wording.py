"""What a sweep advises, in the words of where it was started: each names only what can be written there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """How a place says what a sweep can do. The command line has a `Wording` of its own."""

    only_failed: str = 'only="failed"'
    run_waiting: str = "run() runs them, or run(only=sweep.waiting)"
    repeat_unknown: str = 'by run(repeat="unknown") or run(repeat=[cells])'
    spend_less: str = "Raise the budget, or run fewer cells, sweep.run(workspace=ws, only=[...])"
    collect: str = "collect() fetches what is ready"
    give_up: str = "collect(give_up=True) ends them as unknown, so that run(repeat=...) may run them again"
    see_skipped: str = "see sweep.skipped"
    look_again: str = "load() shows what has become of them"
    go_on: str = "The same call goes on from here"


PYTHON = Wording()
