"""The Image Generation step as a value: settings, validation, output, and what later steps refer to."""
