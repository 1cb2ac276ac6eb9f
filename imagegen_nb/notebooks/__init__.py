"""Notebooks as programs: executed, recorded with their calls, and compared with a replay."""
