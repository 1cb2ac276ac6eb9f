"""Where images are kept: the interface of a store, and a store in a folder."""
