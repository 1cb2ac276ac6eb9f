"""What a run would cost, as a sentence that stands behind who pays."""

from __future__ import annotations

from collections.abc import Mapping

from imagegen_nb.core.words import counted
from imagegen_nb.pricing.amount_in_words import because
from imagegen_nb.pricing.estimate import Estimate


def cost_line(estimate: Estimate, labels: Mapping[str, str], *, live: bool) -> str:
    """The sentence for `estimate`; `labels` are the platform's words for settings by key. Where nobody pays
    (not `live`) it says that it speaks of what is not the case: on the line before, nothing is charged."""
    reason = estimate.reason
    for key, label in labels.items():
        reason = reason.replace(key, label)
    task_credits = f"{counted(estimate.task_credits, 'task credit')} (the platform counts one for each image)"
    begins = "A run costs" if live else "If it were real, a run would cost"
    return f"{begins} {estimate.amount}{because(reason)}, and {task_credits}."
