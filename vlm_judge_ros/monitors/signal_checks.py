"""The limits and formulas of a task over its signals, as they stand at one moment of an episode."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.formula import Formula
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.monitors.threshold import Threshold


@dataclass(frozen=True, slots=True, eq=False)
class SignalChecks:
    """What speaks for a failure by the values of signals alone.

    Attributes:
        made: the monitors, with what was declared of them.
        known: names of the signals that have been received.
    """

    made: tuple[tuple[MonitorSpec, Monitor], ...]
    known: frozenset[str]

    @classmethod
    def of_samples(
        cls, specs: Iterable[MonitorSpec], episode: EpisodeContext, past: Sequence[SignalSample]
    ) -> SignalChecks:
        """As they stand after the signals of an episode.

        Args:
            specs: what the task declares.
            episode: what monitors know of the episode.
            past: its signals, oldest first.
        """
        monitors = MonitorSet(filter(_is_check, specs), episode)
        for sample in past:
            monitors.add_signals(sample)
        return cls(monitors.copies(), frozenset(name for sample in past for name in sample.values))

    @classmethod
    def of_running(cls, specs: Collection[MonitorSpec], monitors: MonitorSet, known: frozenset[str]) -> SignalChecks:
        """As they stand in an episode that goes on, and does so without touching these.

        Args:
            specs: what the task declares for the whole episode.
            monitors: those of the episode, of these and of others.
            known: names of the signals that have been received.
        """
        wanted = {id(spec) for spec in specs if _is_check(spec)}
        return cls(monitors.copies(lambda spec: id(spec) in wanted), known)


def _is_check(spec: MonitorSpec) -> bool:
    return isinstance(spec, (Formula, Threshold)) and Effect.FAILURE in spec.gives
