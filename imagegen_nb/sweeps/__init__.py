"""Sweeps: one step over many prompts, models, settings and inputs, and what came of it."""
