"""Where the shipped settings lie."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros.errors import JudgeError


def config_folder(name: str) -> Path:
    """A folder in `config/`: the installed one, or that of the checkout.

    Raises:
        JudgeError: it is not there.
    """
    here = Path(__file__).resolve()
    installed = [parent / "share" / "vlm_judge_ros" / "config" / name for parent in here.parents]
    # In a checkout it lies beside the package.
    for folder in (*installed, here.parents[1] / "config" / name):
        if folder.is_dir():
            return folder
    raise JudgeError(f"There is no share/vlm_judge_ros/config/{name} above {here}; install vlm_judge_ros again.")
