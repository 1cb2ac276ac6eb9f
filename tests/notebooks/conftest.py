"""Notebooks are recorded in a project folder of their own."""

from support.cassettes import lamp, live, project

__all__ = ["lamp", "live", "project"]
