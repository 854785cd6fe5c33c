"""On which kind of file system a workspace lies."""

from __future__ import annotations

from pathlib import Path

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "lustre", "ceph", "glusterfs", "fuse.glusterfs", "afs"}
)


def network_warning(root: Path, mounts: Path = Path("/proc/mounts")) -> tuple[str, ...]:
    """One sentence where the workspace is on a network file system, whose locks may not hold between machines."""
    kind = file_system(root, mounts)
    if kind not in NETWORK:
        return ()
    return (
        f"{root} is on a network file system ({kind}): its locks may not keep two engines apart, so start one on one "
        "machine only.",
    )


def file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """The type of the file system that `path` lies on, "" where that can't be told."""
    try:
        lines = [line.split()[1:3] for line in mounts.read_text(errors="replace").splitlines()]
    except (OSError, IndexError):
        return ""
    over = [
        (len(point), number, kind)
        for number, (point, kind) in enumerate(lines)
        if path.is_relative_to(point.replace("\\040", " "))
    ]
    return max(over)[2] if over else ""
