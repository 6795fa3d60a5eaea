"""A task as its file declares it."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.field_syntax import FieldError, parse
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.monitors.kinds import AnyMonitor
from vlm_judge_ros.monitors.monitor import MonitorSpec
from vlm_judge_ros.monitors.names import FailureModeName, SeverityName
from vlm_judge_ros.tasks.cross_checks import check
from vlm_judge_ros.tasks.timeouts import timeout_monitors

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Instruction = Annotated[str, Field(min_length=1, max_length=1000)]


class Part(BaseModel):
    """Base of all parts of a task file: unchangeable, no unknown fields, no NaN or infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Signal(Part):
    """A number to watch, taken from one field of a message.

    Attributes:
        topic: relative or absolute name.
        type: for example geometry_msgs/msg/WrenchStamped.
        field: where the number is, for example wrench.force.z, position[elbow] or norm(wrench.force).
        unit: SI unit; "1" for none.
        timeout_s: silence longer than this blinds the verdict; 0 for never.
        latched: the topic is transient local, and sent when something changes: what it said last holds until then.
        reliable: every message is to arrive.
    """

    topic: str = Field(
        pattern=r"^/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*$",
        max_length=256,
        description="Relative or absolute name of the topic.",
    )
    type: str = Field(pattern=r"^[a-z]\w*/msg/[A-Z]\w*$", description="Type, such as geometry_msgs/msg/WrenchStamped.")
    field: str = Field(min_length=1, description="wrench.force.z, position[elbow] or norm(wrench.force).")
    unit: str = Field(default="1", description="SI unit of the number; 1 for none.")
    timeout_s: float = Field(
        default=1.0, ge=0.0, le=3600.0, description="Silence longer than this makes the verdict UNKNOWN. 0: never."
    )
    latched: bool = Field(
        default=False,
        description="Transient local publisher: what it said before the episode still holds. Needs timeout_s 0.",
    )
    reliable: bool = Field(
        default=False, description="Ask for every message anew until it arrives; the publisher has to be reliable."
    )

    @model_validator(mode="after")
    def _is_silent_while_latched(self) -> Signal:
        if self.latched and self.timeout_s > 0.0:
            raise ValueError("a latched signal is silent while nothing changes; set timeout_s to 0")
        return self

    @field_validator("field")
    @classmethod
    def _field_can_be_read(cls, field: str) -> str:
        try:
            parse(field)
        except FieldError as error:
            raise ValueError(str(error)) from error
        return field


class Subtask(Part):
    """A step of the task."""

    name: str = Field(min_length=1, max_length=200, description="What is to be done, in words.")
    weight: float = Field(default=1.0, gt=0.0, le=1000.0, description="Share of the task, against those of the others.")
    timeout_s: float = Field(default=0.0, ge=0.0, le=86400.0, description="Longest time for the step. 0: any.")


class Success(Part):
    """The physical evidence without which no judge is believed when it says that the task is complete."""

    evidence: tuple[str, ...] = Field(
        default=("joint_motion", "image_motion"),
        min_length=1,
        description="Names of monitors that can speak for success, or joint_motion, image_motion. All are needed.",
    )
    hold_s: float = Field(default=0.8, ge=0.0, le=3600.0, description="How long judge and evidence have to agree.")


class Task(Part):
    """What the file of a task declares."""

    name: Name = Field(description="Name of the task, in snake case.")
    instruction: Instruction = Field(description="What the robot is to do, as the policy is told.")
    wordings: tuple[Instruction, ...] = Field(
        default=(), max_length=100, description="Other wordings of the same instruction."
    )
    cameras: tuple[Name, ...] = Field(
        default=(), max_length=16, description="Cameras that the task needs. Empty: those of the node."
    )
    timeout_s: float = Field(default=0.0, ge=0.0, le=86400.0, description="Longest time for the task. 0: any.")
    subtasks: tuple[Subtask, ...] = Field(default=(), max_length=64, description="Steps of the task, in order.")
    signals: dict[Name, Signal] = Field(
        default={},
        max_length=256,
        description="Numbers to watch, by name.",
        json_schema_extra={"additionalProperties": False},
    )
    monitors: tuple[AnyMonitor, ...] = Field(default=(), max_length=256, description="Fast checks.")
    success: Success = Field(default=Success(), description="Evidence that success needs.")
    failure_modes: dict[FailureModeName, SeverityName] = Field(
        default={}, description="Severity of failures by mode; those of a monitor keep the severity it declares."
    )

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Task:
        check(self)
        return self

    @property
    def all_monitors(self) -> tuple[MonitorSpec, ...]:
        """The monitors that are declared, and those that the timeouts of task and subtasks make."""
        steps = [(step.name, step.weight, step.timeout_s) for step in self.subtasks]
        severity = self.failure_modes.get(FailureMode.TIMEOUT, Severity.ERROR)
        return (*self.monitors, *timeout_monitors(self.timeout_s, steps, severity))
