"""The judge that knows nothing but a user's own successful episodes: `vlm-judge fit` makes what it needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.judges.reference_file import read_references
from vlm_judge_ros.judges.reference_watch import Watched, failure_probability, watch
from vlm_judge_ros.models.appearance.encoder import open_encoder
from vlm_judge_ros.models.instruction import familiarity

# As for the embedded judge: half of the words in common may mean the opposite.
FAMILIARITY_LIMIT = 0.75
PAIRING_LIMIT_S = 0.5
# So many times the band's width away it is another scene, of which the references say nothing.
_STRANGE = 2.5

_SIGNS = {
    "distance": (FailureMode.UNKNOWN, "The scene does not look as in the references at this point"),
    "rest": (FailureMode.STALL, "There has been no progress for longer than in the references"),
    "drop": (FailureMode.UNDONE, "More progress was lost than in the references"),
}


class ReferenceJudge:
    """Compares an episode with successful ones; declines other tasks, other cameras and other scenes.

    Args:
        path: the file that `vlm-judge fit` wrote.
        threads: threads for one run of the encoder.

    Raises:
        ModelBroken: the file or its encoder cannot be used.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._references = read_references(path)
        header = self._references.header
        self._encoder = open_encoder(header.encoder, threads)
        if self._encoder.file_hash != header.encoder_hash:
            raise ModelBroken(
                f"The references {path} were fitted with another encoder {header.encoder} than this; fit them again."
            )
        self._provenance = JudgeProvenance(
            model=f"references-{len(header.references)}",
            model_hash=self._references.content_hash,
            provider="cpu",
            method="reference",
        )
        self._encoded: dict[tuple[int, ...], _Moment] = {}

    @property
    def provenance(self) -> JudgeProvenance:
        """Which instrument this is."""
        return self._provenance

    def forget(self) -> None:
        """Drop the encoded pictures of the last question. Only time depends on them, no answer does."""
        self._encoded = {}

    def ask(self, evidence: Evidence) -> Opinion:
        """Judge the newest moment of an episode in the light of its earlier keyframes.

        Raises:
            BrokenImage: a keyframe cannot be decoded.
            JudgeError: the encoder failed.
        """
        header = self._references.header
        missing = [camera for camera in header.cameras if not evidence.keyframes.get(camera)]
        if missing:
            return self._decline(evidence, f"The references show the camera {missing[0]}, which is missing.")
        if familiarity(evidence.task, header.tasks) < FAMILIARITY_LIMIT:
            return self._decline(evidence, f'The references show another task than "{evidence.task}".')
        frames = {camera: [one.frame for one in evidence.keyframes[camera]] for camera in header.cameras}
        moments = together(frames, PAIRING_LIMIT_S)
        if not moments:
            return self._decline(evidence, f"No frames of all cameras lie within {PAIRING_LIMIT_S} s of each other.")
        points = self._references.space.project(self._encode(moments))
        seconds = [(moment[0].stamp_ns - moments[0][0].stamp_ns) * 1e-9 for moment in moments]
        return self._say(evidence, watch(self._references.courses, points, seconds)[-1])

    def _say(self, evidence: Evidence, look: Watched) -> Opinion:
        ratios = look.ratios(self._references.limits)
        novelty = ratios["distance"] / _STRANGE
        if novelty > 1.0:
            return self._decline(evidence, f"The scene is unlike the references (novelty {novelty:.2f}).", novelty)
        worst = max(ratios.values())
        # What has a name comes before a scene that merely looks otherwise, which comes with it as a rule.
        sign = max(ratios, key=lambda name: (ratios[name] > 1.0 and name != "distance", ratios[name]))
        mode, text = _SIGNS[sign]
        failing = worst > 1.0
        return Opinion(
            evidence=evidence,
            provenance=self._provenance,
            progress=look.progress,
            success_probability=self._references.end.probability(look),
            failure_probability=failure_probability(worst),
            failure_mode=mode if failing else FailureMode.NONE,
            novelty=novelty,
            progress_low=look.low,
            progress_high=look.high,
            reason=f"{text} ({ratios[sign]:.2f} of the limit)." if failing else "",
        )

    def _decline(self, evidence: Evidence, reason: str, novelty: float = math.nan) -> Opinion:
        return Opinion(evidence=evidence, provenance=self._provenance, novelty=novelty, reason=reason)

    def _encode(self, moments: Sequence[tuple[Frame, ...]]) -> NDArray[np.float32]:
        """Encode what was not encoded for the last question; moments are told apart by the identity of their images."""
        cameras = self._references.header.cameras
        keys = [tuple(id(frame.image) for frame in moment) for moment in moments]
        known = {key: self._encoded[key] for key in keys if key in self._encoded}
        fresh = [index for index, key in enumerate(keys) if key not in known]
        if fresh:
            pictures = [
                {camera: frame.image.rgb() for camera, frame in zip(cameras, moments[index], strict=True)}
                for index in fresh
            ]
            for index, encoded in zip(fresh, self._encoder.encode(pictures), strict=True):
                known[keys[index]] = _Moment(moments[index], encoded)
        self._encoded = known
        return np.stack([known[key].encoded for key in keys])


@dataclass(frozen=True, slots=True, eq=False)
class _Moment:
    """An encoded moment. Holds the frames, so that no other image can take over their identity meanwhile."""

    frames: tuple[Frame, ...]
    encoded: NDArray[np.float32]


def together(frames: dict[str, list[Frame]], limit_s: float) -> list[tuple[Frame, ...]]:
    """Put to each frame of the first camera the nearest in time of every other one.

    Args:
        frames: of each camera, oldest first, none empty.
        limit_s: moments with a frame further off than this are left out, in seconds.
    """
    first, *others = frames.values()
    moments = []
    for frame in first:
        nearest = [min(other, key=lambda one: abs(one.stamp_ns - frame.stamp_ns)) for other in others]
        if all(abs(one.stamp_ns - frame.stamp_ns) <= limit_s * 1e9 for one in nearest):
            moments.append((frame, *nearest))
    return moments


def create(options: JudgeOptions) -> ReferenceJudge:
    """Make the judge.

    Raises:
        JudgeError: no file is named, or it cannot be used.
    """
    if not options.model:
        raise JudgeError(
            "The judge reference needs the file that vlm-judge fit wrote; name it with the parameter model."
        )
    return ReferenceJudge(Path(options.model), options.intra_op_threads)
