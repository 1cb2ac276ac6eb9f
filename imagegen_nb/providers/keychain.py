"""Keys kept in the system's keyring, under the name of the variable they would otherwise stand in.

The package `keyring` is optional, and so is what it finds: an entry that is missing, locked or behind a
broken backend is no key, and whatever a backend raises stays here, since it may hold what was asked for.
"""

from __future__ import annotations

import time

from pydantic import SecretStr

SERVICE = "imagegen-nb"
"""What the entries are filed under: `keyring set imagegen-nb OPENAI_API_KEY`."""
_REMEMBERED = 60.0
"""Seconds an answer holds, so that a form does not ask the system (and the system its user) at every key."""

_answers: dict[str, tuple[float, SecretStr]] = {}


def find(name: str) -> str:
    """The key filed under `name`; empty when there is none, or no way to ask."""
    asked, answer = _answers.get(name, (0.0, SecretStr("")))
    now = time.monotonic()
    if name not in _answers or now - asked > _REMEMBERED:
        answer = SecretStr(_ask(name))
        _answers[name] = (now, answer)
    return answer.get_secret_value()


def seen() -> list[str]:
    """Every key that was found, for those who keep keys out of texts."""
    return [key for _, answer in _answers.values() if (key := answer.get_secret_value())]


def _ask(name: str) -> str:
    try:
        import keyring

        found = keyring.get_password(SERVICE, name)
    # Backends are plug-ins of the system's: they raise whatever they like.
    except Exception:  # noqa: BLE001
        return ""
    return found.strip() if isinstance(found, str) else ""
