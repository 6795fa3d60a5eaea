"""The ensemble: several judges of the same evidence, and what they agree on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass, replace

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import Cancelled, JudgeError, ModelBroken
from vlm_judge_ros.judges.agreement import Voice, agree
from vlm_judge_ros.judges.ensemble_file import Member, Rules, load_ensemble
from vlm_judge_ros.judges.example_context import TOKENS_OF_WRITTEN_METHODS
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.model_access import shared_models
from vlm_judge_ros.judges.opinion import Cancellable, Judge, JudgeProvenance, Opinion, Reporting

METHOD = "ensemble"


@dataclass(frozen=True, slots=True)
class Seat:
    """A member of an ensemble.

    Attributes:
        name: how reasons call it.
        judge: who is asked.
        weight: how much it counts, above 0.
        cameras: what it is shown; empty for all cameras.
        remote: it waits for a server, so that others can be asked meanwhile.
    """

    name: str
    judge: Judge
    weight: float = 1.0
    cameras: tuple[str, ...] = ()
    remote: bool = False


class EnsembleJudge:
    """Asks several judges and says what they agree on; where they do not, it says nothing, and who said what.

    Members that wait for servers are asked at the same time, each in a thread of its own; the others after each other,
    because they share the machine.

    Args:
        seats: the members, at least one, with names that differ.
        rules: how much they have to agree.
        name: name and version of the ensemble.
    """

    def __init__(self, seats: Sequence[Seat], rules: Rules, name: str) -> None:
        # Sorted, so that the order of the file decides nothing.
        self._seats = sorted(seats, key=lambda seat: seat.name)
        self._rules = rules
        self._name = name

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is: all members, in the order of their names, and one hash over all that they are."""
        members = [seat.judge.provenance for seat in self._seats]
        parts = [
            {"name": seat.name, "weight": seat.weight, "cameras": seat.cameras, **asdict(member)}
            for seat, member in zip(self._seats, members, strict=True)
        ]
        return JudgeProvenance(
            model=_joined([member.model for member in members]),
            model_hash=_hash([(member.model, member.model_hash) for member in members]),
            provider=_joined([member.provider for member in members]),
            method=f"ensemble({', '.join(member.method for member in members)})",
            prompt_set=self._name,
            prompt_hash=_hash([parts, self._rules.model_dump()]),
            calibration=_joined([member.calibration for member in members]),
            seed=max(member.seed for member in members),
        )

    @property
    def status(self) -> str:
        """How the members run."""
        said = [
            f"{seat.name}: {seat.judge.status}"
            for seat in self._seats
            if isinstance(seat.judge, Reporting) and seat.judge.status
        ]
        return " ".join(said)

    def ask(self, evidence: Evidence) -> Opinion:
        """Ask all members.

        Raises:
            Cancelled: `cancel` was called meanwhile.
            JudgeError: all members failed.
        """
        voices = self._voices(evidence)
        if all(voice.opinion is None for voice in voices):
            causes = " ".join(f"{voice.name}: {voice.fault}" for voice in voices)
            raise JudgeError(f"No member of the ensemble gave an answer. {causes}")
        agreed = agree(voices, self._rules)
        return Opinion(
            evidence=evidence,
            provenance=self.provenance,
            progress=agreed.progress,
            success_probability=agreed.success_probability,
            failure_probability=agreed.failure_probability,
            failure_mode=agreed.failure_mode,
            mode_probabilities=agreed.mode_probabilities or {},
            novelty=agreed.novelty,
            progress_low=agreed.progress_low,
            progress_high=agreed.progress_high,
            calibrated=agreed.calibrated,
            reason=agreed.reason,
            unparsable=agreed.unparsable,
            subtasks=agreed.subtasks,
            critique=agreed.critique,
        )

    def cancel(self) -> None:
        """Make the running `ask` raise `Cancelled` as soon as the members can stop."""
        for seat in self._seats:
            if isinstance(seat.judge, Cancellable):
                seat.judge.cancel()

    def _voices(self, evidence: Evidence) -> list[Voice]:
        remote = [seat for seat in self._seats if seat.remote]
        if len(remote) < 2:
            return [_voice(seat, evidence) for seat in self._seats]
        with ThreadPoolExecutor(len(remote), thread_name_prefix="member") as threads:
            # In copies of this context, so that what their answers cost is counted where the ensemble was asked.
            waiting = [threads.submit(copy_context().run, _voice, seat, evidence) for seat in remote]
            voices = [_voice(seat, evidence) for seat in self._seats if not seat.remote]
            return voices + [future.result() for future in waiting]


def _voice(seat: Seat, evidence: Evidence) -> Voice:
    try:
        return Voice(seat.name, seat.weight, seat.judge.ask(_seen_by(seat, evidence)))
    except Cancelled:
        raise
    except JudgeError as error:
        return Voice(seat.name, seat.weight, None, str(error))


def _seen_by(seat: Seat, evidence: Evidence) -> Evidence:
    """The evidence of the member's cameras.

    Raises:
        JudgeError: there is none.
    """
    if not seat.cameras:
        return evidence
    keyframes = {camera: frames for camera, frames in evidence.keyframes.items() if camera in seat.cameras}
    if not keyframes:
        raise JudgeError(f"There are no images of {' and '.join(seat.cameras)}.")
    newest_ns = max(frames[-1].frame.stamp_ns for frames in keyframes.values())
    return replace(evidence, keyframes=keyframes, now_ns=newest_ns)


def _joined(names: Sequence[str]) -> str:
    return " + ".join(sorted({name for name in names if name}))


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def create(options: JudgeOptions) -> EnsembleJudge:
    """Make the judge `ensemble` with all its members.

    Raises:
        ModelBroken: the model of a member cannot be used.
        JudgeError: an option cannot be used; of a member, with its name.
    """
    file = load_ensemble(options.ensemble)
    for member in file.members:
        unknown = sorted(set(member.cameras) - set(options.cameras))
        if unknown:
            raise JudgeError(
                f"The member {member.title} of the ensemble {file.name} is to see {', '.join(unknown)}; the cameras "
                f"are {', '.join(options.cameras)}."
            )
    seats = []
    # As much as the methods that tell most; those that tell less can share a model with them.
    with shared_models(options.images_per_camera * len(options.cameras), TOKENS_OF_WRITTEN_METHODS):
        for member in file.members:
            own = options_of(member, options)
            try:
                judge = resolve(member.judge)(own)
            except JudgeError as error:
                kind = ModelBroken if isinstance(error, ModelBroken) else JudgeError
                raise kind(f"The member {member.title} of the ensemble {file.name}: {error}") from error
            seats.append(Seat(member.title, judge, member.weight, member.cameras, remote=bool(own.server)))
    return EnsembleJudge(seats, file.rules, file.name)


def options_of(member: Member, options: JudgeOptions) -> JudgeOptions:
    """What a member is told: its own settings, else those of the ensemble."""
    own = {
        name: value
        for name in (
            "model",
            "server",
            "samples",
            "seed",
            "images_per_camera",
            "examples",
            "checklist",
            "goal_image",
            "start_image",
        )
        if (value := getattr(member, name)) is not None
    }
    return replace(
        options,
        ensemble="",
        cameras=tuple(camera for camera in options.cameras if not member.cameras or camera in member.cameras),
        # Prompts and calibrations belong to a method, and those of the ensemble's members differ.
        prompts=member.prompts,
        calibration=member.calibration,
        **own,
    )
