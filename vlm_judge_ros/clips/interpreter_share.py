"""Lets a thread with much to do leave the interpreter to the others of its process most of the time."""

from __future__ import annotations

import threading
import time

WORK_S = 1e-3
REST_PER_WORK = 2.0


class InterpreterShare:
    """Called between two small pieces of work, it rests twice as long as was worked, once `WORK_S` have been.

    A thread that only computes is made to hand over the interpreter after 5 ms, each time another one wants it back. A
    thread that takes messages lets go of it with every message, and so would be late by many times 5 ms.

    Args:
        hurry: once it is set there are no more rests.
    """

    def __init__(self, hurry: threading.Event) -> None:
        self._hurry = hurry
        self._began_s = time.perf_counter()

    def __call__(self) -> None:
        """Rest, where it is time for that."""
        worked_s = time.perf_counter() - self._began_s
        if worked_s >= WORK_S:
            self._hurry.wait(REST_PER_WORK * worked_s)
            self._began_s = time.perf_counter()
