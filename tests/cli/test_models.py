"""`imagegen-nb models`."""

from __future__ import annotations

from support.command_line import CommandLine


def test_models_are_listed_and_described(cli: CommandLine) -> None:
    assert "gemini-2.5-flash-image" in cli("models").out
    assert "3840" in cli("models", "gpt-image-2").out
    rows = cli("models", "--json").json()
    assert {row["model"] for row in rows if row["offered"]} == {
        "gpt-image-2",
        "grok-imagine-image-quality",
        "grok-imagine-image",
        "gemini-2.5-flash-image",
    }
