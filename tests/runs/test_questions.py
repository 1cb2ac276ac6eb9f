"""A question in the ledger, from before it is sent: what every reader of the ledger makes of it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, replace

import pytest
from support.images import picture

from imagegen_nb import ImageGenerationStep
from imagegen_nb.core.types import ResponseMetadata, VisionAnswer, VisionRequest
from imagegen_nb.emulator import Fault
from imagegen_nb.errors import InvalidOption, ProviderFault
from imagegen_nb.providers import catalog
from imagegen_nb.runs import questions
from imagegen_nb.runs.questions import Question, ask
from imagegen_nb.runs.stored_run import stored_error, stored_run
from imagegen_nb.store.maintenance import check

OPENAI = next(provider for provider in catalog.providers() if provider.name == "openai")
SCHEMA = {
    "type": "object",
    "properties": {"score": {"type": "number", "minimum": 0, "maximum": 1}},
    "required": ["score"],
    "additionalProperties": False,
}
KEY = "sk-proj-0123456789abcdefghijklmnopqrstuv"


def question(**changes: object) -> Question:
    request = VisionRequest(
        model="gpt-5.4-mini",
        question="Is it blue?",
        image=picture("PNG"),
        media_type="image/png",
        schema=SCHEMA,
        most_tokens=1000,
    )
    asked = Question(
        provider=OPENAI,
        request=request,
        width=64,
        height=48,
        charge_type="personal",
        asked_by={"judge": "mine"},
        about={"image": "i1"},
    )
    return replace(asked, **changes)


def read(answer: VisionAnswer) -> dict[str, object]:
    if answer.error is not None:
        raise answer.error
    return {"text": answer.text}


def asked(workspace, **changes: object) -> questions.Answered:
    return asyncio.run(ask(question(**changes), workspace, read))


def test_it_is_entered_before_it_is_sent(workspace, emulator):
    emulator.script("openai", Fault("hang"))

    async def look_meanwhile() -> None:
        asking = asyncio.create_task(ask(question(), workspace, read))
        while not emulator.requests:  # noqa: ASYNC110 - the server has no event to wait for
            await asyncio.sleep(0.01)
        (entry,) = await asyncio.to_thread(lambda: list(workspace.runs()))
        assert (entry.state, entry.charge, entry.count, entry.call) == ("calling", "unknown", 0, "question")
        assert entry.ceiling_ticks > 0
        asking.cancel()
        await asyncio.wait({asking})

    asyncio.run(look_meanwhile())


def test_its_end_says_what_it_cost_and_what_came(workspace):
    answered = asked(workspace)
    entry = workspace.store.find_run(answered.run_id)
    assert (entry.state, entry.charge, entry.prompt) == ("done", "charged", "Is it blue?")
    (past,) = workspace.history(questions=True)
    assert (len(workspace.history(questions=True)), len(workspace.history())) == (1, 0)
    assert past.is_question
    assert past.answer == answered.value
    assert past.settings["judge"] == "mine"
    assert past.inputs == {"image": "i1"}


def test_a_failure_is_kept_as_it_was(workspace, emulator):
    emulator.script("openai", Fault("server_error"))
    with pytest.raises(ProviderFault):
        asked(workspace)
    (entry,) = workspace.runs()
    assert (entry.state, entry.charge, entry.cost_ticks) == ("failed", "unknown", None)
    error = stored_error(entry)
    assert isinstance(error, ProviderFault)
    assert error.status == 500


def test_what_a_plug_in_raises_becomes_an_error_of_ours(workspace):
    class Wild(type(OPENAI)):
        name = "openai"

        async def answer(self, request, connection):
            raise LookupError(KEY)

    with pytest.raises(ProviderFault, match="raised LookupError") as caught:
        asked(workspace, provider=Wild())
    assert KEY not in repr(caught.value)
    assert caught.value.__context__ is None
    (entry,) = workspace.runs()
    assert (entry.state, entry.charge) == ("failed", "unknown")


def test_where_there_is_no_way_to_ask_nothing_is_charged(workspace):
    class Mute(type(OPENAI)):
        async def answer(self, request, connection):
            raise InvalidOption("no way to ask")

    with pytest.raises(InvalidOption):
        asked(workspace, provider=Mute())
    (entry,) = workspace.runs()
    assert (entry.state, entry.charge, entry.cost_ticks) == ("failed", "none", 0)


def test_no_key_is_kept(workspace, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", KEY)

    class Leaky(type(OPENAI)):
        async def answer(self, request, connection):
            return VisionAnswer(text=f"the key is {KEY}", metadata=ResponseMetadata(reported={"key": KEY}))

    request = replace(question().request, question=f"Is it {KEY}?")
    asked(workspace, provider=Leaky(), request=request, asked_by={"rubric": KEY}, about={"image": KEY})
    (entry,) = workspace.runs()
    assert KEY not in str(asdict(entry))


def test_it_is_no_run_of_the_history(workspace):
    step = ImageGenerationStep(prompt="A lamp", image_size="1024x640", image_quality="low")
    run = step.run(workspace=workspace)
    asked(workspace)
    assert [past.id for past in workspace.history()] == [run.id]
    assert "History · 1 run in the store" in repr(workspace.history())
    shown = repr(workspace.history(questions=True))
    assert "History · 1 question in the store" in shown
    assert "Only questions" in shown
    assert "gpt-5.4-mini" in shown
    assert "0 of 0" not in shown
    assert workspace.count_runs() == 2


def test_in_the_history_a_question_shows_what_it_is_about(workspace):
    step = ImageGenerationStep(prompt="A lamp", image_size="1024x640", image_quality="low")
    (image,) = step.run(workspace=workspace).output.assets
    about = {"image": image.id, "file_name": image.file_name}
    asked(workspace, asked_by={"rubric": "Is the lamp blue?"}, about=about)
    asked(workspace, about={"image": "gone", "file_name": "gone.png"})
    history = workspace.history(questions=True)
    shown = repr(history)
    assert "Is the lamp blue?" in shown
    assert f"done, asked about {image.file_name}, text " in shown
    assert "done, asked about gone.png" in shown
    html = history._repr_mimebundle_()["text/html"]
    assert html.count("data:image/webp") == 1
    assert "image stored elsewhere" in html
    assert [past.row()["requested"] for past in history] == [0, 0]


def test_a_history_is_told_plainly_whether_questions_are_wanted(workspace):
    with pytest.raises(InvalidOption, match="questions = 'yes'"):
        workspace.history(questions="yes")


def test_it_has_no_step_and_no_run(workspace):
    entry = workspace.store.find_run(asked(workspace).run_id)
    with pytest.raises(InvalidOption, match="asked about an image and made none"):
        stored_run(entry, workspace.store)


def test_a_store_with_questions_is_sound(workspace):
    asked(workspace)
    assert check(workspace.store).problems == []
