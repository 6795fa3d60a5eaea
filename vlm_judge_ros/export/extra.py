"""Says in one sentence that the extra is missing, before anything of it is imported."""

from __future__ import annotations

import importlib.util

from vlm_judge_ros.errors import JudgeError


def require(command: str, *modules: str) -> None:
    """Go on only where the modules that a command needs are installed.

    Raises:
        JudgeError: one is not.
    """
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise JudgeError(
            f"`vlm-judge {command}` needs {', '.join(missing)}, which the extra `export` brings; install it with "
            "`make install EXTRAS=export`."
        )
