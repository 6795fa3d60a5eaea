"""Draws the picture of docs/drawn_trajectories.md: ways that the hand could take in a bundled episode.

python tools/picture_drawn_paths.py docs/images/drawn_trajectories.webp

The joints of the recording tell how the arm really went; the simulator, which needs the extra `simulate`, tells where
the hand was then, and the seed of the episode where its camera stood.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.replay.bundled import bundled_episode
from vlm_judge_ros.simulation.camera import View, draw_view
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.plan import draw_plan
from vlm_judge_ros.simulation.tasks import task_named
from vlm_judge_ros.simulation.world import JOINTS, World
from vlm_judge_ros.steering.candidate import EndEffectorPath
from vlm_judge_ros.steering.drawing.camera_geometry import CameraGeometry, Lens
from vlm_judge_ros.steering.drawing.candidates import draw_alone, draw_together
from vlm_judge_ros.steering.drawing.path import project_path
from vlm_judge_ros.steering.transform import Transform

EPISODE, TASK, SEED = "pick-place_none_900006", "pick-place", 900006
BEGIN, STEPS = 30, 30
"""Frames of 0.1 s: where the ways begin, and how long they are."""
ASIDE = ((0.0, 0.0, 0.0), (-0.05, -0.25, -0.1), (0.1, 0.12, -0.02), (0.2, -0.08, -0.08))
"""How far the ends of the ways lie from where the hand really went, metres."""
QUALITY = 80


def camera_of(view: View, field_of_view: float, width: int, height: int) -> CameraGeometry:
    """The front camera of a simulated scene, whose pixels are square.

    Args:
        view: where it stands.
        field_of_view: from the lower to the upper edge of the picture, degrees.
        width: pixels.
        height: pixels.
    """
    azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
    forward = np.array(
        [math.cos(elevation) * math.cos(azimuth), math.cos(elevation) * math.sin(azimuth), math.sin(elevation)]
    )
    right = np.array([math.sin(azimuth), -math.cos(azimuth), 0.0])
    rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
    focal = height / 2.0 / math.tan(math.radians(field_of_view) / 2.0)
    matrix = (focal, 0.0, (width - 1) / 2.0, 0.0, focal, (height - 1) / 2.0, 0.0, 0.0, 1.0)
    lens = Lens.of_camera_info(width, height, "", (), matrix)
    return CameraGeometry(lens, "world", Transform(rotation, np.array(view.lookat) - view.distance * forward))


def recorded(topic: str) -> list[object]:
    """All messages of a topic of the episode."""
    with AnyReader([bundled_episode(EPISODE)]) as reader:
        connections = [connection for connection in reader.connections if connection.topic == topic]
        return [reader.deserialize(raw, connection.msgtype) for connection, _, raw in reader.messages(connections)]


def hands(world: World) -> NDArray[np.float64]:
    """Where the hand was at each time, between its fingers, metres, shape (T, 3)."""
    import mujoco

    places = []
    for state in recorded("/joint_states"):
        told = dict(zip(state.name, state.position, strict=True))  # type: ignore[attr-defined]
        for name in JOINTS:
            world.data.joint(name).qpos[0] = told[name]
        mujoco.mj_kinematics(world.model, world.data)
        places.append((world.data.body("leftpad").xpos + world.data.body("rightpad").xpos) / 2.0)
    return np.array(places)


def main(output: Path) -> None:
    """Draw the real way alone, and beside it together with others."""
    world = World(task_named(TASK))
    generator = np.random.default_rng([SEED, 0])
    draw_plan(world.task, Disturbance.NONE, generator)
    view = draw_view(generator)
    (image,) = recorded("/front/image/compressed")[BEGIN : BEGIN + 1]
    picture = CompressedImage(image.data).rgb()  # type: ignore[attr-defined]
    height, width = picture.shape[:2]
    camera = camera_of(view, float(world.model.vis.global_.fovy), width, height)
    really = hands(world)[BEGIN : BEGIN + STEPS + 1]
    times_s = np.arange(len(really)) * 0.1
    bend = (1.0 - np.cos(np.linspace(0.0, math.pi, len(really))))[:, None] / 2.0
    ways = [EndEffectorPath("world", times_s, really + bend * np.array(aside)) for aside in ASIDE]
    projected = [project_path(way, camera, width, height) for way in ways]
    alone, together = draw_alone(picture, projected[0]), draw_together(picture, dict(enumerate(projected, start=1)))
    both = np.hstack([alone, np.full((height, 8, 3), 255, np.uint8), together])
    written, data = cv2.imencode(".webp", cv2.cvtColor(both, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    if not written:
        raise SystemExit("The picture cannot be encoded.")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(data.tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
