"""Processes that must not outlive the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Have this process sent a signal when the thread that started it ends, however that ends.

    Only Linux can do that; elsewhere nothing happens. See prctl(2), PR_SET_PDEATHSIG.

    Args:
        parent: process id of the process that started this one.
        number: the signal.

    Returns:
        False where the parent has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    return os.getppid() == parent
