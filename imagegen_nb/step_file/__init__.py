"""The step file: a validated step and its run as one versioned document, written and read."""
