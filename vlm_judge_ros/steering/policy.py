"""A policy that asks a judge which of its chunks to execute, for loops like those of LeRobot and openpi."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Judge
from vlm_judge_ros.steering.candidate import Candidate, Floats
from vlm_judge_ros.steering.history import EpisodeHistory, raw_image
from vlm_judge_ros.steering.request import ScoringAnswer, ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.steering.scorer import CandidateScorer
from vlm_judge_ros.verdict.settings import EngineSettings

Observation = TypeVar("Observation", contravariant=True)
Given = TypeVar("Given")

MOST_CANDIDATES = 256


@runtime_checkable
class ChunkPredicting(Protocol[Observation]):
    """A policy as in LeRobot. Each call draws anew."""

    def predict_action_chunk(self, observation: Observation) -> Any:
        """Draw a chunk, an array or tensor of shape (1, H, A)."""

    def reset(self) -> None:
        """Begin an episode."""


@runtime_checkable
class Inferring(Protocol[Observation]):
    """A policy as in openpi. Each call draws anew."""

    def infer(self, observation: Observation) -> Mapping[str, Any]:
        """Draw a chunk, under `actions` an array of shape (H, A)."""


@runtime_checkable
class Scoring(Protocol):
    """Who is asked about candidates: a `CandidateScorer`, or whatever passes the request on to a node."""

    def score(self, request: ScoringRequest, evidence: Evidence) -> ScoringAnswer:
        """Score the candidates, and choose one of them or none."""


class NothingAllowed(JudgeError):
    """No chunk may be executed; hold the robot."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the cameras show in one observation.

    Attributes:
        stamp_ns: when; rises from one observation to the next.
        images: by camera, RGB, shape (height, width, 3).
    """

    stamp_ns: int
    images: Mapping[str, NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class SteeringLoop:
    """How a steered policy runs.

    Attributes:
        step_s: seconds between two actions, > 0.
        execute: actions of a chunk that are executed before the policy looks again; 0 for all.
        deadline_s: seconds to wait for the judge, > 0.
        name: of the policy, for those who read the announced chunks.
    """

    step_s: float
    execute: int = 0
    deadline_s: float = 5.0
    name: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """A chunk that was drawn.

    Attributes:
        answer: of the policy, as it gave it.
        rows: its actions as the policy has them, such as tensors, shape (H, A), or (1, H, A) where `batched`.
        actions: the same as numbers, shape (H, A).
    """

    answer: Any
    rows: Any
    batched: bool
    actions: Floats

    def row(self, index: int) -> Any:
        return self.rows[:, index] if self.batched else self.rows[index]


class SteeredPolicy(Generic[Given]):
    """Draws K chunks from a policy, asks a judge, and acts by the chosen one.

    Where the judge abstains the first drawn chunk that no fast layer forbids is executed: what the policy would have
    done without a judge.

    Args:
        policy: draws chunks; `predict_action_chunk` as in LeRobot, or `infer` as in openpi.
        judge: who chooses: a judge, or something that scores candidates.
        k: chunks that are drawn for each decision, 1 to 256; 1 asks nobody.
        task: the instruction.
        see: from an observation to what the cameras show in it.
        predict: from an observation and a chunk, shape (H, A), to a candidate that shows what would come of it: by a
            world model, a simulator, or the path of the end effector.
        loop: how it runs.
        announce: is given each chunk that is about to be executed; publish it on the topic `chunk`.
        settings: which cameras there are, and which of their frames a judge is shown.

    Raises:
        JudgeError: an argument is out of range, or the policy is of neither kind.
    """

    def __init__(
        self,
        policy: ChunkPredicting[Given] | Inferring[Given],
        judge: Judge | Scoring,
        k: int,
        *,
        task: str,
        see: Callable[[Given], Seen],
        predict: Callable[[Given, Floats], Candidate],
        loop: SteeringLoop,
        announce: Callable[[Chunk], None] | None = None,
        settings: EngineSettings | None = None,
    ) -> None:
        if not 1 <= k <= MOST_CANDIDATES:
            raise JudgeError(f"k is {k}; draw 1 to {MOST_CANDIDATES} chunks for each decision.")
        if loop.execute < 0:
            raise JudgeError(f"execute is {loop.execute}; give a number of actions, or 0 for all.")
        if not isinstance(policy, ChunkPredicting | Inferring):
            raise JudgeError(
                f"The policy {type(policy).__name__} has neither predict_action_chunk and reset (as in LeRobot) nor "
                "infer (as in openpi); wrap it in a class that has."
            )
        self._policy = policy
        self._judge: Scoring = judge if isinstance(judge, Scoring) else CandidateScorer(judge)
        self._k = k
        self._task = task
        self._see = see
        self._predict = predict
        self._loop = loop
        self._announce = announce
        self._settings = settings or EngineSettings()
        self._episode = 0
        self._chunk_id = 0
        self._history: EpisodeHistory | None = None
        self._waiting: deque[Any] = deque()
        self.last_answer: ScoringAnswer | None = None

    def reset(self, task: str = "") -> None:
        """Begin an episode with no evidence.

        Args:
            task: the instruction from now on; empty for the same as before.
        """
        self._task = task or self._task
        self._chunk_id = 0
        self._history = None
        self._waiting.clear()
        self.last_answer = None
        if isinstance(self._policy, ChunkPredicting):
            self._policy.reset()

    def observe(self, observation: Given) -> Seen:
        """Take an observation as evidence; `select_action` and `infer` do it themselves.

        A loop that calls `infer` once a chunk shows the judge more by calling this in between.

        Raises:
            JudgeError: its stamp does not rise, or it lacks a camera.
        """
        seen = self._see(observation)
        if self._history is None:
            self._episode += 1
            self._history = EpisodeHistory(f"episode-{self._episode}", self._task, seen.stamp_ns, self._settings)
        for camera in self._settings.camera_names:
            if camera not in seen.images:
                raise JudgeError(f"The observation shows no camera {camera!r}; the judge is shown its frames.")
            self._history.add(camera, seen.stamp_ns, raw_image(seen.images[camera]))
        return seen

    def select_action(self, observation: Given) -> Any:
        """The next action, as LeRobot's policies give it: a row of the chosen chunk, of the policy's own kind.

        Raises:
            NothingAllowed: no chunk may be executed.
            JudgeError: the observation or a prediction cannot be used.
        """
        seen = self.observe(observation)
        if not self._waiting:
            chosen = self._decide(observation, seen)
            self._waiting.extend(chosen.row(index) for index in range(self._executed(chosen)))
        return self._waiting.popleft()

    def infer(self, observation: Given) -> Mapping[str, Any]:
        """The chosen chunk, as openpi's policies give it: what the policy answered when it drew that one.

        Raises:
            NothingAllowed: no chunk may be executed.
            JudgeError: the observation or a prediction cannot be used.
        """
        chosen = self._decide(observation, self.observe(observation))
        return chosen.answer if isinstance(chosen.answer, Mapping) else {"actions": chosen.actions}

    def _decide(self, observation: Given, seen: Seen) -> _Drawn:
        drawn = [self._draw(observation) for _ in range(self._k)]
        self._chunk_id += 1
        self.last_answer = self._asked(observation, seen, drawn)
        chosen = drawn[0 if self.last_answer is None else allowed_index(self.last_answer)]
        if self._announce is not None:
            self._announce(self._chunk(seen, chosen, [one for one in drawn if one is not chosen]))
        return chosen

    def _asked(self, observation: Given, seen: Seen, drawn: list[_Drawn]) -> ScoringAnswer | None:
        """What the judge says; None where there is nothing to choose from."""
        first = drawn[0].actions
        if all(np.array_equal(one.actions, first) for one in drawn[1:]):
            return None
        assert self._history is not None, "the observation has been taken"
        candidates = tuple(self._predict(observation, one.actions) for one in drawn)
        request = ScoringRequest(candidates, seen.stamp_ns, self._loop.deadline_s)
        return self._judge.score(request, self._history.evidence(self._chunk_id))

    def _draw(self, observation: Given) -> _Drawn:
        if isinstance(self._policy, ChunkPredicting):
            answer = self._policy.predict_action_chunk(observation)
            rows = answer
        else:
            answer = self._policy.infer(observation)
            if "actions" not in answer:
                raise JudgeError("The policy's answer has no `actions`; infer has to give them under that name.")
            rows = answer["actions"]
        actions = numbers(rows)
        batched = actions.ndim == 3
        if batched and actions.shape[0] == 1:
            actions = actions[0]
        if actions.ndim != 2 or not actions.size:
            raise JudgeError(f"The policy drew a chunk of shape {actions.shape}; steering takes (H, A) or (1, H, A).")
        return _Drawn(answer, rows, batched, actions)

    def _executed(self, chosen: _Drawn) -> int:
        return min(self._loop.execute or len(chosen.actions), len(chosen.actions))

    def _chunk(self, seen: Seen, chosen: _Drawn, others: list[_Drawn]) -> Chunk:
        count = self._executed(chosen)
        alike = [one.actions[:count] for one in others if one.actions.shape == chosen.actions.shape]
        return Chunk(
            id=self._chunk_id,
            stamp_ns=seen.stamp_ns,
            horizon=count,
            step_s=self._loop.step_s,
            policy=self._loop.name,
            actions=chosen.actions[:count],
            samples=np.stack(alike) if alike else np.empty((0, 0, 0)),
        )


def allowed_index(answer: ScoringAnswer) -> int:
    """Which chunk to execute: the chosen one, else the first that no fast layer forbids.

    Raises:
        NothingAllowed: the robot is not to go on, or every chunk is forbidden.
    """
    if answer.stopped:
        raise NothingAllowed(
            "The robot is not to go on, so no chunk is executed; see what stopped it, then begin again."
        )
    if answer.choice.index is not None:
        return answer.choice.index
    for candidate in answer.candidates:
        if candidate.state is not CandidateState.VETOED:
            return candidate.index
    raise NothingAllowed(f"Each of {len(answer.candidates)} chunks is forbidden: {answer.candidates[0].reason}")


def numbers(values: Any) -> Floats:
    """An array or tensor as numbers, wherever it lies."""
    for method in ("detach", "cpu"):
        values = getattr(values, method)() if hasattr(values, method) else values
    return np.asarray(values, dtype=np.float64)
