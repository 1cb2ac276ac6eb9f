"""A project folder of its own for each test, and the certainty that none leaves a cassette in use."""

from support.cassettes import lamp, live, project

__all__ = ["lamp", "live", "project"]
