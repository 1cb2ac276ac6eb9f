"""Finds the providers' keys in files of all kinds: `extract` reads a file as fragments, `decode` undoes what
may hide a key in one, and `scan` searches them and reports the findings."""
