"""Whether a workspace's budgets may run out during a sweep, said before its first call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal

from imagegen_nb.core import active_cassette
from imagegen_nb.core.money import from_ticks, show
from imagegen_nb.core.words import counted
from imagegen_nb.pricing.estimate import PricedCall, estimate
from imagegen_nb.runs import ledger
from imagegen_nb.store.base import Budget, Spending
from imagegen_nb.sweeps.context import Context
from imagegen_nb.sweeps.estimate import total
from imagegen_nb.sweeps.wording import Wording


def warning_of(context: Context, calls: Iterable[PricedCall], wording: Wording) -> str:
    """What to say where the cells with these `calls` may cost more than is left; empty where they cannot, and
    while a cassette answers, which costs nothing."""
    cassette = active_cassette.current()
    if context.budget is None or (cassette is not None and cassette.replaying):
        return ""
    estimates = [(estimate(call), count) for call, count in Counter(calls).items()]
    if not estimates:
        return ""
    together = total(estimates)
    each = [one.ceiling for one, _ in estimates]
    reasons = []
    for option, left in _left(context, context.budget):
        least = min((most for most in each if most is not None), default=None)
        if option == "run_budget":
            wrong = sum(count for one, count in estimates if one.ceiling is None or one.ceiling > left)
            if wrong:
                reasons.append(f"run_budget = {show(left)} does not allow {wrong:,} of them")
        elif least is None or least > left:
            reasons.append(f"{option} has {show(left)} left, which allows none of them")
        elif together.ceiling is None or together.ceiling > left:
            reasons.append(f"{option} has {show(left)} left, which may not be enough for all")
    if not reasons:
        return ""
    return (
        f"{counted(together.cells, 'cell')} to run, estimate: {together}. {'; '.join(reasons)}. A cell that "
        f"a budget does not allow fails, and nothing is sent for it. {wording.spend_less}"
    )


def _left(context: Context, budget: Budget) -> Iterator[tuple[str, Decimal]]:
    """What each bound leaves at most, by the name it is given by."""
    if budget.run is not None:
        yield "run_budget", from_ticks(budget.run)
    for option, most, session in (
        ("session_budget", budget.session, ledger.session()),
        ("budget", budget.total, None),
    ):
        if most is not None:
            # Only stores that keep a ledger can be under a budget; each of them can sum it up.
            before: Spending = context.store.spending(  # type: ignore[attr-defined]
                emulated=context.backend == "emulator", session=session
            )
            yield option, from_ticks(max(most - before.spent - before.reserved, 0))
