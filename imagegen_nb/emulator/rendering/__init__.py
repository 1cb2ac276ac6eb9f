"""The emulator's pictures: deterministic, and plainly marked as emulated."""
