"""The providers: one file each, found by `imagegen_nb.providers.catalog`."""
