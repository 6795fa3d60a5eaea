"""A candidate for the next action chunk, and what is predicted to come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.raw_image import RawImage

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class PredictedFrame:
    """A picture that a world model or simulator predicts.

    Attributes:
        camera: name of the camera that would see it.
        at_s: seconds from the start of the chunk.
        image: the picture.
    """

    camera: str
    at_s: float
    image: RawImage | CompressedImage


@dataclass(frozen=True, slots=True, eq=False)
class EndEffectorPath:
    """Where the end effector would go.

    Attributes:
        frame_id: the coordinate frame of the positions.
        times_s: seconds from the start of the chunk, rising, shape (N,).
        positions: metres, shape (N, 3).
    """

    frame_id: str
    times_s: Floats
    positions: Floats


@dataclass(frozen=True, slots=True, eq=False)
class JointTrajectory:
    """Where the joints would go.

    Attributes:
        names: of J joints.
        times_s: seconds from the start of the chunk, rising, shape (N,).
        positions: radians, or metres for sliding joints, shape (N, J).
    """

    names: tuple[str, ...]
    times_s: Floats
    positions: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PredictedSignal:
    """What a signal that the task declares would be.

    Attributes:
        times_s: seconds from the start of the chunk, rising, shape (N,).
        values: in the unit of the signal, shape (N,).
    """

    times_s: Floats
    values: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """One of K action chunks. The judge never sees the actions: numbers tell a vision-language model nothing.

    Attributes:
        actions: H actions of A numbers, shape (H, A); empty where the caller keeps them to itself.
        frames: predicted pictures of all cameras, by time.
        path: of the end effector; None where it is not known.
        joints: None where it is not known.
        signals: by the name that the task declares.
    """

    actions: Floats = field(default_factory=lambda: np.empty((0, 0)))
    frames: tuple[PredictedFrame, ...] = ()
    path: EndEffectorPath | None = None
    joints: JointTrajectory | None = None
    signals: Mapping[str, PredictedSignal] = field(default_factory=dict)
