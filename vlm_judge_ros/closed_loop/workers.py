"""Episodes in this process or in several others, each with its own simulator and its own judges."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vlm_judge_ros.closed_loop.choosers import ORACLE, POLICY, RANDOM, Chance, Chooser, Judged, Oracle, Policy
from vlm_judge_ros.closed_loop.loop import LoopSettings, Scene
from vlm_judge_ros.closed_loop.records import EpisodeRecord
from vlm_judge_ros.closed_loop.task_table import LoopTask
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.steering.questions import SteeringSettings
from vlm_judge_ros.steering.scorer import CandidateScorer

REFERENCE = "reference"

_SCORERS: dict[tuple[str, str], CandidateScorer] = {}
"""Of this process, which works for one run: judges take long to make."""


@dataclass(frozen=True)
class RunSettings:
    """What all episodes of a run have in common.

    Attributes:
        loop: how an episode is played.
        steering: how a judge's scores become a choice.
        options: of the judges.
        references: folder of the files for the judge `reference`, one for each task.
    """

    loop: LoopSettings
    steering: SteeringSettings
    options: JudgeOptions
    references: Path


@dataclass(frozen=True)
class Job:
    """One episode to play."""

    settings: RunSettings
    task: LoopTask
    judge: str
    k: int
    seed: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        """What tells it from all others of a run."""
        return self.task.task, self.judge, self.k, self.seed


def played(jobs: Sequence[Job], processes: int) -> Iterator[EpisodeRecord]:
    """Play episodes, and give each record as soon as it is there; in several processes in no certain order.

    Raises:
        JudgeError: the simulator cannot be used, or a judge cannot be made.
    """
    if processes == 1:
        yield from map(play_job, jobs)
        return
    # The graphics libraries do not survive a fork.
    with multiprocessing.get_context("spawn").Pool(processes, _leave_interrupts) as pool:
        yield from pool.imap_unordered(play_job, jobs, chunksize=1)


def play_job(job: Job) -> EpisodeRecord:
    """Play one episode.

    Raises:
        JudgeError: the simulator cannot be used, or the judge cannot be made.
    """
    course = Scene(job.task, job.seed, job.settings.loop).run(_chooser(job), job.k)
    return EpisodeRecord(
        task=job.task.task,
        judge=job.judge,
        k=job.k,
        seed=job.seed,
        success=course.success,
        steps=course.steps,
        decisions=len(course.picks),
        abstained=sum(pick.abstained for pick in course.picks),
        seconds=sum(pick.seconds for pick in course.picks),
    )


def _chooser(job: Job) -> Chooser:
    simple: dict[str, type[Chooser]] = {POLICY: Policy, RANDOM: Chance, ORACLE: Oracle}
    if job.judge in simple:
        return simple[job.judge]()
    options, steering = job.settings.options, job.settings.steering
    if job.judge == REFERENCE and not options.model:
        options = replace(options, model=str(reference_file(job.settings.references, job.task.task)))
    key = job.judge, options.model
    if key not in _SCORERS:
        _SCORERS[key] = CandidateScorer.of(job.judge, options, steering)
    return Judged(_SCORERS[key])


def reference_file(folder: Path, task: str) -> Path:
    """Where the references of a task lie."""
    return folder / f"{task}.npz"


def _leave_interrupts() -> None:
    # Ctrl-C reaches all processes of a terminal; the one that began the others ends them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
