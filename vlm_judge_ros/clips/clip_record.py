"""What a clip says of itself, in the file `clip.json` beside its bag."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.verdict.failure import FailureEvent

FILE = "clip.json"
LARGEST_FILE_BYTES = 1_000_000


class ClipFailure(BaseModel):
    """A failure that was confirmed within a clip.

    Attributes:
        event_id: number of the event within the episode.
        code: the failure mode.
        severity: 0 to 3, as in `vlm_judge_ros/msg/Failure`.
        deciding_layer: in lower case.
        onset_ns: best estimate of when it began; None where that is not known.
        confirmed_ns: newest evidence when it was confirmed.
        text: one sentence for a person.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: int = Field(ge=1)
    code: str = Field(min_length=1, max_length=64)
    severity: int = Field(ge=0, le=3)
    deciding_layer: str
    onset_ns: int | None = None
    confirmed_ns: int
    text: str

    @staticmethod
    def of(event: FailureEvent) -> ClipFailure:
        """The record of an event."""
        return ClipFailure(
            event_id=event.event_id,
            code=event.mode.name,
            severity=int(event.severity),
            deciding_layer=event.deciding_layer.name.lower(),
            onset_ns=event.onset_ns,
            confirmed_ns=event.stamp_ns,
            text=event.text,
        )


class ClipRecord(BaseModel):
    """What a clip says of itself.

    Attributes:
        version: of this format.
        episode_id: the episode.
        task: the instruction.
        task_file: name and hash of the task's file; empty for none.
        failures: what was confirmed, in that order; the clip is named after the first.
        begin_ns: arrival of its first message, on the node clock.
        end_ns: arrival of its last message.
        cameras: name of each camera to the topic with its images in the clip.
        model: the judge that is always on.
        model_hash: hash of its files.
        method: how it is asked.
        software_version: of this package.
        image_share: share of the kept images that was written, 0 to 1; less where it would have been too large.
        left_out: one sentence for everything else that is not in the clip.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1] = 1
    episode_id: str = Field(min_length=1)
    task: str
    task_file: str = ""
    failures: tuple[ClipFailure, ...] = Field(min_length=1)
    begin_ns: int
    end_ns: int
    cameras: dict[str, str] = {}
    model: str = ""
    model_hash: str = ""
    method: str = ""
    software_version: str = ""
    image_share: float = Field(default=1.0, ge=0.0, le=1.0)
    left_out: tuple[str, ...] = ()


def read_record(bag: Path) -> ClipRecord | None:
    """What a clip says of itself; None where a bag is no clip.

    Raises:
        JudgeError: it cannot be read.
    """
    path = bag / FILE
    if not path.is_file():
        return None
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise JudgeError(f"{path} has more than {LARGEST_FILE_BYTES} bytes; remove it to use the bag without it.")
        return ClipRecord.model_validate_json(path.read_bytes())
    except OSError as error:
        raise JudgeError(f"{path} cannot be read ({error.strerror}); check its rights.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the whole"
        raise JudgeError(
            f"{path} cannot be used ({place}: {first['msg']}); remove it to use the bag without it."
        ) from error
