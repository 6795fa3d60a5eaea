"""The tables of one episode: a row for each frame of its first camera, for each subtask then, and for the whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vlm_judge_ros import __version__
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.known import known
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.frame_rows import FrameRows, Row
from vlm_judge_ros.replay.outputs.output import Silent
from vlm_judge_ros.replay.outputs.table_file import JUDGED, PROGRESS, SUBTASKS, TableFile
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import Provenance, State, Verdict

PROGRESS_FILE = "progress.parquet"
SUBTASKS_FILE = "subtask_rewards.parquet"
JUDGED_FILE = "judged_failures.parquet"

_ENDED = {State.SUCCEEDED: True, State.FAILED: False}


class EpisodeTables(Silent):
    """Writes `progress.parquet`, `subtask_rewards.parquet` and `judged_failures.parquet` of one episode."""

    def __init__(self, episode: RecordedEpisode, folder: Path) -> None:
        self._description = episode.description
        self._folder = folder
        self._rows = FrameRows(episode.description)
        self._frames = 0
        self._verdict: Verdict | None = None
        self._failure_probability: float | None = None
        self._files: dict[str, TableFile] = {}

    @staticmethod
    def open(episode: RecordedEpisode, folder: Path) -> EpisodeTables:
        """See `OutputKind.open`."""
        return EpisodeTables(episode, folder)

    def see(self, event: Event) -> None:
        """Write the row of the frame before."""
        self._write(self._rows.see(event))

    def progress(self, update: ProgressUpdate, time_ns: int) -> None:
        """Take an answer."""
        self._write(self._rows.progress(update, time_ns))
        self._failure_probability = known(update.opinion.failure_probability)

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        """Take a verdict."""
        self._write(self._rows.verdict(verdict, time_ns))
        self._verdict = verdict

    def finish(self, trace: EpisodeTrace) -> None:
        """Write the last rows, and that of the whole."""
        self._write(self._rows.last())
        for name, schema in ((PROGRESS_FILE, PROGRESS), (SUBTASKS_FILE, SUBTASKS), (JUDGED_FILE, JUDGED)):
            self._file(name, schema)
        self._files[JUDGED_FILE].add(self._whole(trace))
        for file in self._files.values():
            file.close()

    def abandon(self) -> None:
        """Close."""
        for file in self._files.values():
            file.abandon()

    def _write(self, rows: tuple[Row, list[Row]] | None) -> None:
        if rows is None:
            return
        row, by_subtask = rows
        self._frames += 1
        self._file(PROGRESS_FILE, PROGRESS).add(row)
        for further in by_subtask:
            self._file(SUBTASKS_FILE, SUBTASKS).add(further)

    def _file(self, name: str, schema: Any) -> TableFile:
        if name not in self._files:
            self._files[name] = TableFile(self._folder / name, schema, self._told)
        return self._files[name]

    @property
    def _provenance(self) -> Provenance:
        return self._verdict.provenance if self._verdict is not None else Provenance(software_version=__version__)

    def _told(self) -> dict[str, Any]:
        return {**place_of(self._description), "provenance": provenance_of(self._provenance)}

    def _whole(self, trace: EpisodeTrace) -> dict[str, Any]:
        verdict, described, truth = self._verdict, self._description, trace.truth
        final = trace.rulings[-1] if trace.rulings else None
        failed = verdict is not None and verdict.state is State.FAILED
        recognised_s = [ruling.known_s for ruling in trace.rulings if ruling.state is State.FAILED]
        return {
            "episode_index": described.place.episode_index if described.place is not None else 0,
            "episode": described.key,
            "task": described.task,
            "success": _ENDED.get(trace.final_state),
            "state": trace.final_state.name,
            "failure_mode": (final.failure_mode if final is not None else FailureMode.NONE).name,
            "onset_s": final.onset_s if final is not None and failed else None,
            "recognised_s": recognised_s[0] if recognised_s and failed else None,
            "confidence": verdict.confidence if verdict is not None else None,
            "progress": known(trace.final_progress),
            "success_probability": verdict.success_probability if verdict is not None else None,
            "failure_probability": self._failure_probability,
            "reason": final.reason if final is not None else "",
            "deciding_layers": ", ".join(layer.name for layer in self._provenance.deciding_layers),
            "true_success": truth.outcome == "success" if truth is not None else None,
            "true_failure_mode": truth.failure_mode if truth is not None else None,
            "duration_s": trace.duration_s,
            "frames": self._frames,
            "origin": described.origin,
            **provenance_of(self._provenance),
        }


def place_of(description: EpisodeDescription) -> dict[str, Any]:
    """Where the rows of an episode belong; `dataset` is empty where it is of none."""
    place = description.place
    return {
        "episode": description.key,
        "dataset": place.dataset if place is not None else "",
        "episode_index": place.episode_index if place is not None else 0,
    }


def provenance_of(provenance: Provenance) -> Mapping[str, Any]:
    """Which instrument judged."""
    told = ("model", "model_hash", "provider", "method", "prompt_set", "prompt_hash", "calibration", "judge_card")
    return {name: getattr(provenance, name) for name in (*told, "task_file", "seed", "software_version")}
