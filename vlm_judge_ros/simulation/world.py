"""One simulated scene: stepping it, saving it, putting it back."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.tasks import SimulatedTask

STEP_S = 0.1
"""Seconds that one control step is stamped with. Meta-World's own 80 Hz would make an episode last one second."""

METRES_PER_ACTION = 0.01
"""What an action of 1 moves the hand by."""

ARM_JOINTS = tuple(f"right_j{index}" for index in range(7))
FINGER_JOINTS = ("r_close", "l_close")
JOINTS = ARM_JOINTS + FINGER_JOINTS

# What Meta-World changes in the model when it resets a scene, and what the camera's light changes.
_CHANGED_IN_MODEL = ("body_pos", "body_quat", "site_pos", "site_quat", "geom_pos", "light_diffuse", "light_dir")


_DRAW_NOTHING = """
import sys
import mujoco
try:
    context = mujoco.GLContext(16, 16)
    context.make_current()
    mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_100).free()
    context.free()
except Exception as error:
    print(error)
    sys.exit(1)
"""


class SimulatorMissing(JudgeError):
    """The simulator cannot be used here; the message says what to install."""


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What an expert is told: Meta-World's 39 numbers, of which 0:3 is the hand, 4:7 the object, 36:39 the goal (m)."""

    state: NDArray[np.float64]
    success: bool

    @property
    def hand(self) -> NDArray[np.float64]:
        """Position of the hand in metres, shape (3,)."""
        return self.state[0:3]

    @property
    def object(self) -> NDArray[np.float64]:
        """Position of the object (or of the handle) in metres, shape (3,)."""
        return self.state[4:7]


def load_simulator() -> tuple[Any, Any]:
    """Import MuJoCo and Meta-World, rendering off screen.

    Returns:
        The modules `mujoco` and `metaworld`.

    Raises:
        SimulatorMissing: one of them is not installed, or there is no OpenGL.
    """
    os.environ.setdefault("MUJOCO_GL", "egl")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import metaworld
            import metaworld.policies
            import mujoco
    except ModuleNotFoundError as error:
        raise SimulatorMissing(
            f"The simulator is not installed ({error.name} is missing): run `make install EXTRAS=simulate` in the "
            "checkout, or `python3 -m pip install gymnasium metaworld mujoco`."
        ) from error
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise _no_graphics(str(error)) from error
    # The experts ask for more than the arm gives and warn about it at each step.
    warnings.filterwarnings("ignore", message=r"Constant\(s\) may be too high")
    return mujoco, metaworld


def check_graphics() -> None:
    """Find out whether pictures can be drawn here, in a process of its own: a broken driver may take it down.

    Raises:
        SimulatorMissing: they cannot, or the simulator is not installed.
    """
    load_simulator()
    probe = subprocess.run([sys.executable, "-c", _DRAW_NOTHING], capture_output=True, text=True)
    if probe.returncode:
        raise _no_graphics(probe.stdout or f"exit status {probe.returncode}")


def _no_graphics(cause: str) -> SimulatorMissing:
    reason = " ".join(cause.split())
    return SimulatorMissing(
        f"The simulator cannot render with MUJOCO_GL={os.environ.get('MUJOCO_GL', '')} ({reason}); install libegl1 and "
        "libgl1-mesa-dri and set MUJOCO_GL=egl, or install libosmesa6 and set MUJOCO_GL=osmesa."
    )


def expert_named(name: str) -> Any:
    """Make the scripted expert of that class name; `get_action` maps 39 numbers to 4."""
    _, metaworld = load_simulator()
    return getattr(metaworld.policies, name)()


class World:
    """The scene of one task. Made once and reset for each episode, because making it takes long.

    Meta-World keeps views into the simulator's memory in attributes, and leaves changes in the model behind; both are
    dealt with here, so that an episode depends on its seed alone.
    """

    def __init__(self, task: SimulatedTask) -> None:
        self.task = task
        self._mujoco, metaworld = load_simulator()
        environments = metaworld.env_dict.ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._environment = environments[f"{task.name}-v3-goal-observable"](seed=0)
        self._environment.seeded_rand_vec = True
        self._environment._freeze_rand_vec = False
        self.model = self._environment.model
        if hasattr(self._environment, "_gripper_caging_reward"):
            # Half of the time of a step goes into a reward that nobody here looks at; success does not depend on it.
            self._environment._gripper_caging_reward = lambda *_, **__: 0.0
        self.expert = expert_named(task.expert)
        self.observation = Observation(np.zeros(39), False)
        self._model_arrays = {name: getattr(self.model, name).copy() for name in _CHANGED_IN_MODEL}
        self._unused = copy.copy(self.data)
        self._attributes = self._owned_attributes()
        self._joint_positions = [self.model.joint(name).qposadr[0] for name in JOINTS]
        self._joint_velocities = [self.model.joint(name).dofadr[0] for name in JOINTS]
        self._finger_actuators = [self._actuator_of(name) for name in FINGER_JOINTS]
        # Simulated seconds are shorter than stamped ones.
        self._slow_motion = float(self._environment.dt) / STEP_S

    @property
    def data(self) -> Any:
        """The simulator's state as it is now; another object after a trial or a reset."""
        return self._environment.data

    def reset(self, seed: int) -> Observation:
        """Put the scene into the start state that the seed stands for."""
        for name, values in self._model_arrays.items():
            getattr(self.model, name)[:] = values
        self._environment.data = copy.copy(self._unused)
        self._environment.__dict__.update(self._attributes)
        self._environment.__dict__.update(self._owned_attributes())
        self._environment.seed(seed)
        self._environment.reset()
        self._environment.__dict__.update(self._owned_attributes())
        # The scene moved after the simulator last looked: one idle step shows it as it is.
        return self.step(np.array([0.0, 0.0, 0.0, -1.0]))

    def step(self, action: NDArray[np.float64]) -> Observation:
        """Execute one action of 4 numbers in [-1, 1]: hand displacement in x, y, z and gripper effort."""
        self._environment.curr_path_length = 0
        state, _, _, _, info = self._environment.step(action)
        self.observation = Observation(np.array(state, dtype=np.float64), bool(info["success"]))
        return self.observation

    def expert_action(self, state: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the clean expert does in that state, in [-1, 1]."""
        return act(self.expert, state)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever happens to the world inside the block has not happened after it."""
        data, attributes, observation = self.data, self._owned_attributes(), self.observation
        self._environment.data = copy.copy(data)
        try:
            yield
        finally:
            self._environment.data = data
            self._environment.__dict__.update(attributes)
            self.observation = observation

    def joint_positions(self) -> NDArray[np.float64]:
        """Positions of `JOINTS`, rad and m, shape (9,)."""
        return np.array(self.data.qpos[self._joint_positions])

    def joint_velocities(self) -> NDArray[np.float64]:
        """Velocities of `JOINTS` per stamped second, rad/s and m/s, shape (9,)."""
        return np.array(self.data.qvel[self._joint_velocities]) * self._slow_motion

    def joint_efforts(self) -> NDArray[np.float64]:
        """Efforts of `JOINTS`, shape (9,): newtons for the fingers, NaN for the arm, which has no motors here."""
        efforts = np.full(len(JOINTS), np.nan)
        efforts[len(ARM_JOINTS) :] = self.data.actuator_force[self._finger_actuators]
        return efforts

    def _actuator_of(self, joint: str) -> int:
        return int(np.flatnonzero(self.model.actuator_trnid[:, 0] == self.model.joint(joint).id)[0])

    def _owned_attributes(self) -> dict[str, Any]:
        """Copy the environment's own attributes, leaving the simulator and the random generator where they are."""
        kept = ("model", "data", "mujoco_renderer", "_np_random")
        return {
            name: value.copy() if isinstance(value, np.ndarray) else value
            for name, value in self._environment.__dict__.items()
            if name not in kept
        }


def act(expert: Any, state: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ask an expert for its action, clipped to [-1, 1]. Some experts write into what they are given: it gets a copy."""
    return np.clip(np.asarray(expert.get_action(state.copy()), dtype=np.float64), -1.0, 1.0)
