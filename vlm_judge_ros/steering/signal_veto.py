"""What refuses a candidate before any model is asked: predicted signals that break a limit or a formula of the task."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor
from vlm_judge_ros.monitors.signal_checks import SignalChecks
from vlm_judge_ros.steering.candidate import Candidate
from vlm_judge_ros.tasks.task import Task


class SignalVetoes:
    """Limits and formulas that a task declares as failures, held against all candidates.

    Args:
        task: what was declared.
        from_ns: stamp of the moment from which the candidates continue.
        checks: the limits and formulas as they stand then.
    """

    def __init__(self, task: Task, from_ns: int, checks: SignalChecks) -> None:
        self._task = task
        self._from_ns = from_ns
        # What is broken already tells no candidate from another.
        self._checks = [
            (frozenset(spec.signals), monitor) for spec, monitor in checks.made if _failure(monitor, from_ns) is None
        ]
        self._known = checks.known

    @classmethod
    def after(cls, task: Task, from_ns: int, started_ns: int, past: Sequence[SignalSample] = ()) -> SignalVetoes:
        """After the signals of an episode.

        Args:
            task: what was declared.
            from_ns: stamp of the moment from which the candidates continue.
            started_ns: start of the episode, where its signals are given; else a formula begins with the chunk.
            past: signals of the running episode until then, oldest first; empty where they are not at hand.
        """
        context = EpisodeContext(
            started_ns if past else from_ns,
            units={name: signal.unit for name, signal in task.signals.items()},
            timeouts_s={name: signal.timeout_s for name, signal in task.signals.items()},
        )
        return cls(task, from_ns, SignalChecks.of_samples(task.monitors, context, past))

    def veto(self, candidate: Candidate) -> str:
        """Why a candidate is refused, one sentence; empty where it is not.

        A limit or formula counts where the candidate predicts one of its signals, and the others at least were known
        before. A formula is violated where nothing that comes after the prediction could satisfy it any more.

        Raises:
            JudgeError: it predicts a signal that the task does not declare.
        """
        unknown = sorted(set(candidate.signals) - set(self._task.signals))
        if unknown:
            raise JudgeError(
                f"A candidate predicts the signal {unknown[0]}, which the task {self._task.name} does not declare; "
                f"declared are {', '.join(self._task.signals) or 'none'}."
            )
        samples = self._samples(candidate)
        for signals, monitor in self._checks:
            if signals.isdisjoint(candidate.signals) or not signals <= self._known | set(candidate.signals):
                continue
            found = _broken(copy.deepcopy(monitor), _of(signals, samples))
            if found is not None:
                return f"{found.name}, as predicted: {found.text}"
        return ""

    def _samples(self, candidate: Candidate) -> list[SignalSample]:
        """The predicted values by time; those of one moment in one sample."""
        at: dict[int, dict[str, float]] = {}
        for name, signal in candidate.signals.items():
            for time_s, value in zip(signal.times_s.tolist(), signal.values.tolist(), strict=True):
                at.setdefault(self._from_ns + nanoseconds(time_s), {})[name] = value
        samples = [SignalSample(stamp_ns, at[stamp_ns]) for stamp_ns in sorted(at)]
        if samples:
            # What is true at the edge of a period of time counts once that has begun.
            last = {name: float(np.asarray(signal.values)[-1]) for name, signal in candidate.signals.items()}
            samples.append(SignalSample(samples[-1].stamp_ns + 1, last))
        return samples


def _of(signals: frozenset[str], samples: Iterable[SignalSample]) -> Iterator[SignalSample]:
    """What samples tell of these signals."""
    for sample in samples:
        values = {name: value for name, value in sample.values.items() if name in signals}
        if values:
            yield SignalSample(sample.stamp_ns, values)


def _broken(monitor: Monitor, samples: Iterable[SignalSample]) -> Finding | None:
    """The first failure that a monitor finds in samples; None where it finds none."""
    newest_ns = 0
    for sample in samples:
        monitor.add_signals(sample)
        newest_ns = sample.stamp_ns
        if monitor.alarm and (found := _failure(monitor, newest_ns)) is not None:
            return found
    return _failure(monitor, newest_ns)


def _failure(monitor: Monitor, now_ns: int) -> Finding | None:
    return next((found for found in monitor.findings(now_ns) if found.effect is Effect.FAILURE), None)
