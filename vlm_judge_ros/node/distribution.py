"""Which ROS 2 distribution this is."""

from __future__ import annotations

import os
from importlib import metadata

WHEELS = ("kilted", "jazzy")


def distribution() -> str:
    """Name of the distribution: the sourced one, else that of the installed wheels; empty where neither tells."""
    if sourced := os.environ.get("ROS_DISTRO", ""):
        return sourced
    return next((name for name in WHEELS if wheel_version(name)), "")


def wheel_version(name: str) -> str:
    """Version of rclpy's wheel of a distribution; empty where it is not installed."""
    try:
        return metadata.version(f"ros-{name}-rclpy")
    except metadata.PackageNotFoundError:
        return ""
