"""The files by which a folder shows that it is one of ours: a command that is given another says so."""

CASSETTE_FILE = "cassette.yaml"
"""The calls of a cassette."""
STORE_FILE = "index.sqlite3"
"""The database of a store."""
