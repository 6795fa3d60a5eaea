"""A process that scores episodes, so that none of them can take the others down with it."""

from __future__ import annotations

import multiprocessing
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeAlias, cast

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.orphans import end_with_parent
from vlm_judge_ros.replay.scoring.scorer import Hopeless, Scorer, ScoringSettings
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode

_TELL_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Advanced:
    """So many seconds of the episode have been judged."""

    time_s: float


@dataclass(frozen=True, slots=True)
class Scored:
    """The folder of the episode is there; its final state and progress, in words."""

    result: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The episode could not be scored.

    Attributes:
        reason: one sentence.
        detail: for whoever mends our software; empty where nothing in it is to be mended.
        hopeless: the episodes to come would fail for the same reason.
    """

    reason: str
    detail: str = ""
    hopeless: bool = False


News: TypeAlias = "Advanced | Scored | Failed"


class Attempts:
    """Scores one episode after the other, and has words for every end that this takes.

    Args:
        settings: how episodes are scored.
    """

    def __init__(self, settings: ScoringSettings) -> None:
        self._settings = settings
        self._scorer: Scorer | None = None
        self._warned = False

    def score(self, episode: RecordedEpisode, on_time: Callable[[float], None] = lambda _: None) -> Scored | Failed:
        """Score an episode.

        Args:
            episode: what was recorded.
            on_time: called with the seconds of the episode that have been judged.
        """
        try:
            self._scorer = self._scorer or Scorer(self._settings)
            trace = self._scorer.score(episode, on_time)
        except Hopeless as error:
            return Failed(str(error), hopeless=True)
        except JudgeError as error:
            return Failed(str(error))
        except MemoryError:
            return Failed("It needs more memory than there is; free some, or use fewer --jobs.")
        except Exception as error:
            text = " ".join(f"{type(error).__name__}: {error}".split())
            return Failed(f"A mistake in this software ({text}); please report it.", traceback.format_exc())
        progress = f", {trace.final_progress:.0%}" if trace.final_progress == trace.final_progress else ""
        warning, self._warned = self._scorer.card_warning if not self._warned else "", True
        return Scored(f"{trace.final_state.name}{progress}{'. ' + warning if warning else ''}")

    def close(self) -> None:
        """End the judge's process."""
        if self._scorer is not None:
            self._scorer.close()


class WorkerProcess:
    """Starts a process and hands it one episode after the other.

    Args:
        settings: how episodes are scored.
    """

    def __init__(self, settings: ScoringSettings) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(
            target=_work, args=(theirs, settings, multiprocessing.current_process().pid), daemon=True
        )
        self._process.start()
        theirs.close()

    def score(self, episode: RecordedEpisode) -> None:
        """Hand over an episode; what becomes of it comes through `connection`.

        Raises:
            OSError: the process has ended.
        """
        self.connection.send(episode)

    def news(self) -> News:
        """Wait for what the process says next.

        Raises:
            EOFError: the process has ended.
            OSError: the same.
        """
        return cast(News, self.connection.recv())

    def end_of_it(self) -> str:
        """How the process ended that has: a sentence."""
        self._process.join(5.0)
        self._process.kill()
        self._process.join()
        self.connection.close()
        code = self._process.exitcode or 0
        if code >= 0:
            return f"Its process ended with exit code {code} before the episode was finished."
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        return f"Its process was ended by {name} before the episode was finished; see whether memory ran out."

    def close(self) -> None:
        """End the process at once; the episode that it works on is lost."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _work(connection: Connection, settings: ScoringSettings, parent: int) -> None:
    # Ctrl-C reaches every process of a terminal; the one that started us decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not end_with_parent(parent):
        return
    attempts = Attempts(settings)
    while True:
        try:
            episode: RecordedEpisode = connection.recv()
        except EOFError:
            break
        connection.send(attempts.score(episode, _teller(connection)))
    attempts.close()


def _teller(connection: Connection) -> Callable[[float], None]:
    told_s = time.monotonic()

    def tell(time_s: float) -> None:
        nonlocal told_s
        now_s = time.monotonic()
        if now_s - told_s >= _TELL_EVERY_S:
            told_s = now_s
            connection.send(Advanced(time_s))

    return tell
