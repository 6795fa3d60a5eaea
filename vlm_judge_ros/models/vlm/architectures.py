"""For which GPUs a library was compiled, read from its CUDA code."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.models.vlm.board import ComputeCapability

# A bundle of CUDA code: magic number, version, length of the header, length of what follows it.
_BUNDLE = struct.Struct("<IHHQ")
_MAGIC = struct.pack("<I", 0xBA55ED50)
# One piece of code in it: kind, version, length of the header, length of the code; the target comes 28 bytes in.
_PIECE = struct.Struct("<HHIQ")
_TARGET = struct.Struct("<I")
_TARGET_OFFSET = 28
_PORTABLE, _BINARY = 1, 2


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """GPUs that code was compiled for.

    Attributes:
        capability: the compute capability.
        is_portable: the driver can translate it for any later GPU (PTX); otherwise it is machine code.
    """

    capability: ComputeCapability
    is_portable: bool

    def covers(self, capability: ComputeCapability, is_integrated: bool) -> bool:
        """Whether a GPU runs this code.

        Machine code runs on later GPUs of the same major number, but not from a card to the GPU of a Jetson.
        """
        if self.is_portable:
            return self.capability <= capability
        if is_integrated:
            return self.capability == capability
        return self.capability[0] == capability[0] and self.capability <= capability


def targets(library: Path) -> frozenset[Target]:
    """The GPUs that a library was compiled for; empty where it holds no CUDA code.

    Raises:
        OSError: it cannot be read.
    """
    found: set[Target] = set()
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(_MAGIC)
        while place >= 0:
            found |= _bundle(content, place)
            place = content.find(_MAGIC, place + len(_MAGIC))
    return frozenset(found)


def described(compiled: Collection[Target]) -> str:
    """Targets in words, as compilers name them: "sm_80, sm_90"."""
    return ", ".join(
        f"{'compute' if target.is_portable else 'sm'}_{target.capability[0]}{target.capability[1]}"
        for target in sorted(compiled)
    )


def _bundle(content: mmap.mmap, place: int) -> set[Target]:
    found: set[Target] = set()
    if place + _BUNDLE.size > len(content):
        return found
    _, version, header, length = _BUNDLE.unpack_from(content, place)
    piece, end = place + header, place + header + length
    if version != 1 or header != _BUNDLE.size or end > len(content):
        return found  # the same four bytes by chance
    while piece + _TARGET_OFFSET + _TARGET.size <= end:
        kind, _, header, length = _PIECE.unpack_from(content, piece)
        (number,) = _TARGET.unpack_from(content, piece + _TARGET_OFFSET)
        if kind not in (_PORTABLE, _BINARY) or header < _TARGET_OFFSET + _TARGET.size or not 20 <= number < 1000:
            break
        found.add(Target((number // 10, number % 10), kind == _PORTABLE))
        piece += header + length
    return found
