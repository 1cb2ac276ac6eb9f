from __future__ import annotations

import pytest

from imagegen_nb import emulator


def test_the_public_names_are_sorted_and_there():
    assert emulator.__all__ == [
        "Emulator",
        "Fault",
        "LoggedRequest",
        "PlatformEmulator",
        "create_app",
        "provider_names",
    ]
    assert sorted(emulator.__all__) == emulator.__all__
    assert all(hasattr(emulator, name) for name in emulator.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = emulator.Nothing
