"""`verdicts.jsonl`: one JSON object for each verdict. What the clock of the wall says stands in another file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

from vlm_judge_ros.episode.known import known
from vlm_judge_ros.replay.outputs.output import Silent
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Verdict

VERDICTS = "verdicts.jsonl"
LATENCIES = "latencies.jsonl"


class VerdictLines(Silent):
    """Writes `verdicts.jsonl`, the same bytes each time, and `latencies.jsonl`."""

    def __init__(self, episode: RecordedEpisode, folder: Path) -> None:
        self._verdicts: IO[str] = (folder / VERDICTS).open("w", encoding="utf-8")
        self._latencies: IO[str] = (folder / LATENCIES).open("w", encoding="utf-8")

    @staticmethod
    def open(episode: RecordedEpisode, folder: Path) -> VerdictLines:
        """See `OutputKind.open`."""
        return VerdictLines(episode, folder)

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        """Write a line."""
        self._verdicts.write(timeless(verdict).model_dump_json() + "\n")

    def progress(self, update: ProgressUpdate, time_ns: int) -> None:
        """Write what the answer took."""
        self._took("judge", update)

    def review(self, update: ProgressUpdate, time_ns: int) -> None:
        """Write what the review took."""
        self._took("review", update)

    def finish(self, trace: EpisodeTrace) -> None:
        """Close."""
        self.abandon()

    def abandon(self) -> None:
        """Close."""
        self._verdicts.close()
        self._latencies.close()

    def _took(self, judge: str, update: ProgressUpdate) -> None:
        cost = update.opinion.cost
        line = {
            "stamp_ns": update.opinion.evidence.now_ns,
            "judge": judge,
            "latency_s": known(update.latency_s),
            "input_tokens": known(cost.input_tokens),
            "output_tokens": known(cost.output_tokens),
            "money": known(cost.money),
        }
        self._latencies.write(json.dumps(line) + "\n")


def timeless(verdict: Verdict) -> Verdict:
    """A verdict without what the clock of the wall says, so that the same evidence always gives the same text."""
    review = verdict.review_provenance
    return verdict.model_copy(
        update={
            "provenance": verdict.provenance.model_copy(update={"latency_s": None}),
            "review_provenance": review.model_copy(update={"latency_s": None}) if review is not None else None,
        }
    )
