"""Records the calls of a program or notebook once, and replays them offline, free and unchanged.

    import imagegen_nb as ig

    with ig.replay.use("hero"):
        run = step.run(workspace=workspace)

Cassettes are folders below `cassettes/`: the calls as readable text, the images as files beside it.
"""

from __future__ import annotations

from imagegen_nb.replay.environment import environment_for
from imagegen_nb.replay.opening import status, use, use_environment
from imagegen_nb.replay.session import Session, Status

__all__ = ["Session", "Status", "environment_for", "status", "use", "use_environment"]
