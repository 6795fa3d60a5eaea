"""The parameters of the judge node: one table, from which they are declared, checked, documented and turned into arguments.

`python -m vlm_judge_ros.node.parameters` prints the table as Markdown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from vlm_judge_ros.errors import JudgeError

Value = bool | int | float | str | tuple[str, ...]

CAMERA_PLACEHOLDER = "<camera>"
LONGEST_TASK = 1000
LONGEST_EPISODE_ID = 200
_CAMERA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a decimal number like 1.0", str: "a text"}


class Change(Enum):
    """When a parameter may be changed."""

    ANYTIME = "any time"
    UNCONFIGURED = "while unconfigured"
    START = "at start only"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    Attributes:
        name: its name; for a parameter that every camera has, `<camera>` stands for the name of the camera.
        default: its default; its type is that of the parameter.
        text: what it means, in one or two sentences.
        unit: SI unit; empty where it has none.
        low: smallest value of a number.
        high: largest value of a number.
        choices: the values that a text, or each text of a list, may have; empty where any is allowed.
        change: when it may be changed.
    """

    name: str
    default: Value
    text: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    change: Change = Change.UNCONFIGURED

    def for_camera(self, camera: str) -> Parameter:
        """The same parameter with the name of a camera in the place of `<camera>`."""
        name = self.name.replace(CAMERA_PLACEHOLDER, camera)
        return Parameter(name, self.default, self.text, self.unit, self.low, self.high, self.choices, self.change)

    @property
    def per_camera(self) -> bool:
        """True where every camera has one."""
        return self.name.startswith(CAMERA_PLACEHOLDER)

    @property
    def type_name(self) -> str:
        """Name of its type in ROS 2."""
        names = {bool: "bool", int: "integer", float: "double", str: "string", tuple: "string array"}
        return names[type(self.default)]

    @property
    def remedy(self) -> str:
        """What to set it to, as the end of a sentence."""
        if self.choices:
            one_of = "any of" if isinstance(self.default, tuple) else "one of"
            return f"{one_of} {', '.join(self.choices)}"
        if self.low is not None:
            unit = f" {self.unit}" if self.unit else ""
            kind = "a whole number" if isinstance(self.default, int) else "a value"
            return f"{kind} from {self.low:g} to {self.high:g}{unit}"
        return "a list of texts" if isinstance(self.default, tuple) else _TYPE_NAMES[type(self.default)]

    def refuse(self, value: object) -> str | None:
        """Say in one sentence why a value cannot be used; None where it can."""
        if isinstance(self.default, tuple):
            usable = isinstance(value, Sequence) and not isinstance(value, str)
            usable = usable and all(isinstance(entry, str) for entry in value)  # type: ignore[union-attr, unused-ignore]
        else:
            usable = type(value) is type(self.default)
        if not usable:
            return self._refusal(value, "a list of texts" if isinstance(self.default, tuple) else self._type_remedy)
        if isinstance(value, float) and not math.isfinite(value):
            return self._refusal(value, self.remedy)
        if isinstance(value, (int, float)) and self.low is not None and self.high is not None:
            if not self.low <= value <= self.high:
                return self._refusal(value, self.remedy)
        if self.choices:
            entries = [value] if isinstance(value, str) else value
            assert isinstance(entries, Sequence)
            if any(entry not in self.choices for entry in entries):
                return self._refusal(value, self.remedy)
        return _REFUSALS[self.name](value) if self.name in _REFUSALS else None

    @property
    def _type_remedy(self) -> str:
        return _TYPE_NAMES[type(self.default)]

    def _refusal(self, value: object, remedy: str) -> str:
        return f"Parameter {self.name} is {show(value)}; set it to {remedy}."


def show(value: object) -> str:
    """A value as one writes it on a command line or in a parameter file."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def _refuse_cameras(value: object) -> str | None:
    assert isinstance(value, Sequence)
    for camera in value:
        if not _CAMERA_NAME.fullmatch(camera):
            return (
                f"Parameter cameras holds {camera!r}; name a camera with lower-case letters, digits and underscores, "
                "a letter first."
            )
    if not value or len(set(value)) < len(value):
        return f"Parameter cameras is {show(value)}; give at least one camera, each once."
    taken = [camera for camera in value if any(entry.name.split(".")[0] == camera for entry in PARAMETERS)]
    if taken:
        return f"Parameter cameras holds {taken[0]!r}, which is the name of another parameter; choose another name."
    return None


def _refuse_task(value: object) -> str | None:
    assert isinstance(value, str)
    if len(value) > LONGEST_TASK:
        return f"Parameter task has {len(value)} characters; shorten it to {LONGEST_TASK}."
    return None


def _refuse_evidence(value: object) -> str | None:
    if not value:
        return "Parameter success_evidence is []; name at least one kind, because a judge alone never grants success."
    return None


_REFUSALS = {"cameras": _refuse_cameras, "task": _refuse_task, "success_evidence": _refuse_evidence}

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "cameras",
        ("front", "wrist"),
        "Names of the cameras. The embedded judge knows the roles front and wrist.",
        change=Change.START,
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
        f"The instruction, at most {LONGEST_TASK} characters. A message on the topic task or a call of ~/set_task replaces it.",
        change=Change.ANYTIME,
    ),
    Parameter(
        "auto_episode",
        True,
        "Start an episode as soon as a task is set and a camera delivers. Set it to false where ~/start_episode is called.",
        change=Change.ANYTIME,
    ),
    Parameter(
        "period_s",
        1.0,
        "Ask the judge so often while no policy announces action chunks, on the node clock.",
        "s",
        0.05,
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
    Parameter("judge", "embedded", "The judge: embedded, or the import path module:factory of your own."),
    Parameter("model", "", "Folder of the judge's model. Empty: the model that belongs to the judge."),
    Parameter("intra_op_threads", 1, "Threads that one inference may use.", "", 1, 64),
    Parameter("niceness", 5, "How far the model's process steps back behind others.", "", 0, 19),
    Parameter(
        "load_timeout_s", 60.0, "A judge that has not answered a first question by then is given up.", "s", 1.0, 3600.0
    ),
    Parameter(
        "hang_timeout_s",
        30.0,
        "A judge that is busy with one question for so long is killed and started again.",
        "s",
        1.0,
        3600.0,
    ),
    Parameter("keyframes", 8, "Frames per camera shown to the judge, spread evenly over the episode.", "", 2, 64),
    Parameter(
        "transition_keyframes", 4, "Further frames per camera at which the motion in the image changed.", "", 0, 32
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
        "Physical evidence without which no judge is believed when it says that the task is complete.",
        choices=("joint_motion", "image_motion"),
    ),
    Parameter(
        "success_threshold", 0.8, "From this success probability on, the judge speaks for success.", "", 0.01, 1.0
    ),
    Parameter("success_hold_s", 1.0, "How long the judge has to say so.", "s", 0.0, 3600.0),
    Parameter(
        "failure_threshold", 0.7, "From this failure probability on, the judge speaks for a failure.", "", 0.01, 1.0
    ),
    Parameter("failure_count", 2, "Failing answers in a row that make a failure.", "", 1, 1000),
    Parameter("failure_hold_s", 1.0, "Seconds that they have to span.", "s", 0.0, 3600.0),
    Parameter("recovery_count", 3, "Answers in a row without failure that heal one.", "", 1, 1000),
    Parameter("recovery_hold_s", 2.0, "Seconds that they have to span.", "s", 0.0, 3600.0),
    Parameter("stall_s", 8.0, "No rise of progress for so long is a stall.", "s", 0.1, 3600.0),
    Parameter(
        "annotated",
        False,
        "Publish the newest image of the first camera with state and progress drawn into it.",
        change=Change.ANYTIME,
    ),
    Parameter(
        "<camera>.topic",
        "",
        "Topic of the images. Empty: <camera>/image, or <camera>/image/compressed where the transport is compressed.",
    ),
    Parameter("<camera>.transport", "raw", "Kind of message on the topic.", choices=("raw", "compressed")),
    Parameter(
        "<camera>.reliability",
        "best_effort",
        "Reliability of the subscription. best_effort also hears a reliable publisher.",
        choices=("best_effort", "reliable"),
    ),
    Parameter("<camera>.depth", 10, "Messages that wait before the oldest is dropped.", "", 1, 1000),
    Parameter(
        "<camera>.source_timeout_s",
        2.0,
        "A camera that is silent for longer is a fault. 0: never.",
        "s",
        0.0,
        3600.0,
    ),
)


def parameters_for(cameras: Iterable[str]) -> dict[str, Parameter]:
    """All parameters of a node with these cameras, by name."""
    general = [entry for entry in PARAMETERS if not entry.per_camera]
    template = [entry for entry in PARAMETERS if entry.per_camera]
    expanded = general + [entry.for_camera(camera) for camera in cameras for entry in template]
    return {entry.name: entry for entry in expanded}


def check(value: object, parameter: Parameter) -> None:
    """Raise where a parameter cannot have a value.

    Raises:
        JudgeError: names the parameter, the value and the remedy.
    """
    refusal = parameter.refuse(value)
    if refusal:
        raise JudgeError(refusal)


def defaults(cameras: Iterable[str] = ("front", "wrist")) -> Mapping[str, Value]:
    """The default of every parameter, by name."""
    return {name: entry.default for name, entry in parameters_for(cameras).items()}


def markdown() -> str:
    """The table for people."""
    rows = ["| parameter | type | default | values | change | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for entry in PARAMETERS:
        values = entry.remedy if entry.choices or entry.low is not None else ""
        default = show(entry.default)
        rows.append(
            f"| `{entry.name}` | {entry.type_name} | `{default}` | {values} | {entry.change.value} | {entry.text} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    print(markdown())
