"""Google's Gemini API, as the emulator speaks it."""
