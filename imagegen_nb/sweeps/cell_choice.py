"""Which cells of a sweep are meant, and which of them may be run without paying for anything twice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from imagegen_nb.errors import InvalidOption
from imagegen_nb.sweeps.cell import Cell
from imagegen_nb.sweeps.cell_table import CellTable
from imagegen_nb.sweeps.execution import Task


class ChosenCells(CellTable):
    """Cells that can be named by their numbers, by themselves, or by how they ended."""

    def _tasks(
        self,
        attempts: Mapping[int, int],
        only: Literal["failed"] | Iterable[Cell | int] | None,
        repeat: Literal["unknown"] | Iterable[Cell | int],
    ) -> list[Task]:
        wanted = None if only is None else self._chosen("only", only, self.failed)
        asked = self._chosen("repeat", repeat, self.unknown)
        for number in asked:
            if self._result(number).outcome != "unknown":
                raise InvalidOption(
                    f"repeat: cell {number} is {self._result(number).outcome}; only those whose charge is "
                    "unknown are repeated on request (sweep.unknown); run() decides about the others"
                )
        # What was never sent has not failed: to run it may be more than was meant, and is said instead.
        self._left_waiting = len(self.waiting) if only == "failed" else 0
        numbers = [
            number
            for number in range(len(self))
            if (wanted is None or number in wanted or number in asked)
            and (self._result(number).is_free or number in asked)
        ]
        return [self._task(number, attempts.get(number, 0)) for number in numbers]

    def _task(self, number: int, attempts: int) -> Task:
        one = self._plans[number]
        return Task(number, one.key, one.call, attempts, one.provider)

    def _chosen(self, option: str, given: object, named: list[Cell]) -> set[int]:
        word = {"only": "failed", "repeat": "unknown"}.get(option)
        if word is not None and given == word:
            return {cell.number for cell in named}
        if isinstance(given, str) or not isinstance(given, Iterable):
            either = f'"{word}", or ' if word else ""
            raise InvalidOption(f"{option} = {given!r}: give {either}a list of cells of this sweep")
        return {self._number(cell, option) for cell in given}

    def _number(self, cell: object, option: str) -> int:
        if isinstance(cell, Cell) and cell._sweep is self:
            return cell.number
        if type(cell) is int and -len(self) <= cell < len(self):
            return range(len(self))[cell]
        raise InvalidOption(
            f"{option}: {cell!r} is not a cell of this sweep: give one of sweep.cells, or its number, 0 to "
            f"{len(self) - 1}"
        )
