"""One package, so that its tests can share a browser and close it before the tests of others."""
