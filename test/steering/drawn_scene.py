"""A robot before a camera, whose candidates are paths."""

from __future__ import annotations

import numpy as np

from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.frame import Frame, FrameRole, Keyframe
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.steering.candidate import Candidate, EndEffectorPath
from vlm_judge_ros.steering.drawing.camera_geometry import CameraGeometry, Lens
from vlm_judge_ros.steering.drawing.cameras import Cameras
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.steering.transform import Transform

WIDTH, HEIGHT = 160, 120
NOW_NS = 5_000_000_000
GREY = 90
LENS = Lens.of_camera_info(2 * WIDTH, 2 * HEIGHT, "", (), (250.0, 0.0, 160.0, 0.0, 250.0, 120.0, 0.0, 0.0, 1.0))
CAMERA = CameraGeometry(LENS, "base", Transform.identity())
CAMERAS = Cameras.still({"front": CAMERA})
TASK = "close the drawer"


def frame(camera: str = "front", stamp_ns: int = NOW_NS) -> Frame:
    image = RawImage(np.full((HEIGHT, WIDTH, 3), GREY, np.uint8).tobytes(), WIDTH, HEIGHT, "rgb8", 3 * WIDTH)
    return Frame(camera, stamp_ns, image, image.thumbnail)


def evidence(*cameras: str) -> Evidence:
    shown = {
        camera: (
            Keyframe(frame(camera, NOW_NS - 1_000_000_000), FrameRole.FIRST),
            Keyframe(frame(camera), FrameRole.NEWEST),
        )
        for camera in cameras or ("front",)
    }
    return Evidence("e", TASK, 0, NOW_NS, shown)


def going_to(x: float, y: float = 0.0, z: float = 1.0, frame_id: str = "base") -> Candidate:
    """From the middle of the picture to a point, in metres to the right and down, within 1.5 s."""
    positions = np.array([[0.0, 0.0, 1.0], [x, y, z]])
    return Candidate(path=EndEffectorPath(frame_id, np.array([0.0, 1.5]), positions))


def asking(*candidates: Candidate) -> ScoringRequest:
    return ScoringRequest(tuple(candidates), NOW_NS, 30.0)


def drawn_on(shown: Evidence, camera: str = "front") -> np.ndarray:
    """Where the newest picture differs from what the camera saw, shape (height, width)."""
    return np.asarray((shown.keyframes[camera][-1].frame.image.rgb() != GREY).any(axis=2))


def rightmost(shown: Evidence) -> float:
    """How far to the right something is drawn, 0 to 1."""
    return float(np.nonzero(drawn_on(shown))[1].max()) / WIDTH
