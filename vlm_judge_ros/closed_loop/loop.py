"""One episode in closed loop: the policy draws chunks, somebody chooses one, it is executed, and so on."""

from __future__ import annotations

import atexit
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from vlm_judge_ros.closed_loop.choosers import DEADLINE_S, Chooser, Decision, Pick
from vlm_judge_ros.closed_loop.noisy_expert import HORIZON, Floats, NoisyExpert
from vlm_judge_ros.closed_loop.photographer import Photographer
from vlm_judge_ros.closed_loop.prediction import Imperfection, play, steps_left
from vlm_judge_ros.closed_loop.task_table import LoopTask
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.simulation.camera import Pose, Studio, Variation, draw_view, pose_of
from vlm_judge_ros.simulation.episode import EpisodeImpossible, world_of
from vlm_judge_ros.simulation.ground_truth import run_clean
from vlm_judge_ros.simulation.tasks import task_named
from vlm_judge_ros.simulation.world import STEP_S, World
from vlm_judge_ros.steering.candidate import Candidate, PredictedFrame
from vlm_judge_ros.steering.history import EpisodeHistory
from vlm_judge_ros.steering.request import ScoringRequest
from vlm_judge_ros.verdict.settings import EngineSettings

WIDTH, HEIGHT = 192, 144
"""Size of the pictures in pixels; that of the episodes on which the embedded judge was trained."""

PATIENCE = 3
"""So many times the clean expert's steps an oracle looks ahead."""

_STARTED_NS = 1_000_000_000
_DRAWS = 20
_CLEAN_LIMIT = 200


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """What all episodes of a run have in common.

    Attributes:
        frame_steps: control steps of 0.1 s from one picture to the next, predicted or real; the end of a chunk has one
            always.
        imperfection: of the predictions that a judge is shown; an oracle knows the truth.
        engine: which frames of what really happened a judge is shown.
        look: what differs from the standard look of the scenes.
    """

    frame_steps: int = HORIZON
    imperfection: Imperfection = field(default_factory=Imperfection)
    engine: EngineSettings = field(default_factory=EngineSettings)
    look: Variation = Variation.USUAL

    def __post_init__(self) -> None:
        if not 1 <= self.frame_steps <= HORIZON:
            raise JudgeError(f"--frame-steps {self.frame_steps} is out of range; give 1 to {HORIZON}.")

    @property
    def shown_steps(self) -> tuple[int, ...]:
        """After how many actions of a chunk a picture is taken."""
        return tuple(sorted({*range(self.frame_steps, HORIZON, self.frame_steps), HORIZON}))


@dataclass(frozen=True, slots=True)
class Course:
    """How an episode went.

    Attributes:
        success: by the simulator's own flag, at any step.
        steps: control steps until success, or in all.
        picks: what was chosen, one for each decision.
    """

    success: bool
    steps: int
    picks: tuple[Pick, ...]


class Scene:
    """One episode from a seed; everything that is random in it depends on that alone, not on who chooses, nor on K.

    Args:
        task: the task.
        seed: of the episode.
        settings: of the run.
    """

    def __init__(self, task: LoopTask, seed: int, settings: LoopSettings) -> None:
        self._task = task
        self._seed = seed
        self._settings = settings
        self._world = world_of(task.task)
        random = np.random.default_rng([seed, 71])
        self._view = draw_view(random, settings.look)
        self._instruction = str(random.choice(task_named(task.task).instructions))
        self._policy = NoisyExpert(self._world, task.noise, seed)
        self._poses: list[tuple[int, Pose]] = []
        self._clean_steps = 1

    def run(self, chooser: Chooser, count: int) -> Course:
        """Play the episode from its start.

        Args:
            chooser: who chooses.
            count: chunks that are drawn for each decision.

        Raises:
            JudgeError: the judge failed, or the clean expert does not solve the task from any start.
        """
        self._clean_steps = start(self._world, self._seed)
        photographer = _photographer(self._task.task)
        photographer.begin(self._view)
        name = f"{self._task.task}-{self._seed}"
        history = EpisodeHistory(name, self._instruction, _STARTED_NS, self._settings.engine)
        self._poses = [(_STARTED_NS, pose_of(self._world))]
        picks: list[Pick] = []
        steps = 0
        for number in range(self._task.decisions):
            chunks = self._policy.chunks(number, count)
            pick = chooser.choose(self._decision(number, steps, chunks, history, photographer))
            picks.append(pick)
            for step, action in enumerate(chunks[pick.index], 1):
                steps += 1
                if self._world.step(action).success:
                    return Course(True, steps, tuple(picks))
                if step in self._settings.shown_steps:
                    self._poses.append((_stamp_ns(steps), pose_of(self._world)))
        return Course(False, steps, tuple(picks))

    def _decision(
        self, number: int, steps: int, chunks: list[Floats], history: EpisodeHistory, photographer: Photographer
    ) -> Decision:
        """What is to be chosen from. Pictures are taken when a judge asks for them: they cost most of the time."""

        def evidence() -> Evidence:
            for stamp_ns, pose in self._poses:
                for camera, image in photographer.take(pose).items():
                    history.add(camera, stamp_ns, image)
            self._poses = []
            photographer.forget()
            return history.evidence(number + 1)

        def request() -> ScoringRequest:
            candidates = tuple(
                Candidate(chunk, self._predicted(chunk, number, index, photographer))
                for index, chunk in enumerate(chunks)
            )
            return ScoringRequest(candidates, _stamp_ns(steps), DEADLINE_S)

        def left(index: int, limit: int) -> int:
            return steps_left(self._world, chunks[index], limit)

        return Decision(number, self._seed, len(chunks), PATIENCE * self._clean_steps, left, request, evidence)

    def _predicted(
        self, chunk: Floats, number: int, index: int, photographer: Photographer
    ) -> tuple[PredictedFrame, ...]:
        random = np.random.default_rng([self._seed, number, index, 5])
        poses = play(self._world, chunk, self._settings.shown_steps, self._settings.imperfection, random)
        return tuple(
            PredictedFrame(camera, at_s, image)
            for at_s, pose in poses
            for camera, image in photographer.take(pose).items()
        )


def start(world: World, seed: int) -> int:
    """Put a world into the start that a seed stands for, one from which the clean expert solves the task.

    Returns:
        Steps that the clean expert needs.

    Raises:
        EpisodeImpossible: it solves the task from none of the starts that were drawn.
    """
    for draw in range(_DRAWS):
        scene = int(np.random.default_rng([seed, draw, 72]).integers(2**31))
        world.reset(scene)
        steps = run_clean(world, _CLEAN_LIMIT).steps
        if 5 < steps < _CLEAN_LIMIT:
            return steps
    raise EpisodeImpossible(
        f'The expert does not solve the task "{world.task.name}" from seed {seed}; take another --seed.'
    )


def _stamp_ns(steps: int) -> int:
    return _STARTED_NS + nanoseconds(steps * STEP_S)


@cache
def _photographer(task: str) -> Photographer:
    # Shrinking the pictures, as judges do, smooths their edges already.
    studio = Studio(world_of(task), WIDTH, HEIGHT, samples=0)
    # Left to the end of the interpreter, the graphics library would be gone before its contexts.
    atexit.register(studio.close)
    return Photographer(studio)
