"""A ROS domain for one run of the tests."""

from __future__ import annotations

import contextlib
import os
import random
import socket


def unused_domain() -> int:
    """A ROS domain in which nobody on this machine is heard."""
    # Those who run tests at the same time begin before anybody is heard, so each has domains of its own.
    worker, workers = os.environ.get("PYTEST_XDIST_WORKER", "gw0"), os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")
    domains = range(1 + int(worker.removeprefix("gw")), 102, int(workers))
    for domain in random.sample(domains, len(domains)):
        # Where the first participant of a domain listens.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
            probe.bind(("", 7410 + 250 * domain))
            return domain
    raise AssertionError("every ROS domain is in use")
