"""Whether a store lies on a file system that other machines share, where its promises do not hold."""

from __future__ import annotations

import re
from pathlib import Path

from imagegen_nb.core import user_warnings

_MOUNTS = Path("/proc/self/mounts")
_NETWORK_TYPES = re.compile(
    r"9p|afs|beegfs|ceph|cifs|davfs|fuse\.(?!fuseblk|overlay)\S+|glusterfs|gpfs|lustre|ncpfs|nfs\d?|orangefs"
    r"|smb\d?(fs)?|virtiofs"
)
"""Types as the mount table names them. Most of what FUSE serves (sshfs, s3fs, rclone, …) lies elsewhere."""
_warned: set[Path] = set()


def warn_once(folder: Path) -> None:
    """Warn, once per folder, when it is on a network file system."""
    fs_type = file_system_type(folder)
    if folder in _warned or not _NETWORK_TYPES.fullmatch(fs_type):
        return
    _warned.add(folder)
    user_warnings.warn(
        f"the store {folder} is on a network file system ({fs_type}), where locks and syncs may not hold: "
        "two machines at once can pass the storage limit or damage the index. Keep the store on a local disk",
        RuntimeWarning,
    )


def file_system_type(folder: Path) -> str:
    """The type of the file system `folder` is on; empty where the system does not tell."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
        folder = folder.resolve()
    except OSError:
        return ""
    nearest_type, longest = "", -1
    for mount in mounts:
        _, mount_point, mount_type, *_ = mount.split(" ")
        # The later of two mounts at one path hides the other.
        if len(mount_point) >= longest and folder.is_relative_to(_unescape(mount_point)):
            nearest_type, longest = mount_type, len(mount_point)
    return nearest_type


def _unescape(mount_point: str) -> str:
    """The mount table writes spaces and some other characters in octal."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), mount_point)
