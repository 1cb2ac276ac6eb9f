"""The environment of tests and of what they start: nothing of whoever runs them."""

from __future__ import annotations

import os
import re

FOREIGN = re.compile(r"(?i)^(openai|azure|xai|gemini|google|gcloud|cloudsdk|fetch_hive|aws)_|_proxy$")
"""Variables that hold provider keys, the settings of SDKs, or a proxy."""


def own_environment(*, without: str = "$^") -> dict[str, str]:
    """This process's variables but for the foreign ones, and those whose names `without` matches."""
    excluded = re.compile(without, re.IGNORECASE)
    return {
        name: value
        for name, value in os.environ.items()
        if not FOREIGN.search(name) and not excluded.search(name)
    }
