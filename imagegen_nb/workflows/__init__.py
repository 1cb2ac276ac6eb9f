"""Workflows: image steps one after another, and what each of them gave."""
