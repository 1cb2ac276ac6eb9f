"""Stands before the package of this name in the processes of tests, and says that it is not installed.

jsonschema imports it for formats of addresses that nothing here checks, does without it where it is missing,
and so saves two seconds of every process that reads a notebook: the package builds 38 grammars on import.
"""

raise ImportError("the tests do without it")
