"""The folder of a closed-loop run: what it was made with, and a line for each episode, written as it is done."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pydantic

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.outputs.whole_file import write_whole

EPISODES, MADE_WITH = "episodes.jsonl", "run.json"


class EpisodeRecord(pydantic.BaseModel):
    """How one episode went.

    Attributes:
        task: its name.
        judge: who chose.
        k: chunks that were drawn for each decision.
        seed: of the episode; equal seeds have equal scenes and equal noise.
        success: by the simulator's own flag, at any step.
        steps: control steps until success, or in all.
        decisions: how many were made.
        abstained: in how many of them the judge chose nobody.
        seconds: wall-clock seconds from request to answer, over all decisions.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    task: str
    judge: str
    k: int = pydantic.Field(ge=1)
    seed: int = pydantic.Field(ge=0)
    success: bool
    steps: int = pydantic.Field(ge=0)
    decisions: int = pydantic.Field(ge=1)
    abstained: int = pydantic.Field(ge=0)
    seconds: float = pydantic.Field(ge=0.0)

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What tells it from all others of a run."""
        return self.task, self.judge, self.k, self.seed

    @property
    def seconds_per_decision(self) -> float:
        """Mean over the episode."""
        return self.seconds / self.decisions if self.decisions else math.nan


class RecordFolder:
    """Keeps the records of a run, and finds them again when it is resumed.

    Args:
        path: the folder; it is made where it is not there.
        made_with: what the episodes depend on, as JSON; a run can only be resumed with the same.
        resume: go on where another run ended.

    Raises:
        JudgeError: the folder holds a run and `resume` is not asked for, was made with something else, or cannot be
            used.
    """

    def __init__(self, path: Path, made_with: Mapping[str, Any], resume: bool) -> None:
        self._path = path
        self.records: list[EpisodeRecord] = []
        made_before = path / MADE_WITH
        try:
            path.mkdir(parents=True, exist_ok=True)
            if not made_before.exists():
                write_whole(made_before, json.dumps(made_with, indent=1, sort_keys=True) + "\n")
                return
            before = json.loads(made_before.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise JudgeError(f"The folder {path} cannot be used ({error}); choose another one with --out.") from error
        if not resume:
            raise JudgeError(f"{path} holds a run already; go on with it by --resume, or choose another --out.")
        differing = sorted(key for key in {*before, *made_with} if before.get(key) != made_with.get(key))
        if differing:
            raise JudgeError(
                f"The run in {path} was made with another {differing[0]} ({before.get(differing[0])}, now "
                f"{made_with.get(differing[0])}); choose another --out."
            )
        self.records = list(read_records(path))

    def add(self, record: EpisodeRecord) -> None:
        """Write a record behind the others.

        Raises:
            JudgeError: it cannot be written.
        """
        file = self._path / EPISODES
        try:
            with file.open("a+b") as lines:
                # What a run that was killed had half written stays alone on its line.
                if lines.tell() and not _ends_whole(file):
                    lines.write(b"\n")
                lines.write(record.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise JudgeError(f"{file} cannot be written ({error.strerror}); make room, and --resume.") from error
        self.records.append(record)


def read_records(path: Path) -> Iterator[EpisodeRecord]:
    """The records of a folder; a line that was not finished is passed over, and its episode is played again.

    Raises:
        JudgeError: they cannot be read.
    """
    file = path / EPISODES
    if not file.exists():
        return
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise JudgeError(f"{file} cannot be read ({error.strerror}); choose another --out.") from error
    for line in lines:
        try:
            yield EpisodeRecord.model_validate_json(line)
        except pydantic.ValidationError:
            continue


def _ends_whole(file: Path) -> bool:
    with file.open("rb") as content:
        content.seek(-1, 2)
        return content.read(1) == b"\n"
