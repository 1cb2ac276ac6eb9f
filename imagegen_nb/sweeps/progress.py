"""A bar that shows a sweep's progress: tqdm's, which knows notebooks, where it is installed, else one of its
own in a notebook and rich's in a terminal."""

from __future__ import annotations

import importlib.util
import warnings
from html import escape
from typing import Any, Protocol

from IPython.core.getipython import get_ipython

from imagegen_nb.core.html_repr import html_output
from imagegen_nb.core.words import counted


class Progress(Protocol):
    """What is told as cells end."""

    def advance(self, note: str) -> None:
        """One more cell has ended; `note` says what there is to say of all so far."""

    def close(self) -> None:
        """No more cells will end."""


class Silent:
    """Shows nothing."""

    def advance(self, note: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _Tqdm:
    def __init__(self, total: int, unit: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a notebook has no widgets for it: it has a text then
            from tqdm.auto import tqdm
        self._bar: Any = tqdm(total=total, unit=unit)

    def advance(self, note: str) -> None:
        """One cell further."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()


class _Displayed:
    """A bar with words, as an output that changes. Rich's is a widget in a notebook, whose last update is
    left out, and a saved notebook would hold nothing of it."""

    def __init__(self, total: int, unit: str) -> None:
        from IPython import display

        drawn: Any = display  # which IPython does not type
        self._total, self._unit = total, unit
        self._done, self._note, self._is_closed = 0, "", False
        self._handle = drawn.DisplayHandle()
        self._handle.display(self)

    def advance(self, note: str) -> None:
        """One cell further."""
        self._done, self._note = self._done + 1, note
        self._handle.update(self)

    def close(self) -> None:
        """Leave the words alone: a bar would look as if something still went on."""
        self._is_closed = True
        self._handle.update(self)

    def __repr__(self) -> str:
        words = f"{self._done:,} of {counted(self._total, self._unit)}"
        return f"{words}: {self._note}" if self._note else words

    def _repr_html_(self) -> str:
        bar = f'<progress max="{self._total}" value="{self._done}"></progress> '
        return html_output(f"{'' if self._is_closed else bar}{escape(repr(self))}")


class _Rich:
    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        self._bar = Bar(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("", total=total)
        self._bar.start()

    def advance(self, note: str) -> None:
        """One cell further."""
        self._bar.update(self._task, advance=1, description=note)

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.stop()


def bar(total: int, *, shown: bool, unit: str = "cell") -> Progress:
    """A bar for `total` cells, or whatever the unit is, or nothing."""
    if not shown or not total:
        return Silent()
    if importlib.util.find_spec("tqdm") is not None:
        return _Tqdm(total, unit)
    return _Displayed(total, unit) if hasattr(get_ipython(), "kernel") else _Rich(total)
