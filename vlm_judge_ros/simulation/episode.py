"""One simulated episode, from a seed to pictures, signals and ground truth."""

from __future__ import annotations

import atexit
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.camera import CAMERAS, Studio, Variation, draw_view, pose_of
from vlm_judge_ros.simulation.disturbance import Disturbance
from vlm_judge_ros.simulation.ground_truth import Yardstick, progress_curve, run_clean
from vlm_judge_ros.simulation.motions import ScriptBroken
from vlm_judge_ros.simulation.performance import Performance, action_in_metres
from vlm_judge_ros.simulation.plan import Plan, draw_plan
from vlm_judge_ros.simulation.tasks import SimulatedTask, task_named
from vlm_judge_ros.simulation.world import JOINTS, STEP_S, Observation, World, expert_named

ACTION_NAMES = ("hand_x", "hand_y", "hand_z", "gripper_effort")

_DRAWS = 12
_CLEAN_LIMIT = 200
# The expert at the speed of an episode may take so many times as long as its speed lets expect.
_PATIENCE = 2.0
_LONGEST_STEPS = 320
_SHORTEST_FAILURE_S = 1.5
_STEADY_STEPS = 8
_MAY_SUCCEED = frozenset(kind for kind in Disturbance if kind.is_benign) | {
    Disturbance.UNDONE,
    Disturbance.SUCCESS_LOST,
    Disturbance.SHORTCUT,
}
# Progress that is lost at the end, where the failure consists in losing it.
_LEAST_LOSS = {Disturbance.UNDONE: 0.2, Disturbance.REWIND: 0.15, Disturbance.SUCCESS_LOST: 0.08}


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """What to simulate. Equal specs give equal episodes.

    Attributes:
        task: name of a task in `tasks.TASKS`.
        seed: everything that is random comes from it.
        disturbance: what happens to the expert.
        width: width of the pictures in pixels.
        height: height of the pictures in pixels.
        samples: how often each pixel is drawn to smooth its edges; 0 takes half the time of 4.
        frame_steps: control steps from one picture to the next; the last step has one always.
        truth_steps: control steps from one measurement of progress to the next; between them it is interpolated.
        variation: what differs from the standard look.
        held_out_wording: True for an instruction that no model is trained on.
    """

    task: str
    seed: int
    disturbance: Disturbance = Disturbance.NONE
    width: int = 320
    height: int = 240
    samples: int = 4
    frame_steps: int = 1
    truth_steps: int = 4
    variation: Variation = Variation.USUAL
    held_out_wording: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedEpisode:
    """What came out: T control steps, F pictures per camera, J joints.

    Attributes:
        spec: what was asked for.
        instruction: the task in words.
        mode: how it failed; NONE where it succeeded.
        onset_s: when the failure set in, seconds from the start; None where it succeeded.
        stamps_s: seconds from the start, shape (T,).
        joint_positions: rad and m, in the order of `world.JOINTS`, shape (T, J).
        joint_velocities: per second, shape (T, J).
        joint_efforts: N, NaN for joints without a motor, shape (T, J).
        actions: executed actions in the order of `ACTION_NAMES`, m and normalised effort, shape (T - 1, 4).
        progress: 0 to 1, shape (T,).
        success: the simulator's own flag, shape (T,).
        failing: True from the onset on, shape (T,).
        frame_indices: the control step of each picture, shape (F,).
        frames: per camera, RGB, shape (F, height, width, 3).
    """

    spec: EpisodeSpec
    instruction: str
    mode: FailureMode
    onset_s: float | None
    stamps_s: NDArray[np.float64]
    joint_positions: NDArray[np.float64]
    joint_velocities: NDArray[np.float64]
    joint_efforts: NDArray[np.float64]
    actions: NDArray[np.float64]
    progress: NDArray[np.float64]
    success: NDArray[np.bool_]
    failing: NDArray[np.bool_]
    frame_indices: NDArray[np.int64]
    frames: dict[str, NDArray[np.uint8]]

    @property
    def joint_names(self) -> tuple[str, ...]:
        """Names of the joints."""
        return JOINTS


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """A plan that was played and came out right.

    Attributes:
        actions: the T - 1 actions, each of 4 numbers in [-1, 1].
        success: the simulator's own flag at each of the T steps.
        struck_at: step at which the failure set in, where the performance knows it.
        clean_steps: steps that the clean expert needs from the same start.
    """

    actions: list[NDArray[np.float64]]
    success: NDArray[np.bool_]
    struck_at: int | None
    clean_steps: int


class EpisodeImpossible(JudgeError):
    """The simulator did not produce the outcome that was asked for."""


def simulate_episode(spec: EpisodeSpec) -> SimulatedEpisode:
    """Simulate one episode.

    A draw whose outcome is not the one that the disturbance stands for, by the simulator's own success flag, is
    discarded and drawn again; this too depends on the seed alone.

    Raises:
        SimulatorMissing: the simulator is not installed or cannot render.
        EpisodeImpossible: the disturbance makes no sense in this task, or no draw came out right.
        JudgeError: there is no such task.
    """
    task = task_named(spec.task)
    if spec.disturbance not in task.disturbances:
        possible = ", ".join(sorted(disturbance.value for disturbance in task.disturbances))
        raise EpisodeImpossible(
            f'"{spec.disturbance.value}" cannot happen in the task "{spec.task}"; choose one of {possible}.'
        )
    for draw in range(_DRAWS):
        episode = _attempt(spec, task, np.random.default_rng([spec.seed, draw]))
        if episode is not None:
            return episode
    raise EpisodeImpossible(
        f'No draw of seed {spec.seed} gave "{spec.disturbance.value}" in the task "{spec.task}"; take another seed.'
    )


@cache
def world_of(task: str) -> World:
    """The world of a task, one per process."""
    return World(task_named(task))


@cache
def _studio(task: str, width: int, height: int, samples: int) -> Studio:
    studio = Studio(world_of(task), width, height, samples)
    # Left to the end of the interpreter, the graphics library would be gone before its contexts.
    atexit.register(studio.close)
    return studio


def _attempt(spec: EpisodeSpec, task: SimulatedTask, rng: np.random.Generator) -> SimulatedEpisode | None:
    """Play one draw; None where it did not come out as asked."""
    world = world_of(task.name)
    plan = draw_plan(task, spec.disturbance, rng)
    view = draw_view(rng, spec.variation)
    instruction = str(rng.choice(_wordings(task, spec)))
    take = rehearse(world, plan, int(rng.integers(2**31)), rng)
    if take is None:
        return None
    actions, success, struck_at = take.actions, take.success, take.struck_at
    # A good take is played once more, now with the measurements, which take most of the time.
    joints, poses = [], []
    measured: list[tuple[int, float]] = []
    yardstick = Yardstick(world, plan.speed, round(_PATIENCE * take.clean_steps / plan.speed))
    if not yardstick.arrives:
        return None
    for step in range(len(success)):
        joints.append((world.joint_positions(), world.joint_velocities(), world.joint_efforts()))
        last = step == len(actions)
        if last or step % spec.frame_steps == 0:
            poses.append((step, pose_of(world)))
        if last or step % spec.truth_steps == 0:
            measured.append((step, yardstick.measure(step - measured[-1][0] if measured else 0)))
        if not last:
            world.step(actions[step])
    progress, turning_point = progress_curve(measured, success)
    if spec.disturbance is Disturbance.SHORTCUT:
        # What is forbidden is no progress, and no success either.
        assert struck_at is not None
        success = np.zeros_like(success)
        progress = np.minimum(progress, np.minimum(progress[struck_at], 0.98))
    onset = None if spec.disturbance.is_benign else _onset(struck_at, turning_point, success)
    if onset is not None and not _is_plain(spec.disturbance, progress, onset):
        return None

    studio = _studio(task.name, spec.width, spec.height, spec.samples)
    studio.set_view(view)
    positions, velocities, efforts = (np.array(values) for values in zip(*joints, strict=True))
    steps = np.arange(len(success))
    return SimulatedEpisode(
        spec=spec,
        instruction=instruction,
        mode=spec.disturbance.failure_mode,
        onset_s=None if onset is None else onset * STEP_S,
        stamps_s=np.asarray(steps * STEP_S, dtype=np.float64),
        joint_positions=positions,
        joint_velocities=velocities,
        joint_efforts=efforts,
        actions=np.array([action_in_metres(action) for action in actions]).reshape(-1, len(ACTION_NAMES)),
        progress=progress,
        success=success,
        failing=(steps >= (steps.size if onset is None else onset)) & ~success,
        frame_indices=np.array([step for step, _ in poses]),
        frames={camera: np.stack([studio.take(camera, pose) for _, pose in poses]) for camera in CAMERAS},
    )


def _wordings(task: SimulatedTask, spec: EpisodeSpec) -> tuple[str, ...]:
    if spec.disturbance is Disturbance.SHORTCUT:
        return task.forbidding
    return task.held_out_instructions if spec.held_out_wording else task.instructions


def _ends_as_asked(disturbance: Disturbance, success: NDArray[np.bool_]) -> bool:
    """By the simulator's own flag: success at the end and for a while, or no success at the end."""
    if disturbance.is_benign or disturbance is Disturbance.SHORTCUT:
        return bool(success[-_STEADY_STEPS:].all())
    return not success[-1]


def _onset(struck_at: int | None, turning_point: int, success: NDArray[np.bool_]) -> int:
    """Control step at which the failure set in; never before the task was last done."""
    onset = turning_point if struck_at is None else struck_at
    return max(onset, int(np.flatnonzero(success)[-1])) if success.any() else onset


def _is_plain(disturbance: Disturbance, progress: NDArray[np.float64], onset: int) -> bool:
    """True where a viewer has time to see the failure, and where what was undone is really lost."""
    if (progress.size - 1 - onset) * STEP_S < _SHORTEST_FAILURE_S:
        return False
    return bool(progress[-1] <= progress[onset] - _LEAST_LOSS.get(disturbance, -1.0))


def rehearse(world: World, plan: Plan, scene: int, rng: np.random.Generator) -> Take | None:
    """Play a plan in a scene, and put the scene back to its start.

    Args:
        world: the scene's world; left at the start of the scene.
        plan: what to play.
        scene: seed of the scene.
        rng: source of the tremor.

    Returns:
        What came out; None where it is not what the plan's disturbance stands for.
    """
    task = world.task
    seen = world.reset(scene)
    clean = run_clean(world, _CLEAN_LIMIT)
    if not 5 < clean.steps < _CLEAN_LIMIT:
        return None
    undoer = expert_named(task.undone_by) if task.undone_by else None
    performance = Performance(task, plan, world.expert, undoer, clean, rng)
    with world.trial():
        played = _play(world, performance, seen, may_succeed=plan.disturbance in _MAY_SUCCEED)
    if played is None:
        return None
    actions, success = played
    if not _ends_as_asked(plan.disturbance, success):
        return None
    return Take(actions, success, performance.struck_at, clean.steps)


def _play(
    world: World, performance: Performance, seen: Observation, may_succeed: bool
) -> tuple[list[NDArray[np.float64]], NDArray[np.bool_]] | None:
    """Play the script. Returns the T - 1 actions and the T success flags; None where the script broke or went on."""
    actions: list[NDArray[np.float64]] = []
    success = [seen.success]
    script = performance.script(seen)
    try:
        action = next(script)
        while len(actions) < _LONGEST_STEPS and (may_succeed or not seen.success):
            actions.append(action)
            seen = world.step(action)
            success.append(seen.success)
            action = script.send(seen)
    except ScriptBroken:
        return None
    except StopIteration:
        return actions, np.array(success)
    return None
