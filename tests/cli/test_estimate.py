"""`imagegen-nb estimate`, and what `run` says of money: unknown is never a zero."""

from __future__ import annotations

from support.command_line import EMULATED, CommandLine

from imagegen_nb import save_step
from imagegen_nb.step.step import ImageGenerationStep


def test_an_estimate_in_words_and_as_json(cli: CommandLine) -> None:
    step = ImageGenerationStep(model="grok-imagine-image", prompt="a {{what}}", image_count=3)
    save_step("grok.json", step, inputs={"what": "fox"})
    outcome = cli("estimate", "grok.json")
    assert outcome.code == 0, outcome.err
    assert "$0.06 · 3 task credits" in outcome.out
    facts = cli("estimate", "grok.json", "-i", "what=cat", "--json").json()
    assert isinstance(facts, dict)
    assert (facts["low"], facts["high"], facts["currency"]) == ("0.06", "0.06", "USD")
    assert facts["prices"]["image"]["source"].startswith("https://docs.x.ai")
    assert "bytes to store 3 images: unknown (the model chooses the size in pixels); a storage" in outcome.out
    assert facts["stored_bytes"]["low"] is None


def test_an_unknown_cost_is_null_with_its_reason(cli: CommandLine, file: str) -> None:
    facts = cli("estimate", file, "-i", "room=x", "--json").json()
    assert isinstance(facts, dict)
    assert (facts["low"], facts["high"]) == (None, None)
    assert "image_quality" in facts["reason"]


def test_a_prompt_that_is_not_filled_and_an_input_nobody_uses(cli: CommandLine, file: str) -> None:
    assert cli("estimate", file).code == 2
    assert "no variable" in cli("estimate", file, "-i", "rom=x").err


def test_run_says_what_it_cost_and_keeps_to_a_budget(cli: CommandLine) -> None:
    save_step("grok.json", ImageGenerationStep(model="grok-imagine-image", prompt="a fox"))
    facts = cli("run", "grok.json", *EMULATED, "--json", "--budget", "0.03 USD").json()
    assert isinstance(facts, dict)
    assert facts["cost"]["amount"] == "0.02"
    refused = cli("run", "grok.json", *EMULATED, "--budget", "0.03 USD")
    assert refused.code == 1
    assert "budget = $0.03" in refused.err
    assert "$0.02 if it were real" in cli("run", "grok.json", *EMULATED).err
    assert cli("run", "grok.json", *EMULATED, "--budget", "3 EUR").code == 2
