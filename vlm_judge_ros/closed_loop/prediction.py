"""What would come of a chunk: played in the simulator, and taken back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.camera import Pose, pose_of
from vlm_judge_ros.simulation.ground_truth import run_clean
from vlm_judge_ros.simulation.world import STEP_S, World, load_simulator

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Imperfection:
    """How far a prediction is from what would really come.

    Attributes:
        state_noise: standard deviation of what is added to every joint of the predicted state: radians for joints that
            turn, metres for those that slide and for objects that lie freely.
        delay_s: a predicted frame shows what will have been so many seconds before.
    """

    state_noise: float = 0.0
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.state_noise <= 1.0:
            raise JudgeError(f"--prediction-noise {self.state_noise:g} is out of range; give 0 to 1 (rad or m).")
        if not 0.0 <= self.delay_s <= 10.0:
            raise JudgeError(f"--prediction-delay {self.delay_s:g} is out of range; give 0 to 10 s.")


def play(
    world: World,
    actions: Floats,
    shown_steps: tuple[int, ...],
    imperfection: Imperfection,
    random: np.random.Generator,
) -> tuple[tuple[float, Pose], ...]:
    """Predict what is seen after some steps of a chunk; the world stays as it was.

    Args:
        world: the scene.
        actions: the chunk, shape (H, 4).
        shown_steps: after how many actions a frame is wanted, rising, 1 to H.
        imperfection: how far the prediction is from the truth.
        random: of the noise on the predicted state.
    """
    delay_steps = round(imperfection.delay_s / STEP_S)
    wanted = {step: max(step - delay_steps, 0) for step in shown_steps}
    seen: dict[int, Pose] = {}
    with world.trial():
        for step in range(len(actions) + 1):
            if step:
                world.step(actions[step - 1])
            if step in wanted.values():
                seen[step] = _blurred(world, imperfection.state_noise, random)
    return tuple((step * STEP_S, seen[earlier]) for step, earlier in wanted.items())


def steps_left(world: World, actions: Floats, limit: int) -> int:
    """Steps that the clean expert needs after a chunk; the world stays as it was.

    Args:
        world: the scene.
        actions: the chunk, shape (H, 4).
        limit: more are not counted.

    Returns:
        0 where the chunk itself reaches success, at any step: the episode ends with it.
    """
    with world.trial():
        for action in actions:
            if world.step(action).success:
                return 0
        return run_clean(world, limit).steps


def _blurred(world: World, noise: float, random: np.random.Generator) -> Pose:
    """The pose as it is, or that of a state nearby."""
    if noise == 0.0:
        return pose_of(world)
    mujoco, _ = load_simulator()
    model = world.model
    with world.trial():
        data = world.data
        for joint in range(model.njnt):
            first = int(model.jnt_qposadr[joint])
            free = model.jnt_type[joint] in (mujoco.mjtJoint.mjJNT_FREE, mujoco.mjtJoint.mjJNT_BALL)
            # Of a joint that turns freely the quaternion stays as it is.
            places = 3 if model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_FREE else 0 if free else 1
            moved = data.qpos[first : first + places] + random.normal(scale=noise, size=places)
            if model.jnt_limited[joint]:
                moved = np.clip(moved, *model.jnt_range[joint])
            data.qpos[first : first + places] = moved
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        return pose_of(world)
