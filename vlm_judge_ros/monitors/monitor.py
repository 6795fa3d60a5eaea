"""What every declared monitor is: a description in a task file, and a check that lives as long as one episode."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.monitors.names import FailureModeName, SeverityName


@dataclass(frozen=True, slots=True)
class ProgressSample:
    """What the judge said of progress, once.

    Attributes:
        stamp_ns: newest frame that the answer rests on.
        progress: 0 to 1; NaN where the judge cannot say.
        active: names of the subtasks that are under way; empty where the judge tells none.
        done: names of the subtasks that are done.
    """

    stamp_ns: int
    progress: float
    active: tuple[str, ...] = ()
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EpisodeContext:
    """What a monitor knows of its episode when it is made.

    Attributes:
        started_ns: stamp of the start of the episode.
        cameras: names of the cameras.
        units: unit of each signal that the task declares, by name.
        timeouts_s: longest silence of each signal that the task declares, by name; 0 for any.
    """

    started_ns: int
    cameras: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    timeouts_s: Mapping[str, float] = field(default_factory=dict)


class Monitor:
    """A fast check without a model, for one episode. It has no clock: time is in the stamps that it is given.

    A monitor overrides those of the `add_` methods whose input it wants, and is called with no others. They are called
    for every message, at 1 kHz where joint states come so often, so they do little; `findings` may do more.

    Attributes:
        alarm: True as long as it speaks for a failure by what it was given so far. A change makes the engine weigh
            everything at once; all else is weighed a few times a second.
    """

    alarm: bool = False

    def add_signals(self, sample: SignalSample) -> None:
        """Take the signals of one message, of which at least one is among the `signals` of its spec."""

    def add_joints(self, sample: JointSample) -> None:
        """Take joint states."""

    def add_frame(self, frame: Frame) -> None:
        """Take a frame that passed the checks of its camera."""

    def add_chunk(self, chunk: Chunk) -> None:
        """Take an announced action chunk, before it is executed."""

    def add_progress(self, sample: ProgressSample) -> None:
        """Take what the judge that is always on says of progress."""

    def add_completion(self, complete: bool) -> None:
        """Take whether the gate found the task complete when it last weighed everything: judge and evidence agree."""

    def findings(self, now_ns: int) -> tuple[Finding, ...]:
        """Say what is found now; at least one finding.

        One that is NEUTRAL, with its number, where nothing is wrong; BLIND where what it looks at has not come, or no
        longer comes. Silence of a message is noticed here, against `now_ns`.
        """
        raise NotImplementedError


class MonitorSpec(BaseModel):
    """A monitor as a task file declares it. Numbers carry their unit at the end of their names.

    Attributes:
        LAYER: the layer that findings of the kind belong to. Ask `layer`: it may depend on what is declared.
        GIVES: the effects that they may have, beside NEUTRAL and BLIND. Ask `gives`, for the same reason.
        kind: which monitor it is.
        name: name of its findings.
        severity: of a failure that it finds. CRITICAL decides at once, without debounce.
        failure_mode: the failure mode that it speaks for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    LAYER: ClassVar[Layer]
    GIVES: ClassVar[tuple[Effect, ...]] = (Effect.FAILURE,)

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Name of its findings, in snake case.")
    severity: SeverityName = Field(
        default=Severity.ERROR,
        description="Severity of a failure that it finds: info, warning, error or critical. critical decides at once.",
    )
    failure_mode: FailureModeName = Field(
        default=FailureMode.UNKNOWN, description="Failure mode that it speaks for, for example COLLISION."
    )

    @property
    def layer(self) -> Layer:
        """The layer that its findings belong to, as it is declared."""
        return self.LAYER

    @property
    def gives(self) -> tuple[Effect, ...]:
        """The effects that its findings may have, beside NEUTRAL and BLIND, as it is declared."""
        return self.GIVES

    @property
    def signals(self) -> tuple[str, ...]:
        """Names of the declared signals that it listens to."""
        return ()

    @abstractmethod
    def make(self, episode: EpisodeContext) -> Monitor:
        """Make the monitor for an episode."""

    def finding(
        self,
        effect: Effect,
        text: str,
        stamp_ns: int,
        *,
        source: str = "",
        onset_ns: int | None = None,
        value: float = float("nan"),
        limit: float = float("nan"),
        unit: str = "1",
    ) -> Finding:
        """A finding of this monitor, with its layer and name, and, where it speaks for a failure, severity and mode."""
        failing = effect is Effect.FAILURE
        severity = self.severity if failing else Severity.INFO
        return Finding(
            layer=self.layer,
            name=self.name,
            source=source,
            effect=effect,
            text=text,
            stamp_ns=stamp_ns,
            onset_ns=onset_ns,
            severity=Severity.WARNING if effect in (Effect.BLIND, Effect.STALL, Effect.REGRESS) else severity,
            mode=self.failure_mode if failing else FailureMode.NONE,
            value=value,
            limit=limit,
            unit=unit,
        )
