"""Where the shipped Fast DDS profile lies."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros.errors import JudgeError

PROFILE_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
"""Fast DDS 2 (Humble, Jazzy) reads the first, Fast DDS 3 (Kilted on) the second."""

FILE = Path("share") / "vlm_judge_ros" / "config" / "fastdds_images.xml"


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
