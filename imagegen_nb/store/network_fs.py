"""Whether a store lies on a file system that other machines share, where its promises do not hold."""

from __future__ import annotations

import re
from pathlib import Path

from imagegen_nb.core import user_warnings

_MOUNTS = Path("/proc/self/mounts")
_NETWORK = re.compile(
    r"9p|afs|beegfs|ceph|cifs|davfs|fuse\.(?!fuseblk|overlay)\S+|glusterfs|gpfs|lustre|ncpfs|nfs\d?|orangefs"
    r"|smb\d?(fs)?|virtiofs"
)
"""Types as the mount table names them. What FUSE serves (sshfs, s3fs, rclone, …) is mostly elsewhere."""
_told: set[Path] = set()


def warn_once(folder: Path) -> None:
    """Warn, once a folder, when it is on a network file system."""
    kind = kind_of(folder)
    if folder in _told or not _NETWORK.fullmatch(kind):
        return
    _told.add(folder)
    user_warnings.warn(
        f"the store {folder} is on a network file system ({kind}), where locks and syncs may not hold: two "
        "machines at once can pass the storage limit or damage the index. Keep the store on a local disk",
        RuntimeWarning,
    )


def kind_of(folder: Path) -> str:
    """The type of the file system `folder` is on; empty where the system does not tell."""
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
        place = folder.resolve()
    except OSError:
        return ""
    kind, longest = "", -1
    for line in lines:
        _, point, found, *_ = line.split(" ")
        depth = len(point)
        # The later of two mounts in one place hides the other.
        if depth >= longest and place.is_relative_to(_unescaped(point)):
            kind, longest = found, depth
    return kind


def _unescaped(point: str) -> str:
    """A mount point with the spaces and other characters the table writes in octal."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), point)
