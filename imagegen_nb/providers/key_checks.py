"""What cannot be a provider's key, told before anything is sent: a placeholder, or another provider's key.

Only the providers' own variables are looked at. The key of a gateway, of Azure or of a provider that was
registered has any shape.
"""

from __future__ import annotations

import re
from pathlib import Path

_SHORTEST = 12
"""Characters; no provider here has keys that are nearly as short."""
_NEVER = re.compile(r"\.\.\.|…|[<>{}$*]|x{6,}", re.IGNORECASE)
"""What no key has in it."""
_WORDS = re.compile(
    r"(?<![a-z0-9])(your|my|api|change|replace|insert|put|enter|paste|placeholder|changeme|dummy|example|todo)"
    r"(?![a-z0-9])",
    re.IGNORECASE,
)
"""What placeholders are made of. A random key has short ones by chance, and a long random part as well."""
_RANDOM_PART = re.compile(r"[A-Za-z0-9]{16}")
_BEGINNINGS = {
    "sk-ant-": ("Anthropic", ""),
    "sk-or-": ("OpenRouter", ""),
    "sk-": ("OpenAI", "openai"),
    "xai-": ("xAI", "xai"),
    "AIza": ("Google", "gemini"),
    "AQ.": ("Google", "gemini"),
}
"""How keys begin, whose they are, and which provider here takes them; the longer beginning first."""
_CHECKED = frozenset(("openai", "xai", "gemini"))
_LARGEST_ENV_FILE = 100_000


def problem(provider: str, key: str, variables: dict[str, str]) -> str:
    """Why `key` cannot be one of `provider`'s, without repeating it; empty where it may be. `variables` are
    the providers' own, by provider."""
    if provider not in _CHECKED:
        return ""
    is_made_of_words = _WORDS.search(key) and not _RANDOM_PART.search(key)
    if len(key) < _SHORTEST or _NEVER.search(key) or is_made_of_words:
        return "holds a placeholder, or something else that is not a key"
    for beginning, (owner, taker) in _BEGINNINGS.items():
        if key.startswith(beginning):
            if taker == provider:
                return ""
            where = f", which belongs in {variables[taker]}" if taker in variables else ""
            return f"holds a key of {owner}'s (it begins with {beginning}){where}"
    return ""


def env_file_hint(variable: str) -> str:
    """How to read the variable from a file `.env` in the current folder, where one names it. Its values are
    left unread: a file of keys is read only by who asks for it."""
    path = Path(".env")
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST_ENV_FILE:
            return ""
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    if not re.search(rf"^\s*(export\s+)?{re.escape(variable)}\s*=\s*\S", text, re.MULTILINE):
        return ""
    return (
        f". The file .env here names {variable}, and is read on request only: pip install python-dotenv, "
        "then in a cell: import dotenv; dotenv.load_dotenv('.env')"
    )
