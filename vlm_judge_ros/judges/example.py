"""One example of good or bad behaviour, as it lies in a bank: its `example.yaml`."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from enum import Enum
from typing import Annotated, Any, Literal

import pydantic

from vlm_judge_ros.episode.failure_mode import FailureMode

ID = r"^[a-z0-9][a-z0-9_-]{0,95}$"
CAMERA = r"^[a-z][a-z0-9_]{0,62}$"
MOST_FRAMES = 64
LONGEST_TEXT = 2000
LONGEST_TASK = 500
LONGEST_EPISODE_S = 86_400.0

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)


class ExampleKind(Enum):
    """What an example consists of."""

    TEXT = "text"
    """Words alone."""
    FRAMES = "frames"
    """Images."""
    REWARDED = "rewarded"
    """Images, and how far the task was at each of them."""


def _without_control_characters(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character != "\n" for character in text):
        raise ValueError("it has control characters")
    return text


Words = Annotated[str, pydantic.AfterValidator(_without_control_characters)]
Share = Annotated[float, pydantic.Field(ge=0.0, le=1.0)]
Seconds = Annotated[float, pydantic.Field(ge=0.0, le=LONGEST_EPISODE_S)]


class ExampleFrame(pydantic.BaseModel):
    """One image of an example.

    Attributes:
        camera: name of the camera.
        time_s: seconds from the start of the episode.
        file: name of the JPEG file beside `example.yaml`.
        sha256: hash of that file, in hexadecimal digits.
        reward: how far the task was then, 0 to 1; absent unless the kind is `rewarded`.
    """

    model_config = _STRICT

    camera: str = pydantic.Field(pattern=CAMERA)
    time_s: Seconds
    file: str = pydantic.Field(pattern=r"^[a-z][a-z0-9_]{0,79}\.jpg$")
    sha256: str = pydantic.Field(pattern=r"^[0-9a-f]{64}$")
    reward: Share | None = None


class Example(pydantic.BaseModel):
    """One example.

    Attributes:
        format: version of this format.
        id: name of its folder.
        task: the instruction that the robot had.
        failure_mode: how it failed, by name; NONE for good behaviour.
        kind: what it consists of.
        text: what is to be seen in it, or what to look for.
        outcome: how the episode ended, or this part of it.
        frames: its images in the order of time.
        origin: where it comes from, such as the name of a bag and the seconds in it; for people.
        made_by: who or what made it; for people.
        version: version of this package that wrote it.
        created_ns: when it was added, nanoseconds since 1970.
    """

    model_config = _STRICT

    format: Literal[1] = 1
    id: str = pydantic.Field(pattern=ID)
    task: Words = pydantic.Field(min_length=1, max_length=LONGEST_TASK)
    failure_mode: FailureMode
    kind: ExampleKind
    text: Words = pydantic.Field(default="", max_length=LONGEST_TEXT)
    outcome: Literal["success", "failure"]
    frames: tuple[ExampleFrame, ...] = pydantic.Field(default=(), max_length=MOST_FRAMES)
    origin: Words = pydantic.Field(default="", max_length=LONGEST_TASK)
    made_by: Words = pydantic.Field(default="", max_length=LONGEST_TASK)
    version: Words = pydantic.Field(default="", max_length=40)
    created_ns: int = pydantic.Field(ge=0)

    @pydantic.field_validator("failure_mode", mode="before")
    @classmethod
    def _by_name(cls, mode: Any) -> Any:
        if isinstance(mode, str):
            if mode not in FailureMode.__members__:
                raise ValueError(f'"{mode}" is no failure mode; known are {", ".join(FailureMode.__members__)}')
            return FailureMode[mode]
        return mode

    @pydantic.field_serializer("failure_mode")
    def _to_name(self, mode: FailureMode) -> str:
        return mode.name

    @pydantic.model_validator(mode="after")
    def _is_of_one_piece(self) -> Example:
        if not self.task.strip():
            raise ValueError("the task is empty")
        if (self.outcome == "failure") != (self.failure_mode is not FailureMode.NONE):
            raise ValueError(f"the outcome {self.outcome} does not go with the failure mode {self.failure_mode.name}")
        if self.kind is ExampleKind.TEXT and (self.frames or not self.text.strip()):
            raise ValueError("an example of kind text has a text, and no frames")
        if self.kind is not ExampleKind.TEXT and not self.frames:
            raise ValueError(f"an example of kind {self.kind.value} has frames")
        if any((frame.reward is None) is (self.kind is ExampleKind.REWARDED) for frame in self.frames):
            raise ValueError("each frame of kind rewarded has a reward, and no other has one")
        places = [(frame.time_s, frame.camera) for frame in self.frames]
        if [time_s for time_s, _ in places] != sorted(time_s for time_s, _ in places):
            raise ValueError("the frames are not in the order of time")
        if len(set(places)) < len(places) or len({frame.file for frame in self.frames}) < len(places):
            raise ValueError("two frames have the same camera and time, or the same file")
        return self

    @property
    def is_negative(self) -> bool:
        """Whether it shows what is not wanted."""
        return self.outcome == "failure"

    @property
    def content_hash(self) -> str:
        """SHA-256 over all that a model may be shown of it, in hexadecimal digits; not where it comes from."""
        shown = self.model_dump(mode="json", include={"task", "failure_mode", "kind", "text", "outcome", "frames"})
        return hashlib.sha256(json.dumps(shown, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
