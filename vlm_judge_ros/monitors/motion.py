"""Layer 4: has the robot moved, and have the cameras seen it?

Motion is the physical evidence without which no judge is believed when it says that a task is complete.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer

JOINT_MOTION = "joint_motion"
IMAGE_MOTION = "image_motion"
MOST_JOINTS = 256


@dataclass(frozen=True, slots=True)
class MotionLimits:
    """What counts as motion.

    Attributes:
        joint_travel: how far the joint that travelled farthest has to have travelled since the episode began, in rad
            (m for a prismatic joint).
        joint_noise: changes of a joint below this are noise, same unit.
        image_share: share of the image, 0 to 1, that has to have changed against the first frame.
        image_noise: changes of a spot below this many grey levels, of 255, are noise.

    Raises:
        JudgeError: a number is out of range.
    """

    joint_travel: float = 0.1
    joint_noise: float = 0.003
    image_share: float = 0.01
    image_noise: int = 12

    def __post_init__(self) -> None:
        if not 0.0 < self.joint_travel < math.inf:
            raise JudgeError(f"joint_travel is {self.joint_travel}; give a number of rad above 0.")
        if not 0.0 <= self.joint_noise < math.inf:
            raise JudgeError(f"joint_noise is {self.joint_noise}; give a number of rad, 0 or above.")
        if not 0.0 < self.image_share < 1.0:
            raise JudgeError(f"image_share is {self.image_share}; give a share between 0 and 1.")
        if not 0 <= self.image_noise <= 255:
            raise JudgeError(f"image_noise is {self.image_noise}; give grey levels from 0 to 255.")


class JointMotion:
    """Adds up how far each joint has travelled since the episode began."""

    def __init__(self, limits: MotionLimits | None = None) -> None:
        self._limits = limits or MotionLimits()
        self._anchors: dict[str, float] = {}
        self._travel: dict[str, float] = {}
        self._travel_before: dict[str, float] = {}
        self._newest_ns: int | None = None

    @property
    def travel(self) -> float:
        """How far the joint that travelled farthest has travelled, in rad (m for a prismatic joint)."""
        return max(self._travel.values(), default=0.0)

    @property
    def travels(self) -> Mapping[str, float]:
        """How far each joint that has moved has travelled, in rad (m for prismatic joints)."""
        return self._travel

    def travels_before(self, stamp_ns: int) -> Mapping[str, float]:
        """The same by the samples from before a stamp, whether those of that stamp have come already or not."""
        return self._travel_before if self._newest_ns is not None and self._newest_ns >= stamp_ns else self._travel

    def add(self, sample: JointSample) -> None:
        """Take joint positions; those that are not finite are passed over."""
        heard = False
        # At 1 kHz every look-up counts.
        anchors, travel, noise = self._anchors, self._travel, self._limits.joint_noise
        if self._newest_ns is None or sample.stamp_ns > self._newest_ns:
            self._travel_before = travel.copy()
        for name, position in zip(sample.names, sample.positions, strict=True):
            if not isfinite(position):
                continue
            anchor = anchors.get(name)
            if anchor is None:
                if len(anchors) >= MOST_JOINTS:
                    continue
                anchors[name] = position
            else:
                moved = abs(position - anchor)
                if moved > noise:
                    travel[name] = travel.get(name, 0.0) + moved
                    anchors[name] = position
            heard = True
        if heard:
            self._newest_ns = sample.stamp_ns

    def finding(self, now_ns: int) -> Finding:
        """Say whether the joints have moved: for success, not yet, or that no joint was heard."""
        if self._newest_ns is None:
            text = "No joint state has been received, so it is not known whether the robot moved."
            return _evidence(JOINT_MOTION, Effect.BLIND, text, now_ns, math.nan, self._limits.joint_travel, "rad")
        moved = self.travel >= self._limits.joint_travel
        limit = self._limits.joint_travel
        text = f"The joint that moved most has travelled {self.travel:.2f} rad; {limit:.2f} rad count as motion."
        effect = Effect.SUCCESS if moved else Effect.NEUTRAL
        # Joint states often come without a stamp, and a wrong one must not become the stamp of a verdict.
        stamp_ns = self._newest_ns if 0 < self._newest_ns <= now_ns else now_ns
        return _evidence(JOINT_MOTION, effect, text, stamp_ns, self.travel, limit, "rad")


class ImageMotion:
    """Remembers how much of each camera's image has changed since the episode began, at its most."""

    def __init__(self, cameras: tuple[str, ...], limits: MotionLimits | None = None) -> None:
        self._cameras = cameras
        self._limits = limits or MotionLimits()
        self._first: dict[str, NDArray[np.uint8]] = {}
        self._share: dict[str, float] = {}
        self._newest_ns = 0

    def add(self, frame: Frame) -> None:
        """Take the next frame of a camera."""
        self._newest_ns = max(self._newest_ns, frame.stamp_ns)
        first = self._first.setdefault(frame.camera, frame.thumbnail)
        if self._share.get(frame.camera, 0.0) >= self._limits.image_share:
            return
        change = cv2.absdiff(first, frame.thumbnail)
        share = np.count_nonzero(change > self._limits.image_noise) / change.size
        self._share[frame.camera] = max(share, self._share.get(frame.camera, 0.0))

    def finding(self, now_ns: int) -> Finding:
        """Say whether every camera has seen a change, naming the one that has seen the least."""
        limit = self._limits.image_share
        unseen = [camera for camera in self._cameras if camera not in self._first]
        if unseen:
            text = f"Camera {unseen[0]} has sent no frame in this episode, so it is not known whether it saw motion."
            return _evidence(IMAGE_MOTION, Effect.BLIND, text, now_ns, math.nan, limit, "1")
        share, camera = min((self._share.get(camera, 0.0), camera) for camera in self._cameras)
        effect = Effect.SUCCESS if share >= limit else Effect.NEUTRAL
        text = f"Camera {camera} has seen {share:.1%} of its image change; {limit:.1%} count as motion."
        return _evidence(IMAGE_MOTION, effect, text, self._newest_ns, share, limit, "1")


def _evidence(name: str, effect: Effect, text: str, stamp_ns: int, value: float, limit: float, unit: str) -> Finding:
    return Finding(Layer.EVENT, name, "", effect, text, stamp_ns, value=value, limit=limit, unit=unit)
