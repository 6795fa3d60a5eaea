"""The parameters of the judge node: one table, from which they are declared, checked and documented.

`python -m vlm_judge_ros.parameters.judge_node` prints the table as Markdown, and with `--file` as a parameter file.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.parameters.cameras import CAMERA_PARAMETERS
from vlm_judge_ros.parameters.evidence import EVIDENCE_PARAMETERS
from vlm_judge_ros.parameters.judges import JUDGE_PARAMETERS, REVIEW_PARAMETERS
from vlm_judge_ros.parameters.parameter import CAMERA, Change, Parameter, Value, show
from vlm_judge_ros.parameters.steering import STEERING_PARAMETERS
from vlm_judge_ros.parameters.suited import suited
from vlm_judge_ros.parameters.table import markdown_table, yaml_file
from vlm_judge_ros.session.requests import LONGEST_TASK, usable_task

DEFAULT_CAMERAS = ("front", "wrist")
_EMBEDDED, _OTHER = suited("embedded"), suited("")
_CAMERA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def _check_cameras(value: Value) -> str | None:
    assert isinstance(value, tuple)
    for camera in value:
        if not _CAMERA_NAME.fullmatch(camera):
            return (
                f"Parameter cameras holds {show(camera)}; name a camera with lower-case letters, digits and "
                "underscores, a letter first."
            )
    if not value or len(set(value)) < len(value):
        return f"Parameter cameras is {show(value)}; give at least one camera, each once."
    return None


def _check_task(value: Value) -> str | None:
    assert isinstance(value, str)
    try:
        usable_task(value or "none yet")
    except JudgeError as error:
        return f"Parameter task cannot be used. {error}"
    return None


def _check_evidence(value: Value) -> str | None:
    if not value:
        return "Parameter success_evidence is []; name at least one kind, because a judge alone never grants success."
    return None


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "cameras",
        DEFAULT_CAMERAS,
        "Names of the cameras. The embedded judge needs front and wrist.",
        change=Change.START,
        check=_check_cameras,
    ),
    Parameter(
        "autostart",
        True,
        "Configure and activate without being asked. Set it to false where a lifecycle manager does that.",
        change=Change.START,
    ),
    Parameter(
        "task",
        "",
        f"The instruction, at most {LONGEST_TASK} characters. The topic task and ~/set_task replace it.",
        change=Change.ANYTIME,
        check=_check_task,
    ),
    Parameter(
        "task_files",
        (),
        "Task files: names of shipped ones, or paths. With any, a task has to be the name, the instruction or a "
        "wording of one of them, which then declares signals, monitors, success evidence and severities for its "
        "episodes.",
    ),
    Parameter(
        "auto_episode",
        True,
        "Start an episode as soon as a task is set and a camera delivers. False: wait for ~/start_episode.",
        change=Change.ANYTIME,
    ),
    Parameter(
        "lockstep",
        False,
        "Let time pass as the stamps of a recording say and wait for every answer, so that playing it gives the same "
        "verdicts each time. Needs use_sim_time. For recordings, never for a robot.",
        change=Change.START,
    ),
    Parameter(
        "period_s",
        0.0,
        "Ask the judge so often while no policy announces action chunks, embedded also while one runs; on the node "
        f"clock. 0: as it suits the judge, {_EMBEDDED.period_s:g} embedded, {_OTHER.period_s:g} any other.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter(
        "deadline_s",
        2.0,
        "An answer that takes longer is dropped, and the verdict is UNKNOWN. Measured on the wall clock.",
        "s",
        0.05,
        600.0,
        change=Change.ANYTIME,
    ),
    *JUDGE_PARAMETERS,
    Parameter("intra_op_threads", 1, "Threads that one inference may use.", "", 1, 64),
    Parameter("niceness", 5, "How far the model's process steps back behind others.", "", 0, 19),
    Parameter(
        "load_timeout_s", 60.0, "A judge that has not answered a first question by then is given up.", "s", 1.0, 3600.0
    ),
    Parameter(
        "hang_timeout_s",
        30.0,
        "A judge that is busy with one question for so long is killed and started again. No less than deadline_s and "
        "review_deadline_s.",
        "s",
        1.0,
        3600.0,
    ),
    Parameter("keyframes", 8, "Frames per camera shown to the judge, spread evenly over the episode.", "", 2, 64),
    Parameter(
        "transition_keyframes",
        4,
        "Further frames per camera at which the motion in the image changed. None where keyframe_choice is steady.",
        "",
        0,
        32,
    ),
    Parameter(
        "keyframe_choice",
        "auto",
        "even: keyframes are chosen anew for every question. steady: all but the newest stay until the episode has "
        "grown by a quarter, so that a model on board need not read them again. recent: as even, and besides "
        "twelve shortly before the newest, a quarter of a second apart, for judges that watch how things move. auto: "
        "recent for embedded, steady for token_reward, checklist and critique on board, else even.",
        choices=("auto", "even", "steady", "recent"),
    ),
    Parameter(
        "chunk_grace_s",
        0.25,
        "How long after the end of an action chunk its last frames may still arrive before the judge is asked.",
        "s",
        0.0,
        60.0,
    ),
    Parameter(
        "opinion_timeout_s",
        5.0,
        "An answer on frames older than this no longer counts, and the verdict is UNKNOWN. Longer than period_s.",
        "s",
        0.1,
        3600.0,
    ),
    Parameter(
        "success_evidence",
        ("joint_motion", "image_motion"),
        "Physical evidence without which no judge is believed when it says that the task is complete. A "
        "task file declares its own for its episodes.",
        choices=("joint_motion", "image_motion"),
        check=_check_evidence,
    ),
    Parameter(
        "success_threshold", 0.8, "From this success probability on, the judge speaks for success.", "", 0.01, 1.0
    ),
    Parameter(
        "success_hold_s",
        0.8,
        "How long the judge has to say so. A task file declares its own for its episodes.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter(
        "failure_threshold",
        0.0,
        "From this failure probability on, the judge speaks for a failure. 0: as it suits each judge, "
        f"{_EMBEDDED.failure_threshold:g} embedded, {_OTHER.failure_threshold:g} any other.",
        "",
        0.0,
        1.0,
    ),
    Parameter("failure_count", 2, "Failing answers in a row that make a failure.", "", 1, 1000),
    Parameter("failure_hold_s", 0.8, "Seconds that they have to span.", "s", 0.0, 3600.0),
    Parameter(
        "judge_failure_hold_s",
        0.0,
        "Seconds that they have to span where they are answers of a judge. Shorter finds more failures, and sooner, "
        "and calls more successes failing; benchmarks/false_stops.py measures both. 0: as it suits the judge, "
        f"{_EMBEDDED.failure_hold_s:g} embedded, {_OTHER.failure_hold_s:g} any other.",
        "s",
        0.0,
        3600.0,
    ),
    Parameter("recovery_count", 3, "Answers in a row without failure that heal one.", "", 1, 1000),
    Parameter("recovery_hold_s", 1.5, "Seconds that they have to span.", "s", 0.0, 3600.0),
    Parameter("stall_s", 8.0, "No rise of progress for so long is a stall.", "s", 0.1, 3600.0),
    *REVIEW_PARAMETERS,
    *EVIDENCE_PARAMETERS,
    *STEERING_PARAMETERS,
    Parameter(
        "annotated",
        False,
        "Publish the newest image of the first camera with state and progress drawn into it.",
        change=Change.ANYTIME,
    ),
    *CAMERA_PARAMETERS,
)


def parameters_for(cameras: Iterable[str]) -> dict[str, Parameter]:
    """All parameters of a node with these cameras, by name."""
    general = [entry for entry in PARAMETERS if not entry.per_camera]
    template = [entry for entry in PARAMETERS if entry.per_camera]
    expanded = general + [entry.for_camera(camera) for camera in cameras for entry in template]
    return {entry.name: entry for entry in expanded}


def markdown() -> str:
    """The table for people."""
    return markdown_table(PARAMETERS, [CAMERA])


def parameter_file(cameras: Iterable[str] = DEFAULT_CAMERAS) -> str:
    """A parameter file with every default and its meaning."""
    head = [
        "Every parameter of the judge node with its default.",
        "Made by: python -m vlm_judge_ros.parameters.judge_node --file",
    ]
    return yaml_file(head, parameters_for(cameras).values())


if __name__ == "__main__":
    print(parameter_file() if "--file" in sys.argv[1:] else markdown())
