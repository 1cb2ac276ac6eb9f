"""Moments as they are written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from imagegen_nb.core.timestamps import utc_now


def test_the_moment_is_now_in_utc_to_the_second():
    before = datetime.now(UTC).replace(microsecond=0)
    written = utc_now()
    moment = datetime.fromisoformat(written)
    assert before <= moment <= datetime.now(UTC)
    assert moment.utcoffset() == timedelta(0)
    assert written.endswith("+00:00")
    assert "." not in written
