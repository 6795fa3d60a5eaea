"""From a judge's name to a judge."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Judge


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What every judge can be told when it is made.

    Attributes:
        model: path or name of the model; empty for the one that belongs to the judge.
        intra_op_threads: threads that one inference may use, at least 1.
    """

    model: str = ""
    intra_op_threads: int = 1


JudgeFactory = Callable[[JudgeOptions], Judge]


def _embedded(options: JudgeOptions) -> Judge:
    # Imported here: the model runtime is loaded only in the process that runs it.
    from vlm_judge_ros.judges.embedded import EmbeddedJudge
    from vlm_judge_ros.models.two_view import EMBEDDED_FOLDER

    return EmbeddedJudge(Path(options.model) if options.model else EMBEDDED_FOLDER, options.intra_op_threads)


JUDGES: dict[str, JudgeFactory] = {"embedded": _embedded}


def resolve(name: str) -> JudgeFactory:
    """Find the factory of a judge.

    Args:
        name: a name of `JUDGES`, or the import path `module:factory` of a callable that takes `JudgeOptions`.

    Raises:
        JudgeError: there is no such judge.
    """
    if name in JUDGES:
        return JUDGES[name]
    module_name, separator, attribute = name.partition(":")
    if not separator or not module_name or not attribute:
        raise JudgeError(
            f"There is no judge called {name!r}; choose one of {', '.join(sorted(JUDGES))}, or give an import path "
            "like my_package.my_judge:create."
        )
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError) as error:
        raise JudgeError(f"The judge {name!r} cannot be imported ({error}); install what it needs.") from error
    if not callable(factory):
        raise JudgeError(f"The judge {name!r} is not callable; name a function or class that takes JudgeOptions.")
    return factory  # type: ignore[no-any-return]
