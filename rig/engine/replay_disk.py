"""An empty qcow2 image: where QEMU keeps the snapshot that a replay goes back to.

No guest sees the disk. Writing the few fields here saves a package (qemu-img) for one file of four
clusters. The format is QEMU's docs/interop/qcow2.txt, version 3.
"""

from __future__ import annotations

import struct
from pathlib import Path

_CLUSTER_BITS = 16
_CLUSTER = 1 << _CLUSTER_BITS
_HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_MAGIC, _VERSION = b"QFI\xfb", 3
_DISK_SIZE = 1 << 20  # bytes that a guest could see; snapshots lie beyond
_REFCOUNT_ORDER = 4  # 16 bits each
# The clusters: header, refcount table, its one block, the L1 table.
_TABLE, _BLOCK, _L1, _USED = 1, 2, 3, 4


def empty_qcow2() -> bytes:
    """The image's bytes."""
    image = bytearray(_USED * _CLUSTER)
    header = _HEADER.pack(
        _MAGIC,
        _VERSION,
        0,  # no backing file
        0,
        _CLUSTER_BITS,
        _DISK_SIZE,
        0,  # not encrypted
        1,  # entries of the L1 table
        _L1 * _CLUSTER,
        _TABLE * _CLUSTER,
        1,  # clusters of the refcount table
        0,  # no snapshots yet
        0,
        0,  # no incompatible, compatible or automatically cleared features
        0,
        0,
        _REFCOUNT_ORDER,
        _HEADER.size,
    )
    image[: len(header)] = header
    struct.pack_into(">Q", image, _TABLE * _CLUSTER, _BLOCK * _CLUSTER)
    for cluster in range(_USED):
        struct.pack_into(">H", image, _BLOCK * _CLUSTER + 2 * cluster, 1)
    return bytes(image)


def create(path: Path) -> None:
    """Write the image; an old one is replaced."""
    path.write_bytes(empty_qcow2())
