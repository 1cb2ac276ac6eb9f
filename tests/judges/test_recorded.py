"""A judge's questions on cassettes, with their pictures: recorded once, replayed without any call."""

from __future__ import annotations

import asyncio
import sys
import warnings

import pytest
from support.cassettes import PROVIDERS, STEPS, project

from imagegen_nb import ImageGenerationStep, Workspace, replay
from imagegen_nb.cli import main
from imagegen_nb.errors import InvalidResponse, RecordingMissing
from imagegen_nb.judges import VisionJudge

__all__ = ["project"]

MODELS = {"openai": "gpt-5.4-mini", "xai": "grok-4.6", "gemini": "gemini-3-flash-preview"}
RUBRIC = "Is the lamp whole, and is its shade blue?"


def judged(
    step: ImageGenerationStep, workspace: Workspace, rubric: str = RUBRIC, **options: int
) -> list[dict[str, object]]:
    """The verdicts on the images of a run, by the same provider's judge."""
    run = step.run(workspace=workspace)
    judge = VisionJudge(MODELS[PROVIDERS[step.model]], rubric=rubric, workspace=workspace, **options)

    async def each() -> list[dict[str, object]]:
        return [await judge(image, run) for image in run.output.assets]

    return asyncio.run(each())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.model)
def test_what_was_asked_once_is_not_asked_again(step, workspace, emulator, tmp_path, monkeypatch, capsys):
    with replay.use("judged", "all"):
        recorded = judged(step, workspace)
    asked = len(emulator.requests)
    live = Workspace(tmp_path / "live")  # another store, no key
    with replay.use("judged"):
        assert judged(step, live) == recorded
    assert len(emulator.requests) == asked
    entries = [entry for entry in live.runs() if not entry.count]
    assert len(entries) == len(recorded)
    assert {(entry.state, entry.charge, entry.cost_ticks) for entry in entries} == {("done", "none", 0)}
    monkeypatch.setattr(sys, "argv", ["imagegen-nb", "cassettes", "check"])
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)  # main() replaces it
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    assert capsys.readouterr().out == "good judged\n"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.model)
def test_pictures_are_files_beside_the_text_and_no_key_is_in_it(
    step, workspace, emulator, monkeypatch, tmp_path
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdefghijklmnopqrstuv")
    with replay.use("judged", "all"):
        judged(step, workspace)
    folder = tmp_path / "cassettes" / "judged"
    text = (folder / "cassette.yaml").read_text()
    assert len(text) < 60_000
    assert RUBRIC in text
    assert "sk-proj" not in text
    kinds = {path.suffix for path in (folder / "blobs").iterdir()}
    assert ".jpg" in kinds
    assert kinds <= {".jpg", ".png"}


def test_another_rubric_is_another_question(workspace, emulator, tmp_path):
    with replay.use("judged", "all"):
        judged(STEPS[0], workspace)
    asked = len(emulator.requests)
    with replay.use("judged"), pytest.raises(RecordingMissing, match=r"gpt-5\.4-mini"):
        judged(STEPS[0], Workspace(tmp_path / "live"), rubric="Is it red?")
    assert len(emulator.requests) == asked


def test_a_failure_is_recorded_too(workspace, emulator, tmp_path):
    with replay.use("judged", "all"), pytest.raises(InvalidResponse, match="cut off"):
        judged(STEPS[0], workspace, most_tokens=64)
    with replay.use("judged"), pytest.raises(InvalidResponse, match="cut off"):
        judged(STEPS[0], Workspace(tmp_path / "live"), most_tokens=64)


def test_a_replay_costs_nothing_under_the_smallest_budget(workspace, tmp_path):
    with replay.use("judged", "all"):
        judged(STEPS[0], workspace)
    with replay.use("judged"):
        assert judged(STEPS[0], Workspace(tmp_path / "live", budget="0.0000000001 USD"))


def test_a_rubric_that_names_an_earlier_image_is_found_elsewhere(workspace, tmp_path):
    """Its address holds this machine's folder, its id is random."""

    def ask(where: Workspace) -> dict[str, object]:
        run = STEPS[0].run(workspace=where)
        (image,) = run.output.assets
        judge = VisionJudge("gpt-5.4-mini", rubric=f"Is it like {image.file_url}?", workspace=where)
        return asyncio.run(judge(image, run))

    with replay.use("judged", "all"):
        recorded = ask(workspace)
    with replay.use("judged"):
        assert ask(Workspace(tmp_path / "elsewhere" / "live")) == recorded
