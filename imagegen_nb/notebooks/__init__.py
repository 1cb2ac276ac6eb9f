"""Notebooks as programs: executed, recorded, and compared."""
