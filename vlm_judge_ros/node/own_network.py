"""A ROS network of its own for a node that is played to."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

from vlm_judge_ros.node.dds_profile import dds_profile, profile_variable


@contextmanager
def own_ros_network() -> Iterator[int]:
    """A ROS domain that nobody else is likely to use, on this machine alone, with the DDS profile for images."""
    wanted = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", profile_variable(): str(dds_profile())}
    if os.environ.get("ROS_DISTRO") == "humble":  # it knows only the older variable, of which Jazzy disapproves
        wanted["ROS_LOCALHOST_ONLY"] = "1"
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield random.randint(1, 101)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
