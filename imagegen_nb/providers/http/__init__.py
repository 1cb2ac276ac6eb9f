"""How providers are called over HTTP: one guarded client, its transport, rate limits, and strict answers."""
