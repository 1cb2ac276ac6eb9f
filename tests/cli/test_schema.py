"""`imagegen-nb schema`."""

from __future__ import annotations

from support.command_line import CommandLine

from imagegen_nb.step.step import ImageGenerationStep


def test_the_schema_of_the_settings_and_of_a_file(cli: CommandLine) -> None:
    assert cli("schema").json() == ImageGenerationStep.json_schema()
    assert "provenance" in cli("schema", "--file").json()["properties"]
