"""What came of a run, for people and for programs."""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from pydantic import BaseModel, ConfigDict

from vlm_judge_ros.replay.outputs.whole_file import write_whole

FAILED = "failed.jsonl"


class FailedEpisode(BaseModel):
    """An episode, or a path, that could not be scored.

    Attributes:
        episode: name of the folder that it would have; empty where no episode was found.
        origin: where it was recorded to.
        reason: one sentence.
        detail: for whoever mends this software; empty where nothing in it is to be mended.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    episode: str
    origin: str
    reason: str
    detail: str = ""


class RunResult(BaseModel):
    """What came of a run.

    Attributes:
        folder: the results.
        scored: names of the episodes that were scored.
        finished_before: names of those that a run before this one has scored.
        failed: those that could not be.
        left: names of those that were not tried, because the reason of a failure would have been theirs too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    scored: tuple[str, ...]
    finished_before: tuple[str, ...]
    failed: tuple[FailedEpisode, ...]
    left: tuple[str, ...]

    def write(self, folder: Path) -> None:
        """Write `failed.jsonl`, or remove that of an earlier run where nothing failed.

        Raises:
            JudgeError: it cannot be written.
        """
        if self.failed:
            write_whole(folder / FAILED, "".join(f"{one.model_dump_json()}\n" for one in self.failed))
        else:
            (folder / FAILED).unlink(missing_ok=True)

    def sentence(self, out: Path) -> str:
        """The result for a person."""
        parts = [f"{len(self.scored)} scored"]
        if self.finished_before:
            parts.append(f"{len(self.finished_before)} finished before")
        parts.append(f"{len(self.failed)} failed")
        if self.left:
            parts.append(f"{len(self.left)} not tried")
        return f"{', '.join(parts)}; the results lie in {out}"

    def list_failed(self, stream: TextIO) -> None:
        """Write a line for everything that failed."""
        for one in self.failed:
            print(f"failed: {one.episode or one.origin}: {one.reason}", file=stream)
