"""Asking a judge in a thread of its own, so that whoever waits can stop to."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.checked_opinion import checked_fields
from vlm_judge_ros.judges.opinion import Cancellable, Judge, Opinion
from vlm_judge_ros.steering.hearing import NOT_ASKED, Heard, heard_of

_CANCEL_AGAIN_S = 0.02


class Asking:
    """Questions to one judge, asked one after another in a thread of their own.

    Args:
        judge: who is asked.
        free: held while the judge is asked; a judge answers one question at a time.
        pieces: what it is shown, one question each.
        is_enough: from what was heard so far to whether there is no use in asking on; called before each question but
            the first.
    """

    def __init__(
        self,
        judge: Judge,
        free: threading.Lock,
        pieces: Sequence[Evidence],
        is_enough: Callable[[Sequence[Heard]], bool],
    ) -> None:
        self._judge = judge
        self._free = free
        self._pieces = pieces
        self._is_enough = is_enough
        self._heard: list[Heard] = [None] * len(pieces)
        self._began = False
        self._enough = False
        self._given_up = False
        self._ended = False
        self._changed = threading.Condition()
        # A judge that cannot be cancelled must not keep the program from ending.
        threading.Thread(target=self._run, name="candidates", daemon=True).start()

    def wait(self, timeout_s: float) -> list[Heard]:
        """What was heard of each question when all had been asked, or the time was over; then no more are asked."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended, min(timeout_s, threading.TIMEOUT_MAX))
            heard = list(self._heard)
            self._given_up = True
            if self._enough:
                return [NOT_ASKED if each is None else each for each in heard]
            if not self._began and not self._ended:
                return ["The judge was still busy with an earlier question when the deadline came."] * len(heard)
            if not self._ended and isinstance(self._judge, Cancellable):
                threading.Thread(target=self._cancel, args=(self._judge,), name="cancel", daemon=True).start()
            return heard

    def _run(self) -> None:
        with self._free:
            for index, evidence in enumerate(self._pieces):
                with self._changed:
                    self._enough = index > 0 and self._is_enough(self._heard)
                    if self._given_up or self._enough:
                        break
                    self._began = True
                heard = _ask(self._judge, evidence)
                with self._changed:
                    self._heard[index] = heard
            # Before the next in line may ask, so that a cancellation that was meant for this one cannot hit that one.
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _cancel(self, judge: Cancellable) -> None:
        # Told again until the judge has stopped: the first time it may not have begun with its model yet.
        with self._changed:
            while not self._ended:
                judge.cancel()
                self._changed.wait(_CANCEL_AGAIN_S)


def _ask(judge: Judge, evidence: Evidence) -> Opinion | str:
    try:
        opinion = judge.ask(evidence)
        opinion = replace(opinion, **checked_fields(opinion))
    except JudgeError as error:
        return str(error)
    except Exception as error:  # of whoever wrote the judge; the other candidates are still to be scored
        traceback.print_exc()
        return f"The judge failed ({type(error).__name__}: {error})."
    return heard_of(opinion)
