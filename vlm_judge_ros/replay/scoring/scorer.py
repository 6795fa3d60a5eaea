"""Scores one episode after the other: judges it, and writes its folder."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vlm_judge_ros.errors import JudgeError, JudgeLost
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.outputs.episode_file import EpisodeFile
from vlm_judge_ros.replay.outputs.kinds import kinds_named, output_kind
from vlm_judge_ros.replay.outputs.output import Output, OutputKind
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.scoring.further import Further
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace

UNFINISHED = ".unfinished-"
_FULL = (errno.ENOSPC, errno.EDQUOT)


MOST_LOST = 5
"""After so many episodes in a row that the judge did not live through no other is tried."""


class Hopeless(JudgeError):
    """The episodes to come would fail for the same reason."""


class FullDisk(Hopeless):
    """There is no room for results."""


class KeepsDying(Hopeless):
    """The judge's process dies in one episode after the other."""


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """How episodes are scored; can be handed to other processes.

    Attributes:
        folder: where the results go; it exists.
        kinds: names of the outputs that are wanted.
        parameters: of the judge.
        further: what else the judge is asked about each episode; None for nothing.
    """

    folder: Path
    kinds: tuple[str, ...]
    parameters: GivenParameters
    further: Further | None = None


class Scorer:
    """Keeps one judge loaded, as long as the cameras stay the same.

    Args:
        settings: how episodes are scored.

    Raises:
        JudgeError: what an output needs is not installed.
    """

    def __init__(self, settings: ScoringSettings) -> None:
        self._settings = settings
        # The record of the episode is not asked for: everything that spans episodes is made of it.
        asked_for = [output_kind(kind) for kind in kinds_named(settings.kinds) if not kind.spans]
        self._kinds: list[OutputKind] = [EpisodeFile, *asked_for]
        self._cameras: tuple[str, ...] = ()
        self._judge: EpisodeJudge | None = None
        self._unusable: dict[tuple[str, ...], JudgeError] = {}
        self._lost = 0

    @property
    def card_warning(self) -> str:
        """Why the judge card that was named does not hold for the judge, one sentence; empty where it does."""
        return self._judge.card_warning if self._judge is not None else ""

    def close(self) -> None:
        """End the judge's process."""
        if self._judge is not None:
            self._judge.close()
            self._judge = None

    def score(self, episode: RecordedEpisode, on_time: Callable[[float], None] = lambda _: None) -> EpisodeTrace:
        """Score an episode. Its folder gets its name only when everything in it is whole.

        Args:
            episode: what was recorded.
            on_time: called with the seconds of the episode that have been judged.

        Raises:
            FullDisk: there is no room for the results; as with all other errors, nothing is left behind.
            KeepsDying: the judge's process died in `MOST_LOST` episodes in a row.
            JudgeError: the recording is damaged, the judge cannot be used or died, or a result cannot be written.
        """
        key = episode.description.key
        unfinished = self._settings.folder / f"{UNFINISHED}{key}"
        outputs: list[Output] = []
        further = self._settings.further
        passes = 1 + (further.passes(episode.description) if further is not None else 0)
        try:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            judge = self._judge_for(episode.description.cameras)
            for kind in self._kinds:
                outputs.append(kind.open(episode, unfinished))
            trace = judge.judge(episode, outputs, lambda time_s: on_time(time_s / passes))
            for output in outputs:
                output.finish(trace)
            if further is not None:
                first_s = episode.description.duration_s
                further.judge(episode, judge, unfinished, lambda time_s: on_time((first_s + time_s) / passes))
            unfinished.rename(self._settings.folder / key)
        except BaseException as error:
            for output in outputs:
                with contextlib.suppress(Exception):
                    output.abandon()
            shutil.rmtree(unfinished, ignore_errors=True)
            if isinstance(error, OSError):
                raise (FullDisk if error.errno in _FULL else JudgeError)(
                    f"The results cannot be written to {self._settings.folder} ({error.strerror or error}); make room, "
                    "or choose another folder."
                ) from error
            if isinstance(error, JudgeLost):
                self._lose(error)
            raise
        self._lost = 0
        return trace

    def _lose(self, error: JudgeLost) -> None:
        """Begin anew with another process for the next episode, unless that is in vain."""
        self.close()
        self._lost += 1
        if self._lost >= MOST_LOST:
            raise KeepsDying(
                f"{error} This was the case in {self._lost} episodes in a row, so no other is tried; mend the judge, "
                "or leave out what it dies of."
            ) from error

    def _judge_for(self, cameras: tuple[str, ...]) -> EpisodeJudge:
        if cameras in self._unusable:  # to try again takes long and ends in the same way
            raise self._unusable[cameras]
        if self._judge is None or cameras != self._cameras:
            self.close()
            try:
                self._judge = EpisodeJudge(self._settings.parameters.for_cameras(cameras))
            except JudgeError as error:
                self._unusable[cameras] = error
                raise
            self._cameras = cameras
        return self._judge
