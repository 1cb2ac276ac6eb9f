"""What is no key, or another provider's, is refused before a connection, and never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from imagegen_nb import AzureOpenAI, Gateway, ImageGenerationStep, Workspace
from imagegen_nb.errors import MissingCredential
from imagegen_nb.providers import key_checks

MODELS = {
    "OPENAI_API_KEY": "gpt-image-2",
    "XAI_API_KEY": "grok-imagine-image-2.0",
    "GEMINI_API_KEY": "gemini-nano-banana-2.1",
}
OPENAI, XAI, GOOGLE = "sk-proj-" + "aB3" * 16, "xai-" + "aB3" * 26, "AIza" + "aB3d5" * 7


@pytest.mark.parametrize("variable", MODELS)
@pytest.mark.parametrize(
    "placeholder",
    [
        *("hello", "sk-...", "your-api-key", "YOUR_OPENAI_API_KEY", "<paste-the-key>", "changeme-changeme"),
        *("sk-xxxxxxxxxxxxxxxxxxxx", "${OPENAI_API_KEY}", "my-api-key-here"),
    ],
)
def test_a_placeholder_is_no_key(tmp_path, monkeypatch, variable, placeholder):
    monkeypatch.setenv(variable, placeholder)
    step = ImageGenerationStep(prompt="a lamp", model=MODELS[variable])
    with pytest.raises(MissingCredential, match=f"{variable} is set, but holds a placeholder") as refused:
        step.run(workspace=Workspace(tmp_path))
    assert placeholder not in str(refused.value).replace(f"os.environ[{variable!r}]", "")
    assert f"Two ways on: replace it (export {variable}=" in str(refused.value)


@pytest.mark.parametrize(
    ("variable", "key", "told"),
    [
        ("OPENAI_API_KEY", GOOGLE, "a key of Google's .* belongs in GEMINI_API_KEY"),
        ("OPENAI_API_KEY", XAI, "a key of xAI's .* belongs in XAI_API_KEY"),
        ("OPENAI_API_KEY", "sk-ant-" + "aB3" * 20, "a key of Anthropic's"),
        ("GEMINI_API_KEY", OPENAI, "a key of OpenAI's .* belongs in OPENAI_API_KEY"),
        ("XAI_API_KEY", OPENAI, "a key of OpenAI's"),
    ],
)
def test_another_providers_key_is_told_with_where_it_belongs(tmp_path, monkeypatch, variable, key, told):
    monkeypatch.setenv(variable, key)
    step = ImageGenerationStep(prompt="a lamp", model=MODELS[variable])
    workspace = Workspace(tmp_path)
    with pytest.raises(MissingCredential, match=told) as refused:
        step.run(workspace=workspace)
    assert key not in str(refused.value)
    payer, found = workspace.pays(step)
    assert (payer.startswith(f"no key: {variable} holds a key of"), found) == (True, False)


@pytest.mark.parametrize(("variable", "key"), list(zip(MODELS, (OPENAI, XAI, GOOGLE), strict=True)))
def test_a_providers_own_key_is_taken(tmp_path, monkeypatch, variable, key):
    monkeypatch.setenv(variable, key)
    assert Workspace(tmp_path).pays(ImageGenerationStep(prompt="x", model=MODELS[variable]))[1]


@pytest.mark.parametrize("key", ["hello", GOOGLE, "your-api-key"])
def test_the_key_of_a_gateway_or_of_azure_has_any_shape(tmp_path, monkeypatch, key):
    monkeypatch.setenv("ANY_KEY", key)
    for account in (
        Gateway("https://gateway.example/v1", "ANY_KEY"),
        AzureOpenAI("https://name.openai.azure.com", "2025-04-01-preview", key_variable="ANY_KEY"),
    ):
        assert Workspace(tmp_path, hosted={"openai": account}).pays(ImageGenerationStep(prompt="x"))[1]


def test_a_random_key_may_have_a_short_word_in_it():
    assert key_checks.problem("openai", "sk-proj-" + "aB3d5" * 4 + "-my_" + "aB3d5" * 4, {}) == ""


def test_a_registered_providers_key_has_any_shape():
    assert key_checks.problem("paint", "hello", {}) == ""


def test_a_file_of_keys_is_named_and_not_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    step, workspace = ImageGenerationStep(prompt="x"), Workspace(tmp_path)
    Path(".env").write_text(f"# OPENAI_API_KEY=old\nexport XAI_API_KEY={XAI}\n")
    with pytest.raises(MissingCredential) as refused:
        step.run(workspace=workspace)
    assert "file .env" not in str(refused.value)
    Path(".env").write_text(f"OPENAI_API_KEY={OPENAI}\n")
    with pytest.raises(MissingCredential, match=r"\.env here names OPENAI_API_KEY.*load_dotenv") as refused:
        step.run(workspace=workspace)
    assert OPENAI not in str(refused.value)
