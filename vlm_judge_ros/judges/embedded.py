"""The judge that needs nothing but the package: the embedded two-view model, asked directly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.models.instruction import TaskWords
from vlm_judge_ros.models.two_view import EMBEDDED_FOLDER, TwoViewModel, coarse_colours, distinct, prepare

NOVELTY_LIMIT = 1.0
PAIRING_LIMIT_S = 0.25


class EmbeddedJudge:
    """Asks the embedded model, and declines where it was not trained: other cameras, other tasks, other scenes.

    Args:
        folder: folder of the model.
        threads: threads for one inference.

    Raises:
        ModelBroken: the model cannot be loaded.
    """

    def __init__(self, folder: Path = EMBEDDED_FOLDER, threads: int = 1) -> None:
        self._model = TwoViewModel(folder, threads)
        self._tasks = TaskWords(self._model.description.instructions)
        self._provenance = JudgeProvenance(
            model=self._model.description.name,
            model_hash=self._model.file_hash,
            provider="cpu",
            method="direct",
        )
        self._task = ""
        self._encoded: dict[tuple[int, int], _EncodedPair] = {}

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return self._provenance

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge the newest moment of an episode in the light of its earlier keyframes.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
        """
        first_role, second_role = self._model.description.cameras
        missing = [role for role in (first_role, second_role) if role not in evidence.keyframes]
        if missing:
            return self._decline(
                evidence,
                f"The embedded model needs the cameras {first_role} and {second_role}; {missing[0]} is missing.",
            )
        if self._tasks.task_of(evidence.task) is None:
            return self._decline(evidence, f'The embedded model was not trained on the task "{evidence.task}".')
        pairs = pair_in_time(
            [keyframe.frame for keyframe in evidence.keyframes[first_role]],
            [keyframe.frame for keyframe in evidence.keyframes[second_role]],
            PAIRING_LIMIT_S,
        )
        if not pairs:
            return self._decline(
                evidence, f"No frames of {first_role} and {second_role} lie within {PAIRING_LIMIT_S} s of each other."
            )
        self._forget_all_but(pairs, evidence.task)
        pairs = spaced(pairs, 0.9 * self._model.description.spacing_s)
        encoded = self._encode(pairs, evidence.task)
        novelty = float(np.median([pair.novelty for pair in encoded[-3:]]))
        if novelty > NOVELTY_LIMIT:
            reason = "The scene is unlike those the embedded model was trained on "
            return self._decline(evidence, f"{reason}(novelty {novelty:.2f}, limit {NOVELTY_LIMIT}).", novelty)
        newest_ns = pairs[-1][0].stamp_ns
        seconds = np.array([(first.stamp_ns - newest_ns) * 1e-9 for first, _ in pairs], dtype=np.float32)
        estimate = self._model.estimate(
            np.stack([pair.features for pair in encoded]),
            seconds,
            distinct(np.stack([pair.colours for pair in encoded])),
        )
        mode = max(estimate.mode_probabilities, key=lambda candidate: estimate.mode_probabilities[candidate])
        return Opinion(
            evidence=evidence,
            provenance=self._provenance,
            progress=estimate.progress,
            success_probability=estimate.success_probability,
            failure_probability=estimate.failure_probability,
            failure_mode=mode,
            mode_probabilities=estimate.mode_probabilities,
            novelty=novelty,
        )

    def _decline(self, evidence: Evidence, reason: str, novelty: float = math.nan) -> Opinion:
        return Opinion(evidence=evidence, provenance=self._provenance, novelty=novelty, reason=reason)

    def _forget_all_but(self, pairs: Sequence[tuple[Frame, Frame]], task: str) -> None:
        """Keep what is known of pairs that are still shown: those left out this time may be looked at the next."""
        keys = {_key(*pair) for pair in pairs} if task == self._task else set()
        self._task = task
        self._encoded = {key: encoded for key, encoded in self._encoded.items() if key in keys}

    def _encode(self, pairs: Sequence[tuple[Frame, Frame]], task: str) -> list[_EncodedPair]:
        """Encode the pairs that are not known yet."""
        keys = [_key(*pair) for pair in pairs]
        fresh = [index for index, key in enumerate(keys) if key not in self._encoded]
        if fresh:
            size_px = self._model.description.image_size_px
            prepared = [[prepare(frame.image.rgb(), size_px) for frame in pairs[index]] for index in fresh]
            encoded = self._model.encode(
                np.stack([first for first, _ in prepared]), np.stack([second for _, second in prepared]), task
            )
            for row, index in enumerate(fresh):
                self._encoded[keys[index]] = _EncodedPair(
                    *pairs[index],
                    features=encoded.features[row],
                    novelty=float(encoded.novelty[row]),
                    colours=np.stack([coarse_colours(image) for image in prepared[row]]),
                )
        return [self._encoded[key] for key in keys]


@dataclass(frozen=True, slots=True, eq=False)
class _EncodedPair:
    """Features of a pair. Holds the frames, so that no other image can take over their identity meanwhile."""

    first: Frame
    second: Frame
    features: NDArray[np.float32]
    novelty: float
    colours: NDArray[np.float32]


def _key(first: Frame, second: Frame) -> tuple[int, int]:
    """What tells pairs apart: the identity of their images, because stamps repeat when a recording is played again."""
    return id(first.image), id(second.image)


def spaced(pairs: Sequence[tuple[Frame, Frame]], gap_s: float) -> list[tuple[Frame, Frame]]:
    """Thin out pairs that lie too close together; the newest stays, and so does the first.

    Args:
        pairs: oldest first.
        gap_s: least seconds between two that stay.
    """
    kept: list[tuple[Frame, Frame]] = []
    for pair in reversed(pairs):
        if not kept or kept[-1][0].stamp_ns - pair[0].stamp_ns >= gap_s * 1e9:
            kept.append(pair)
    if kept and kept[-1] is not pairs[0]:
        if len(kept) > 1:
            kept.pop()
        kept.append(pairs[0])
    return kept[::-1]


def pair_in_time(first: Sequence[Frame], second: Sequence[Frame], limit_s: float) -> list[tuple[Frame, Frame]]:
    """Pair each frame of one camera with the nearest in time of another.

    Args:
        first: frames of one camera, oldest first.
        second: frames of the other camera, oldest first, not empty.
        limit_s: pairs further apart than this are left out, in seconds.
    """
    stamps = np.array([frame.stamp_ns for frame in second], dtype=np.int64)
    pairs = []
    for frame in first:
        nearest = int(np.argmin(np.abs(stamps - frame.stamp_ns)))
        if abs(int(stamps[nearest]) - frame.stamp_ns) <= limit_s * 1e9:
            pairs.append((frame, second[nearest]))
    return pairs


def create(options: JudgeOptions) -> EmbeddedJudge:
    """Make the judge `embedded`.

    Raises:
        ModelBroken: the model cannot be loaded.
    """
    return EmbeddedJudge(Path(options.model) if options.model else EMBEDDED_FOLDER, options.intra_op_threads)
