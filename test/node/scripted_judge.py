"""A judge of known behaviour: it reads progress from the brightness of the newest image, and obeys the task.

The task is a list of words. `sleep=S` makes it answer after S seconds, `hang` never, `crash` ends its process, `refuse`
raises, `decline` makes it say that it does not know, `fail` speaks for a dropped object, `success` for success,
`absurd` for a progress of 150 %, `long` makes it work until it is cancelled, `exhaust` runs out of memory, and
`unparsable` makes it say that the answer could not be read. What `create_review` makes obeys the words that begin with
`review.` instead.
"""

from __future__ import annotations

import os
import signal
import threading
import time

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import Critique, JudgeProvenance, Opinion, SubtaskOpinion, SubtaskState

_STEPS = (SubtaskOpinion("grasp", 0.25, 1.0, SubtaskState.DONE), SubtaskOpinion("lift", 0.75))


class ScriptedJudge:
    def __init__(self, options: JudgeOptions, model: str = "scripted", prefix: str = "") -> None:
        self.provenance = JudgeProvenance(model, "0123456789abcdef", "cpu", "scripted")
        self._options = options
        self._prefix = prefix
        self._cancelled = threading.Event()
        self._episode_id = ""

    def cancel(self) -> None:
        self._cancelled.set()

    def ask(self, evidence: Evidence) -> Opinion:
        told = [word.removeprefix(self._prefix) for word in evidence.task.split() if word.startswith(self._prefix)]
        words = dict(word.partition("=")[::2] for word in told)
        time.sleep(float(words.get("sleep", 0)))
        if "hang" in words:
            time.sleep(3600)
        if "crash" in words:
            os.kill(os.getpid(), signal.SIGSEGV)
        if "exhaust" in words:
            raise MemoryError
        if "long" in words:
            self._cancelled.clear()
            self._cancelled.wait()
            raise Cancelled("The question was cancelled.")
        if "refuse" in words:
            raise JudgeError("The script says so.")
        if "decline" in words:
            return Opinion(evidence, self.provenance, reason="The script declines.")
        if "unparsable" in words:
            return Opinion(evidence, self.provenance, unparsable=True, reason="No brace in it.")
        newest = next(iter(evidence.keyframes.values()))[-1].frame
        failing = 0.95 if "fail" in words else 0.02
        # Nobody believes a judge on motion alone that never said anything but complete.
        first, self._episode_id = evidence.episode_id != self._episode_id, evidence.episode_id
        complete = "success" in words and (not first or bool(self._prefix))
        return Opinion(
            evidence,
            self.provenance,
            progress=1.5 if "absurd" in words else newest.image.rgb().mean(dtype=np.float32) / 255,
            success_probability=0.98 if complete else 0.05,
            failure_probability=failing,
            failure_mode=FailureMode.OBJECT_DROPPED,
            subtasks=_STEPS if self._prefix else (),
            critique=Critique(0.5, advice="Grasp lower.", camera="wrist", at_s=1.5) if self._prefix else None,
        )


def create(options: JudgeOptions) -> ScriptedJudge:
    return ScriptedJudge(options)


def create_review(options: JudgeOptions) -> ScriptedJudge:
    return ScriptedJudge(options, "second", "review.")


def missing_model(options: JudgeOptions) -> ScriptedJudge:
    raise JudgeError("The model of the script is missing; write one.")


def broken(options: JudgeOptions) -> ScriptedJudge:
    raise RuntimeError("no such thing")
