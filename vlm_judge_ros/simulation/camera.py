"""The two cameras of a simulated scene, and its light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.world import World, load_simulator

CAMERAS = ("front", "wrist")

_WRIST_CAMERA = "gripperPOV"


@dataclass(frozen=True, slots=True)
class View:
    """Where the front camera stands and how the scene is lit.

    Attributes:
        lookat: point that the front camera looks at, metres.
        distance: metres from there to the camera.
        azimuth: direction of view about the vertical, degrees.
        elevation: direction of view against the horizontal, degrees, negative from above.
        brightness: factor on the diffuse light.
        light_turn: degrees by which the lights are turned about the vertical.
    """

    lookat: tuple[float, float, float] = (0.0, 0.7, 0.17)
    distance: float = 0.88
    azimuth: float = 152.0
    elevation: float = -27.0
    brightness: float = 1.0
    light_turn: float = 0.0


def draw_view(rng: np.random.Generator, spread: float = 1.0) -> View:
    """Draw a view near the standard one: a few centimetres, a few degrees, a little light; `spread` scales it."""
    usual = View()
    x, y, z = rng.uniform(-0.03, 0.03, size=3) * spread
    return View(
        lookat=(usual.lookat[0] + x, usual.lookat[1] + y, usual.lookat[2] + z),
        distance=usual.distance + spread * rng.uniform(-0.05, 0.05),
        azimuth=usual.azimuth + spread * rng.uniform(-5.0, 5.0),
        elevation=usual.elevation + spread * rng.uniform(-3.0, 3.0),
        brightness=1.0 + spread * rng.uniform(-0.35, 0.35),
        light_turn=spread * rng.uniform(-60.0, 60.0),
    )


Pose = dict[str, NDArray[np.float64]]
"""Where everything that can be seen was at one moment."""

_SEEN = ("xpos", "xmat", "geom_xpos", "geom_xmat", "site_xpos", "site_xmat", "cam_xpos", "cam_xmat")
_LIGHTS = ("light_xpos", "light_xdir")


def pose_of(world: World) -> Pose:
    """Remember where everything is, to take the picture later."""
    return {name: getattr(world.data, name).copy() for name in _SEEN + _LIGHTS}


class Studio:
    """Takes pictures of one world. Made once for a world, because the graphics card has to be told the whole scene."""

    def __init__(self, world: World, width: int, height: int) -> None:
        self._world = world
        self._mujoco, _ = load_simulator()
        model = world.model
        model.vis.quality.offsamples = 4
        # Shadows and reflections cost most of the time where there is no graphics card.
        model.light_castshadow[:] = 0
        model.mat_reflectance[:] = 0.0
        model.vis.global_.offwidth = max(width, model.vis.global_.offwidth)
        model.vis.global_.offheight = max(height, model.vis.global_.offheight)
        self._renderer: Any = self._mujoco.Renderer(model, height, width)
        self._camera = self._mujoco.MjvCamera()
        self._stage = self._mujoco.MjData(model)
        self._light_diffuse = model.light_diffuse.copy()
        self._light_dir = model.light_dir.copy()

    def set_view(self, view: View) -> None:
        """Place the front camera and the lights. To be called after the world was reset."""
        self._camera.lookat[:] = view.lookat
        self._camera.distance = view.distance
        self._camera.azimuth = view.azimuth
        self._camera.elevation = view.elevation
        turn = np.deg2rad(view.light_turn)
        about_vertical = np.array(
            [[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]]
        )
        self._world.model.light_diffuse[:] = self._light_diffuse * view.brightness
        self._world.model.light_dir[:] = self._light_dir @ about_vertical.T

    def take(self, camera: str, pose: Pose) -> NDArray[np.uint8]:
        """Take a picture of the scene as it was then, RGB, shape (height, width, 3)."""
        for name, values in pose.items():
            getattr(self._stage, name)[:] = values
        self._renderer.update_scene(self._stage, camera=self._camera if camera == "front" else _WRIST_CAMERA)
        return np.array(self._renderer.render(), dtype=np.uint8)

    def close(self) -> None:
        """Give the graphics memory back."""
        self._renderer.close()
