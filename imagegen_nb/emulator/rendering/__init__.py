"""The emulator's images: deterministic, and plainly marked as emulated."""
