"""`summary.csv` and `episodes.jsonl`: one line for each judged episode, for spreadsheets and for programs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from vlm_judge_ros.replay.labels.cells import closed
from vlm_judge_ros.replay.outputs.episode_file import ScoredEpisode, read_episode
from vlm_judge_ros.replay.outputs.whole_file import write_whole
from vlm_judge_ros.verdict.verdict import State

SUMMARY = "summary.csv"
EPISODES = "episodes.jsonl"


class EpisodeLine(BaseModel):
    """One judged episode. None where something is not known, or did not happen.

    Attributes:
        episode: name of its folder.
        name: its name for people.
        task: the instruction.
        state: of the final verdict.
        progress: of the final verdict, 0 to 1.
        failure_mode: of the final verdict; empty unless the state is FAILED.
        onset_s: best estimate of when the failure began, in seconds from the start of the episode.
        recognised_s: when a failure was first reported.
        succeeded_s: when success was first reported.
        duration_s: length of the episode.
        true_outcome: success or failure, where the recording says so.
        true_failure_mode: the way in which it really failed; empty for none.
        true_onset_s: when it really began to fail.
        verdict_is_right: whether the final verdict agrees with the truth.
        answers: how often the judge answered.
        model: model and hash of the judge.
        method: how it was asked.
        reason: of the final verdict.
        origin: where the episode was recorded to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    episode: str
    name: str
    task: str
    state: str
    progress: float | None
    failure_mode: str
    onset_s: float | None
    recognised_s: float | None
    succeeded_s: float | None
    duration_s: float
    true_outcome: str
    true_failure_mode: str
    true_onset_s: float | None
    verdict_is_right: bool | None
    answers: int
    model: str
    method: str
    reason: str
    origin: str

    @staticmethod
    def of(scored: ScoredEpisode) -> EpisodeLine:
        """Summarise an episode."""
        trace, truth = scored.trace, scored.trace.truth
        final = trace.rulings[-1] if trace.rulings else None
        failed = final if final is not None and final.state is State.FAILED else None
        succeeded = next((ruling for ruling in trace.rulings if ruling.state is State.SUCCEEDED), None)
        return EpisodeLine(
            episode=scored.key,
            name=trace.name,
            task=trace.task,
            state=trace.final_state.name,
            progress=_rounded(trace.final_progress),
            failure_mode=failed.failure_mode.name if failed is not None else "",
            onset_s=_rounded(failed.onset_s) if failed is not None else None,
            recognised_s=_rounded(trace.recognised_s),
            succeeded_s=_rounded(succeeded.known_s) if succeeded is not None else None,
            duration_s=round(trace.duration_s, 3),
            true_outcome=truth.outcome if truth is not None else "",
            true_failure_mode=truth.failure_mode if truth is not None and truth.outcome == "failure" else "",
            true_onset_s=_rounded(truth.onset_s) if truth is not None else None,
            verdict_is_right=trace.right,
            answers=len(trace.answers),
            model=trace.provenance.get("model", ""),
            method=trace.provenance.get("method", ""),
            reason=final.reason if final is not None else "",
            origin=scored.origin,
        )


def write(folder: Path, episodes: Sequence[Path]) -> None:
    """See `SpanningKind.write`."""
    lines = [EpisodeLine.of(read_episode(episode, pictures=False)) for episode in episodes]
    write_whole(folder / EPISODES, "".join(f"{line.model_dump_json()}\n" for line in lines))
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(EpisodeLine.model_fields)
    for line in lines:
        writer.writerow(_cell(value) for value in line.model_dump().values())
    # Without the mark at its beginning, spreadsheets take UTF-8 for something else.
    write_whole(folder / SUMMARY, table.getvalue(), "utf-8-sig")


def _cell(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A spreadsheet would run what begins like a formula.
    return closed(value) if isinstance(value, str) else str(value)


def _rounded(value: float | None) -> float | None:
    return round(value, 3) if value is not None and math.isfinite(value) else None
