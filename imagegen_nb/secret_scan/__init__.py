"""Finds providers' keys in files, wherever they hide."""
