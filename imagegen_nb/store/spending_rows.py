"""What runs have cost, as totals that triggers keep in a store's database, so that no start adds up all runs.

A budget is asked about before each run. Runs under way are few and are added up each time; those that have
ended stand in a total of the store and one of each session, and so do those in batches, which are told apart.
"""

from __future__ import annotations

import sqlite3

from imagegen_nb.store.base import Spending

_OF_ALL = "all"
_OF_SESSION = "session:"


def _cost(row: str = "") -> str:
    """A run's cost in SQL: one without a charge cost nothing, any other of unknown cost its ceiling, if it
    has one."""
    return f"CASE WHEN {row}charge = 'none' THEN 0 ELSE coalesce({row}cost_ticks, {row}ceiling_ticks) END"


def _add(row: str) -> str:
    facts = f"{row}emulated, coalesce({_cost(row)}, 0), {_cost(row)} IS NULL"
    return (
        f"INSERT INTO spent VALUES ('{_OF_ALL}', {facts}), ('{_OF_SESSION}' || {row}session, {facts}) "  # noqa: S608 - own names
        "ON CONFLICT (scope, emulated) DO UPDATE SET "
        "ticks = ticks + excluded.ticks, unbounded = unbounded + excluded.unbounded;"
    )


def _subtract(row: str) -> str:
    return (
        f"UPDATE spent SET ticks = ticks - coalesce({_cost(row)}, 0), "  # noqa: S608 - own names
        f"unbounded = unbounded - ({_cost(row)} IS NULL) "
        f"WHERE scope IN ('{_OF_ALL}', '{_OF_SESSION}' || {row}session) AND emulated = {row}emulated;"
    )


def _trigger(name: str, event: str, row: str, statement: str) -> str:
    return (
        f"CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON run WHEN {row}state != 'calling' "
        f"BEGIN {statement} END"
    )


SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS spent (
        scope TEXT NOT NULL,
        emulated INTEGER NOT NULL,
        ticks INTEGER NOT NULL,
        unbounded INTEGER NOT NULL,
        PRIMARY KEY (scope, emulated)
    ) STRICT, WITHOUT ROWID
    """,
    # What earlier layouts read a sum from.
    "DROP INDEX IF EXISTS run_spending",
    _trigger("run_added", "INSERT", "NEW.", _add("NEW.")),
    _trigger("run_ended", "UPDATE", "NEW.", _add("NEW.")),
    _trigger("run_changed", "UPDATE", "OLD.", _subtract("OLD.")),
    _trigger("run_removed", "DELETE", "OLD.", _subtract("OLD.")),
)


def count_anew(connection: sqlite3.Connection) -> None:
    """Make the totals from all runs, for a database that had none."""
    connection.execute("DELETE FROM spent")
    for scope in (f"'{_OF_ALL}'", f"'{_OF_SESSION}' || session"):
        connection.execute(
            f"INSERT INTO spent SELECT {scope}, emulated, coalesce(sum({_cost()}), 0), "  # noqa: S608 - own names
            f"count(*) - count({_cost()}) FROM run WHERE state != 'calling' GROUP BY 1, 2"
        )


def spending(connection: sqlite3.Connection, *, emulated: bool, session: str | None) -> Spending:
    """What runs have cost, all or those of one session. Raises `sqlite3.Error`."""
    scope = _OF_ALL if session is None else f"{_OF_SESSION}{session}"
    ended = connection.execute(
        "SELECT ticks, unbounded FROM spent WHERE scope = ? AND emulated = ?", (scope, emulated)
    ).fetchone()
    reserved, unbounded = _in_state("calling", connection, emulated, session)
    submitted, _ = _in_state("submitted", connection, emulated, session)
    spent, earlier = ended or (0, 0)
    return Spending(
        spent=int(spent) - submitted, reserved=reserved + submitted, unbounded=int(earlier) + unbounded
    )


def _in_state(
    state: str, connection: sqlite3.Connection, emulated: bool, session: str | None
) -> tuple[int, int]:
    """What the runs in a state can cost, and how many are of a cost that nothing bounds."""
    query = (
        f"SELECT coalesce(sum({_cost()}), 0), count(*) - count({_cost()}) "  # noqa: S608 - own names
        f"FROM run INDEXED BY run_{state} WHERE state = '{state}' AND emulated = ?"
    )
    values: tuple[object, ...] = (emulated,)
    if session is not None:
        query, values = f"{query} AND session = ?", (*values, session)
    reserved, unbounded = connection.execute(query, values).fetchone()
    return int(reserved), int(unbounded)
