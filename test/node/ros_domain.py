"""A ROS domain for one run of the tests."""

from __future__ import annotations

import contextlib
import random
import socket


def unused_domain() -> int:
    """A ROS domain in which nobody on this machine is heard."""
    for domain in random.sample(range(1, 102), 101):
        # Where the first participant of a domain listens.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("", 7410 + 250 * domain))
            return domain
    raise AssertionError("every ROS domain is in use")
