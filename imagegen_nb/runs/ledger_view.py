"""The ledger as `workspace.runs()` shows it: entries to go through, to index, and to look at."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from imagegen_nb.core import html_repr
from imagegen_nb.core.words import counted, shortened
from imagegen_nb.runs.lazy_list import LazyList
from imagegen_nb.store.base import LedgerEntry, Store

_SHOWN = 12
_LONGEST = 80
"""Characters of a prompt in a line."""
_CHARGES = {"none": "nothing charged", "unknown": "charge unknown", "charged": "charged"}


class LedgerView(LazyList[LedgerEntry]):
    """The runs in the ledger: `runs[0]`, `runs[-1]`, `runs[:10]`. Nothing is read before somebody looks, and
    each look reads anew."""

    def __init__(self, store: Store, *, newest_first: bool, after: str | None, limit: int | None) -> None:
        self._store = store
        self._newest_first, self._after, self._limit = newest_first, after, limit

    def __iter__(self) -> Iterator[LedgerEntry]:
        return islice(self._store.list_runs(newest_first=self._newest_first, after=self._after), self._limit)

    def __len__(self) -> int:
        if self._after is not None:
            return super().__len__()
        total = self._store.count_runs()
        return total if self._limit is None else min(total, self._limit)

    def __repr__(self) -> str:
        # No ids and no times: a saved notebook shows the same after the same runs.
        shown = list(islice(self, _SHOWN + 1))
        lines = [_line(entry) for entry in shown[:_SHOWN]]
        if len(shown) > _SHOWN:
            lines.append("and more: runs[n], or workspace.history() with their images")
        total = counted(self._store.count_runs(), "run") if shown else "no runs"
        return html_repr.text(f"Ledger · {total} in the store", lines, [])


def _line(entry: LedgerEntry) -> str:
    # An emulator charges nobody; what the entry says then is what a provider would have done.
    charge = f"{_CHARGES[entry.charge]} if it were real" if entry.emulated else _CHARGES[entry.charge]
    mark = " · EMULATED" if entry.emulated else ""
    what = counted(entry.count, "image") if entry.count else "a question"
    return f"{entry.model} · {what} · {entry.state} · {charge}{mark} · {shortened(entry.prompt, _LONGEST)}"
