"""When a camera counts as blind."""

from __future__ import annotations

from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError

_RANGES = {
    "source_timeout_s": 3600.0,
    "frozen_s": 3600.0,
    "frozen_view_s": 3600.0,
    "frozen_joint_travel": 3600.0,
    "frozen_noise": 255,
    "black_s": 3600.0,
    "overexposed_share": 1.0,
    "overexposed_s": 3600.0,
    "blocked_contrast": 255,
    "blocked_s": 3600.0,
    "blurred_share": 1.0,
    "blurred_s": 3600.0,
    "drift_s": 3600.0,
}


@dataclass(frozen=True, slots=True)
class CameraLimits:
    """When a camera counts as blind. Grey levels go from 0 to 255.

    Attributes:
        source_timeout_s: longest age of the newest frame against the node clock. 0 switches the check off.
        frozen_s: a still image for this long while the joints move is a frozen camera, where the camera is known to
            show noise or to move along with these joints. 0 switches all checks for frozen images off.
        frozen_view_s: the same of any other camera that has seen these joints move: a robot may work out of its view
            for a while. 0 switches this check off.
        frozen_joint_travel: how far the joints have to travel meanwhile, all together, in rad (m for prismatic ones).
        frozen_noise: changes of a spot of the image up to this many grey levels are noise, so the image is still. At 0
            only identical images are.
        black_level: an image with no brighter spot than this is black. -1 switches the check off.
        black_s: black for this long is a covered or dead camera.
        overexposed_share: an image of which more than this share is white (250 grey levels or more) is overexposed. 0
            switches the check off.
        overexposed_s: overexposed for this long is a fault.
        blocked_contrast: an image in which hardly any spot differs from its neighbour by more grey levels than this
            shows something close before the lens. 0 switches the check off.
        blocked_s: blocked for this long is a fault.
        blurred_share: an image whose edges are less sharp than this share of what the same camera usually showed is
            blurred. 0 switches the check off, and then no image is decoded for it.
        blurred_s: blurred for this long is a fault; a moving camera is blurred for moments.
        drift_s: how far the stamps of this camera and another may be apart, against when their frames arrive. 0
            switches the check off; of two cameras the larger counts.

    Raises:
        JudgeError: a number is out of range.
    """

    source_timeout_s: float = 2.0
    frozen_s: float = 2.0
    frozen_view_s: float = 10.0
    frozen_joint_travel: float = 0.2
    frozen_noise: int = 8
    black_level: int = 8
    black_s: float = 1.0
    overexposed_share: float = 0.5
    overexposed_s: float = 1.0
    blocked_contrast: int = 8
    blocked_s: float = 1.0
    blurred_share: float = 0.65
    blurred_s: float = 2.0
    drift_s: float = 0.5

    def __post_init__(self) -> None:
        for name, highest in _RANGES.items():
            value = getattr(self, name)
            if not 0.0 <= value <= highest:
                raise JudgeError(f"{name} is {value}; give a number from 0 to {highest:g}.")
        if not -1 <= self.black_level <= 255:
            raise JudgeError(f"black_level is {self.black_level}; give grey levels from 0 to 255, or -1.")
