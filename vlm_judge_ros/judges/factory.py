"""From a judge's name to a judge."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from vlm_judge_ros.episode.drawing import DrawnAs
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Judge


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What every judge can be told when it is made. Each takes what concerns it.

    Attributes:
        model: path or name of the model; empty for the one that belongs to the judge.
        intra_op_threads: threads that one inference may use, at least 1.
        cameras: names of the cameras that it will be shown.
        images_per_camera: images of each camera in one question, at least 1.
        precision: precision of the model's files; empty for the best fit among those that are there.
        providers: what may run the model, in the order of preference: cpu, cuda, tensorrt.
        gpu_memory_mb: most memory that each graph of the model takes on a GPU, in MiB; 0 for no limit.
        image_tokens: most tokens that an image may become, by camera; without an entry as the model's settings say.
        prompts: name or path of the prompt set; empty for the model's.
        calibration: name or path of the calibration; empty for the model's.
        server: name of a known kind of server, or path of a file that describes one; empty for a model on board.
        image_size_px: longest side of images that go to a server; 0 as its file says.
        jpeg_quality: of images that are encoded anew for a server, 1 to 100; 0 as its file says.
        record: file to which all exchanges with a server are written; empty for none.
        replay: file of such exchanges that answers in the place of the server; empty for none.
        seed: of everything random.
        samples: how often a method asks that draws several answers, at least 1.
        examples: folder of the example bank; empty for none.
        example_tokens: most tokens that examples may take in one question, as estimated.
        checklist: file with the steps of the task; empty to let the model break it down.
        goal_image: picture of the finished task, for methods that can use one; empty for none.
        start_image: picture of the task not begun; empty for the first frames of the episode.
        ensemble: file that names the members of an ensemble.
    """

    model: str = ""
    intra_op_threads: int = 1
    cameras: tuple[str, ...] = ("front", "wrist")
    images_per_camera: int = 8
    precision: str = ""
    providers: tuple[str, ...] = ("cpu",)
    gpu_memory_mb: int = 0
    image_tokens: Mapping[str, int] = field(default_factory=dict)
    prompts: str = ""
    calibration: str = ""
    server: str = ""
    image_size_px: int = 0
    jpeg_quality: int = 0
    record: str = ""
    replay: str = ""
    seed: int = 0
    samples: int = 1
    examples: str = ""
    example_tokens: int = 4000
    checklist: str = ""
    goal_image: str = ""
    start_image: str = ""
    ensemble: str = ""


JudgeFactory = Callable[[JudgeOptions], Judge]


def _checklist(options: JudgeOptions) -> Judge:
    # As all of these imported here: the model runtime is loaded only in the process that runs it.
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.checklist import create

    return calibrated(create, options, maps_raw_scores=True)


def _critique(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.critique import create

    return calibrated(create, options)


def _embedded(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.embedded import create

    return calibrated(create, options)


def _ensemble(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.ensemble import create

    return calibrated(create, options)


def _frame_ordering(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.frame_ordering import create

    return calibrated(create, options, maps_raw_scores=True)


def _path_choice(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.path_choice import create

    return calibrated(create, options)


def _pairwise(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.pairwise import create

    return calibrated(create, options)


def _reference(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.reference import create

    return calibrated(create, options)


def _token_reward(options: JudgeOptions) -> Judge:
    from vlm_judge_ros.judges.calibrated import calibrated
    from vlm_judge_ros.judges.token_reward import create

    return calibrated(create, options, maps_raw_scores=True)


JUDGES: dict[str, JudgeFactory] = {
    "checklist": _checklist,
    "critique": _critique,
    "embedded": _embedded,
    "ensemble": _ensemble,
    "frame_ordering": _frame_ordering,
    "pairwise": _pairwise,
    "path_choice": _path_choice,
    "reference": _reference,
    "token_reward": _token_reward,
}

KEEPS_WHAT_IT_READ = frozenset({"checklist", "critique", "token_reward"})
"""Judges that read again only what has changed since the last question, so that frames best stay the same."""

WATCHES_MOTION = frozenset({"embedded"})
"""Judges that tell a rest from a stall by several frames of the last seconds."""

READS_DRAWINGS: Mapping[str, DrawnAs] = {"path_choice": DrawnAs.TOGETHER, "token_reward": DrawnAs.ALONE}
"""Methods that can be shown paths drawn into the newest frames, and how these have to be drawn for them."""


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
