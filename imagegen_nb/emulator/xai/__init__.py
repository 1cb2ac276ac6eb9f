"""xAI's image API, as the emulator speaks it."""
