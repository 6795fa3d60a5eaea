"""The parameters that say which judges are asked, of what model, and when the second one is."""

from __future__ import annotations

from collections.abc import Callable

from vlm_judge_ros.judges.factory import JUDGES
from vlm_judge_ros.parameters.parameter import Change, Parameter, Value, show

_NAMES = f"{', '.join(sorted(JUDGES))}, or the import path module:factory of your own"


def _each_once(name: str) -> Callable[[Value], str | None]:
    def check(value: Value) -> str | None:
        assert isinstance(value, tuple)
        if not value or len(set(value)) < len(value):
            return f"Parameter {name} is {show(value)}; give at least one, each once."
        return None

    return check


JUDGE_PARAMETERS: tuple[Parameter, ...] = (
    Parameter("judge", "embedded", f"The judge that is always on: {_NAMES}."),
    Parameter(
        "model",
        "",
        "Model of the judge: its folder, or a name that vlm-judge models lists; with server, what the server calls it; "
        "for the judge reference the file that vlm-judge fit wrote. Empty: the judge's own, or that of the server's "
        "file.",
    ),
    Parameter(
        "server",
        "",
        "Server that runs the model: a kind that docs/servers describes, or a .yaml file of your own. Keys stand in "
        "neither, only where they are. Empty: the model runs on board.",
    ),
    Parameter(
        "image_size_px",
        0,
        "Longest side of the images that go to a server; larger ones are scaled down. 0: as its file says.",
        "px",
        0,
        8192,
    ),
    Parameter(
        "jpeg_quality", 0, "Quality of images that are encoded anew for a server. 0: as its file says.", "", 0, 100
    ),
    Parameter(
        "record",
        "",
        "File to which all exchanges with servers are appended, without keys. Empty: none.",
    ),
    Parameter("replay", "", "File of such exchanges, which answers in the place of the servers. Empty: none."),
    Parameter(
        "precision",
        "",
        "Precision of the model's files, as in their names: fp16, q4f16, or vision=fp16,embed=fp16,decoder=q4. Empty: "
        "the best fit among those that are there.",
    ),
    Parameter(
        "providers",
        ("cpu",),
        "What runs a model on board, in the order of preference.",
        choices=("cpu", "cuda", "tensorrt"),
        check=_each_once("providers"),
    ),
    Parameter(
        "gpu_memory_mb",
        0,
        "Most memory that CUDA takes for each graph of a model on board. 0: no limit.",
        "MiB",
        0,
        131_072,
    ),
    Parameter(
        "prompts",
        "",
        "Prompt set of token_reward (ten-v1, three-v1, one-v1, or a .json file of your own), or prompt of a judge that "
        "reads written answers (a .yaml file). Empty: the one of a known model, else the judge's own.",
    ),
    Parameter(
        "calibration",
        "",
        "What the numbers of the judge mean, and from when on they tell a failure: a .json file that vlm-judge "
        "calibrate made for this judge; for token_reward also unfitted-v1, which cannot tell success. Empty: none; for "
        "token_reward the one of a known model, else unfitted-v1.",
    ),
    Parameter("seed", 0, "Seed of everything random in a judge: order of frames, samples.", "", 0, 2**31 - 1),
    Parameter("samples", 1, "How often a judge asks that draws several answers to one question.", "", 1, 64),
    Parameter("examples", "", "Folder of the example bank that vlm-judge examples keeps. Empty: none."),
    Parameter(
        "example_tokens", 4000, "Most tokens that examples may take in one question, as estimated.", "", 0, 1_000_000
    ),
    Parameter(
        "checklist",
        "",
        "File with the steps of the task, or folder with one for each task, for the judge checklist. Empty: the model "
        "breaks a task down once.",
    ),
    Parameter(
        "goal_image",
        "",
        "Picture of the finished task by the first camera, or folder with one for each camera, for the judge pairwise. "
        "Empty: none.",
    ),
    Parameter(
        "start_image",
        "",
        "The same of the task not begun. Empty: the first frames of the episode.",
    ),
    Parameter(
        "judge_card",
        "",
        "File judge_card.json that vlm-judge qualify wrote of this judge. Its name goes into the provenance, and a "
        "warning says where the judge that runs is another one. Empty: for the embedded judge the one that "
        "is shipped with it, else none.",
    ),
    Parameter("ensemble", "", "File that names the members of the judge ensemble."),
)

REVIEW_PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "review_judge",
        "",
        "A second judge that may cost more, is asked only on the occasions of review_on, and has to confirm success "
        f"where that is one of them: {_NAMES}. Empty: none.",
    ),
    Parameter("review_model", "", "Its model, as for the judge."),
    Parameter("review_server", "", "Its server, as for the judge."),
    Parameter("review_prompts", "", "Its prompts, as for the judge. All else about it is as for the judge."),
    Parameter(
        "review_on",
        ("alarm", "success"),
        "Occasions for a review. alarm: a failure, a stall or lost progress is found anew, or the judge cannot say "
        "three times in a row. success: the judge says complete. timer: once in review_period_s.",
        choices=("alarm", "success", "timer"),
        check=_each_once("review_on"),
    ),
    Parameter("review_period_s", 30.0, "Seconds after the last review when the timer asks for one.", "s", 0.1, 3600.0),
    Parameter("review_gap_s", 5.0, "No review is asked for sooner than this after the last one.", "s", 0.0, 3600.0),
    Parameter(
        "review_deadline_s",
        20.0,
        "A review that takes longer is dropped, and the verdict names that. Measured on the wall clock.",
        "s",
        0.05,
        600.0,
        change=Change.ANYTIME,
    ),
    Parameter(
        "review_timeout_s",
        30.0,
        "A review of frames older than this no longer counts. No less than review_deadline_s.",
        "s",
        0.1,
        3600.0,
    ),
)
