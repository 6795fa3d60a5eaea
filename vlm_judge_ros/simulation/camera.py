"""The two cameras of a simulated scene, and its light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.simulation.world import World, load_simulator

CAMERAS = ("front", "wrist")

Colour = tuple[float, float, float]

_WRIST_CAMERA = "gripperPOV"
_WHITE = (1.0, 1.0, 1.0)
_TABLE, _SURROUNDINGS = "table_wood", ("basic_floor", "wall_metal")
# Squares along the edge of a pattern's texture; few, so that they are seen as patches and not as noise.
_PATCHES = 9


class Variation(Enum):
    """What differs from the standard look of a scene. All but USUAL are for finding out what a judge makes of it."""

    USUAL = "usual"
    """A little of everything, as in training."""
    NONE = "none"
    CAMERA = "camera"
    """Only the camera, by several centimetres and degrees: at the edge of the usual, or beyond."""
    LIGHT = "light"
    """Only the light: much darker or brighter, and from another side."""
    TEXTURE = "texture"
    """Only the surfaces: table, floor and walls in other colours and with other patterns."""


@dataclass(frozen=True, slots=True)
class View:
    """Where the front camera stands, how the scene is lit, and what its surfaces look like.

    Attributes:
        lookat: point that the front camera looks at, metres.
        distance: metres from there to the camera.
        azimuth: direction of view about the vertical, degrees.
        elevation: direction of view against the horizontal, degrees, negative from above.
        brightness: factor on the diffuse light.
        light_turn: degrees by which the lights are turned about the vertical.
        tints: factors on the colours of the table, the floor and walls, and all other materials, RGB.
        pattern: seed of a pattern on the table; 0 for none.
        pattern_share: how much of the table's own look that pattern replaces, 0 to 1.
    """

    lookat: tuple[float, float, float] = (0.0, 0.7, 0.17)
    distance: float = 0.88
    azimuth: float = 152.0
    elevation: float = -27.0
    brightness: float = 1.0
    light_turn: float = 0.0
    tints: tuple[Colour, Colour, Colour] = (_WHITE, _WHITE, _WHITE)
    pattern: int = 0
    pattern_share: float = 0.0


def draw_view(rng: np.random.Generator, variation: Variation = Variation.USUAL) -> View:
    """Draw a view near the standard one: a few centimetres, a few degrees, a little light, other surfaces."""
    usual = View()
    shift = rng.uniform(-1.0, 1.0, size=6)
    light = rng.uniform(-1.0, 1.0, size=2)
    surfaces = np.random.default_rng(int(1e9 * (light[0] + 1.0)))
    pattern, share = int(surfaces.integers(1, 2**31)), surfaces.uniform(0.0, 0.6)
    tint, own_tint = surfaces.uniform(0.6, 1.0, size=(2, 3)), surfaces.uniform(0.88, 1.0, size=3)
    if variation is Variation.CAMERA:
        shift = np.sign(shift) * (0.7 + 0.5 * np.abs(shift))
    if variation is Variation.LIGHT:
        light = np.sign(light) * (0.8 + 0.6 * np.abs(light))
    if variation is Variation.TEXTURE:
        share, tint = 0.6 + 0.5 * share, tint - 0.15
    look = View()
    if variation in (Variation.USUAL, Variation.CAMERA):
        look = replace(
            look,
            lookat=(
                usual.lookat[0] + 0.04 * shift[0],
                usual.lookat[1] + 0.04 * shift[1],
                usual.lookat[2] + 0.04 * shift[2],
            ),
            distance=usual.distance + 0.06 * shift[3],
            azimuth=usual.azimuth + 7.0 * shift[4],
            elevation=usual.elevation + 4.0 * shift[5],
        )
    if variation in (Variation.USUAL, Variation.LIGHT):
        look = replace(look, brightness=1.0 + 0.4 * light[0], light_turn=60.0 * light[1])
    if variation in (Variation.USUAL, Variation.TEXTURE):
        tints = (_colour(tint[0]), _colour(tint[1]), _colour(own_tint))
        look = replace(look, tints=tints, pattern=pattern, pattern_share=float(share))
    return look


def _colour(values: NDArray[np.float64]) -> Colour:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


Pose = dict[str, NDArray[np.float64]]
"""Where everything that can be seen was at one moment."""

_SEEN = ("xpos", "xmat", "geom_xpos", "geom_xmat", "site_xpos", "site_xmat", "cam_xpos", "cam_xmat")
_LIGHTS = ("light_xpos", "light_xdir")


def pose_of(world: World) -> Pose:
    """Remember where everything is, to take the picture later."""
    return {name: getattr(world.data, name).copy() for name in _SEEN + _LIGHTS}


class Studio:
    """Takes pictures of one world. Made once for a world, because the graphics card has to be told the whole scene."""

    def __init__(self, world: World, width: int, height: int, samples: int = 4) -> None:
        self._world = world
        self._mujoco, _ = load_simulator()
        model = world.model
        model.vis.quality.offsamples = samples
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
        self._material_colours = model.mat_rgba.copy()
        names = [model.material(index).name for index in range(model.nmat)]
        # Which of the three tints each material takes.
        self._tinted = np.array([0 if name == _TABLE else 1 if name in _SURROUNDINGS else 2 for name in names])
        self._table_texture, self._table_look = self._texture_of(names.index(_TABLE))
        self._pattern = (0, 0.0)

    def set_view(self, view: View) -> None:
        """Place the front camera and the lights and paint the scene. To be called after the world was reset."""
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
        self._world.model.mat_rgba[:] = self._material_colours
        self._world.model.mat_rgba[:, :3] *= np.array(view.tints)[self._tinted]
        self._paint_table(view.pattern, view.pattern_share)

    def _texture_of(self, material: int) -> tuple[int, NDArray[np.uint8]]:
        """Number of a material's texture, and its pixels, shape (faces, height, width, 3)."""
        model = self._world.model
        texture = int(max(model.mat_texid[material]))
        start, width = int(model.tex_adr[texture]), int(model.tex_width[texture])
        size = width * int(model.tex_height[texture]) * int(model.tex_nchannel[texture])
        return texture, model.tex_data[start : start + size].reshape(-1, width, width, 3).copy()

    def _paint_table(self, pattern: int, share: float) -> None:
        """Lay patches of colour over the table's own texture and hand it to the graphics card."""
        if (pattern, share) == self._pattern:
            return
        model, texture = self._world.model, self._table_texture
        patches = np.random.default_rng(pattern).uniform(60, 230, size=(_PATCHES, _PATCHES, 3))
        width = self._table_look.shape[1]
        nearest = np.arange(width) * _PATCHES // width
        painted = (1.0 - share) * self._table_look + share * patches[nearest][:, nearest]
        start = int(model.tex_adr[texture])
        model.tex_data[start : start + painted.size] = painted.astype(np.uint8).ravel()
        self._renderer._gl_context.make_current()
        self._mujoco.mjr_uploadTexture(model, self._renderer._mjr_context, texture)
        self._pattern = (pattern, share)

    def take(self, camera: str, pose: Pose) -> NDArray[np.uint8]:
        """Take a picture of the scene as it was then, RGB, shape (height, width, 3)."""
        for name, values in pose.items():
            getattr(self._stage, name)[:] = values
        self._renderer.update_scene(self._stage, camera=self._camera if camera == "front" else _WRIST_CAMERA)
        return np.array(self._renderer.render(), dtype=np.uint8)

    def close(self) -> None:
        """Give the graphics memory back."""
        self._renderer.close()
