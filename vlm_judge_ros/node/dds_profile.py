"""Where the shipped Fast DDS profile lies."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.distribution import distribution

WITH_FAST_DDS_2 = ("humble", "jazzy")

FILE = Path("share") / "vlm_judge_ros" / "config" / "fastdds_images.xml"


def profile_variable() -> str:
    """The environment variable in which Fast DDS looks for the profile; version 3 complains about the older name."""
    return f"{'FASTRTPS' if distribution() in WITH_FAST_DDS_2 else 'FASTDDS'}_DEFAULT_PROFILES_FILE"


def dds_profile() -> Path:
    """The profile with shared memory large enough for images.

    It lies below the prefix that colcon or pip installed this file into. The ament index would know it too, but needs
    variables that nobody sets in a virtual environment.

    Raises:
        JudgeError: the package is not installed, or lacks the file.
    """
    for folder in Path(__file__).resolve().parents:
        if (folder / FILE).is_file():
            return folder / FILE
    raise JudgeError(f"There is no {FILE} above {__file__}; install the package with `make install` or colcon.")
