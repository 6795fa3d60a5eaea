"""How much memory is in use."""

from __future__ import annotations

import os
from pathlib import Path

from vlm_judge_ros.models.vlm.gpu import Driver, NoGpu


def process_bytes() -> int:
    """Memory that this process holds; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def device_bytes(device: int = 0) -> int:
    """Memory of a GPU that is in use, by whomever; 0 where there is none or it cannot be told."""
    try:
        return Driver().used_bytes(device)
    except NoGpu:
        return 0


def megabytes(count: int) -> str:
    """A number of bytes in words."""
    return f"{count / 1e6:.0f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"


def in_words(process: int, device: int) -> str:
    """Bytes of a process and of a GPU in words; a GPU without any is left out."""
    gpu = f" and {megabytes(device)} of the GPU's" if device else ""
    return f"{megabytes(process)} of memory{gpu}"
