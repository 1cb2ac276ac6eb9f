"""The last runs of this process."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from imagegen_nb import ImageGenerationStep, StepFailed, Workspace
from imagegen_nb.runs import recent_runs


def test_so_many_are_kept_and_each_once():
    for number in range(3 * recent_runs._MOST):
        recent_runs.remember(SimpleNamespace(id=str(number // 2)))
    kept = [int(run.id) for run in recent_runs.recent()]
    assert kept == list(range(kept[0], kept[0] + recent_runs._MOST))


def test_runs_are_among_them_however_they_ended(emulator, tmp_path):
    step = ImageGenerationStep(prompt="a fox")
    done = step.run(workspace=Workspace(tmp_path, backend=emulator.url))
    with pytest.raises(StepFailed) as failed:
        step.run(workspace=Workspace(tmp_path, backend=emulator.url, storage_limit=1))
    assert recent_runs.recent() == [done, failed.value.run]
