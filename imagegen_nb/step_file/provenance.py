"""Where the output in a step file came from, and what of it was sent to the platform."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from imagegen_nb.core.types import Backend

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Upload(BaseModel):
    """One image that was sent to the workflow platform: which bytes, from where, and as what.

    `asset_id` is the platform's id of it, which the output's record has from then on; it is missing while
    nobody knows whether the image arrived. `local_id` and `local_url` are what the record had before.
    """

    model_config = _STRICT

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    local_id: str
    local_url: str
    workspace_id: str
    started_at: str = Field(max_length=40)
    asset_id: str | None = None


class Provenance(BaseModel):
    """Where the output came from. `identifier` is the name by which later steps refer to it.

    `backend` is `emulator` or `simulation` for images no provider made. `sha256` has the hash of each
    asset's bytes by asset id. `duration` is in seconds. `notes` are sentences for whoever reads the file,
    `uploads` what was sent to the platform.
    """

    model_config = _STRICT

    identifier: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=100)
    run_id: str | None = None
    status: str | None = None
    backend: Backend | None = None
    answered_by: str | None = None
    paid_by: str | None = None
    requested: int | None = None
    returned: int | None = None
    blocked: int | None = None
    usage: dict[str, Any] | None = None
    request_ids: list[str] | None = None
    started_at: str | None = None
    duration: float | None = None
    sha256: dict[str, str] | None = None
    notes: list[str] | None = None
    uploads: list[Upload] | None = None
