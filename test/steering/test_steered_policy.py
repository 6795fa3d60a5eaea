"""A policy that asks before it acts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.evidence import Evidence
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.steering.candidate import Candidate, Floats, PredictedFrame
from vlm_judge_ros.steering.choice import Choice
from vlm_judge_ros.steering.history import raw_image
from vlm_judge_ros.steering.policy import NothingAllowed, Seen, SteeredPolicy, SteeringLoop
from vlm_judge_ros.steering.questions import SteeringSettings
from vlm_judge_ros.steering.request import CandidateAnswer, ScoringAnswer, ScoringRequest
from vlm_judge_ros.steering.scored import CandidateState
from vlm_judge_ros.steering.scorer import CandidateScorer
from vlm_judge_ros.steering.selection import SelectionRules
from vlm_judge_ros.verdict.settings import CameraSettings, EngineSettings

SETTINGS = EngineSettings(cameras=(CameraSettings("front"),))
HORIZON = 3


class BrightnessJudge:
    """Takes the brightness of the newest picture for the progress, and remembers what it was shown."""

    provenance = JudgeProvenance("brightness", "", "cpu", "direct")

    def __init__(self) -> None:
        self.shown: list[Evidence] = []

    def ask(self, evidence: Evidence) -> Opinion:
        self.shown.append(evidence)
        newest = evidence.keyframes["front"][-1].frame.image.rgb()
        return Opinion(evidence, self.provenance, progress=float(newest.mean()) / 255.0)


class Drawing:
    """Draws chunks of one number each: those that it is made with, one after another."""

    def __init__(self, values: list[float]) -> None:
        self._values = iter(values)
        self.resets = 0

    def chunk(self) -> Floats:
        return np.full((HORIZON, 2), next(self._values))


class LikeLeRobot(Drawing):
    def predict_action_chunk(self, observation: int) -> Any:
        return self.chunk()[np.newaxis]

    def reset(self) -> None:
        self.resets += 1


class LikeOpenpi(Drawing):
    def infer(self, observation: int) -> dict[str, Any]:
        actions = self.chunk()
        return {"actions": actions, "drawn": float(actions[0, 0])}


def grey(value: float) -> NDArray[np.uint8]:
    return np.full((24, 32, 3), round(255 * value), dtype=np.uint8)


def see(step: int) -> Seen:
    return Seen(1_000_000_000 + step * 100_000_000, {"front": grey(0.0)})


def predict(step: int, chunk: Floats) -> Candidate:
    return Candidate(chunk, (PredictedFrame("front", 0.3, raw_image(grey(float(chunk[0, 0])))),))


def steered(policy: Any, k: int = 3, judge: Any = None, **more: Any) -> SteeredPolicy[int]:
    loop = more.pop("loop", SteeringLoop(step_s=0.1, name="drawing"))
    arguments: dict[str, Any] = {"see": see, "predict": predict, "settings": SETTINGS, **more}
    return SteeredPolicy(policy, judge or BrightnessJudge(), k, task="brighten it", loop=loop, **arguments)


def test_actions_are_those_of_the_chunk_that_the_judge_prefers_in_the_form_of_the_policy() -> None:
    policy = steered(LikeLeRobot([0.2, 0.9, 0.5, 0.7, 0.1, 0.3]))
    actions = [policy.select_action(step) for step in range(2 * HORIZON)]
    assert [float(action[0, 0]) for action in actions] == [0.9] * HORIZON + [0.7] * HORIZON
    assert actions[0].shape == (1, 2)


def test_the_answer_of_the_policy_that_drew_the_chosen_chunk_comes_back_whole() -> None:
    assert steered(LikeOpenpi([0.2, 0.9, 0.5])).infer(0)["drawn"] == 0.9


def test_where_the_judge_abstains_the_policy_does_what_it_would_have_done() -> None:
    cautious = SteeringSettings(rules=SelectionRules(margin=0.005))
    policy = steered(LikeOpenpi([0.500, 0.504, 0.502]), judge=CandidateScorer(BrightnessJudge(), cautious))
    assert policy.infer(0)["drawn"] == 0.500
    assert policy.last_answer is not None and policy.last_answer.choice.abstained


def test_nobody_is_asked_about_one_chunk_or_about_equal_ones() -> None:
    judge = BrightnessJudge()
    assert steered(LikeOpenpi([0.4]), 1, judge).infer(0)["drawn"] == 0.4
    assert steered(LikeOpenpi([0.4] * 3), 3, judge).infer(0)["drawn"] == 0.4
    assert not judge.shown


def test_each_executed_chunk_is_announced_with_those_that_were_drawn_beside_it() -> None:
    announced: list[Chunk] = []
    loop = SteeringLoop(step_s=0.1, execute=2, name="drawing")
    policy = steered(LikeLeRobot([0.2, 0.9, 0.5, 0.7, 0.1, 0.3]), announce=announced.append, loop=loop)
    for step in range(4):
        policy.select_action(step)
    assert [(chunk.id, chunk.stamp_ns, chunk.horizon, chunk.policy) for chunk in announced] == [
        (1, 1_000_000_000, 2, "drawing"),
        (2, 1_200_000_000, 2, "drawing"),
    ]
    assert announced[0].actions[0, 0] == 0.9
    assert sorted(announced[0].samples[:, 0, 0]) == [0.2, 0.5]


def test_the_judge_sees_what_happened_before_what_is_predicted() -> None:
    judge = BrightnessJudge()
    policy = steered(LikeLeRobot([0.2, 0.9, 0.5, 0.7, 0.1, 0.3]), judge=judge)
    for step in range(HORIZON + 1):
        policy.select_action(step)
    stamps = [key.frame.stamp_ns for key in judge.shown[-1].keyframes["front"]]
    assert stamps == [1_000_000_000, 1_100_000_000, 1_200_000_000, 1_300_000_000, 1_600_000_000]


def test_a_new_episode_begins_without_what_was_seen_in_the_last_one() -> None:
    judge, inner = BrightnessJudge(), LikeLeRobot([0.2, 0.9, 0.7, 0.1])
    policy = steered(inner, 2, judge)
    policy.select_action(5)
    policy.reset("darken it")
    policy.select_action(0)  # a clock that begins anew is no fault now
    assert inner.resets == 1
    assert judge.shown[-1].task == "darken it"
    assert judge.shown[-1].started_ns == 1_000_000_000
    assert judge.shown[-1].episode_id != judge.shown[0].episode_id


def test_an_observation_out_of_order_and_one_without_a_camera_are_refused_in_a_sentence() -> None:
    policy = steered(LikeLeRobot([0.2, 0.9, 0.5] * 2))
    policy.select_action(3)
    with pytest.raises(JudgeError, match="order in which they were taken"):
        policy.select_action(2)
    with pytest.raises(JudgeError, match="camera 'front'"):
        steered(LikeLeRobot([0.2]), see=lambda step: Seen(1, {})).select_action(0)


@pytest.mark.parametrize(
    ("policy", "k", "reason"),
    [(object(), 2, "neither"), (LikeOpenpi([]), 0, "k is 0"), (LikeOpenpi([]), 1000, "k is 1000")],
)
def test_a_policy_of_neither_kind_and_a_strange_k_are_refused(policy: Any, k: int, reason: str) -> None:
    with pytest.raises(JudgeError, match=reason):
        steered(policy, k)


def test_a_chunk_of_another_shape_is_refused_in_a_sentence() -> None:
    class Flat:
        def infer(self, observation: int) -> dict[str, Any]:
            return {"actions": np.zeros(4)}

    class Unnamed:
        def infer(self, observation: int) -> dict[str, Any]:
            return {"action": np.zeros((4, 2))}

    with pytest.raises(JudgeError, match=r"shape \(4,\)"):
        steered(Flat()).infer(0)
    with pytest.raises(JudgeError, match="no `actions`"):
        steered(Unnamed()).infer(0)


class Answering:
    """Answers as a node does, with the states that it is made with."""

    def __init__(self, *states: CandidateState, stopped: bool = False) -> None:
        self._states, self._stopped = states, stopped

    def score(self, request: ScoringRequest, evidence: Evidence) -> ScoringAnswer:
        answers = tuple(
            CandidateAnswer(index, state, float("nan"), float("nan"), "It is too fast.")
            for index, state in enumerate(self._states)
        )
        return ScoringAnswer(answers, Choice(None, "Nobody."), BrightnessJudge.provenance, stopped=self._stopped)


def test_a_chunk_that_a_fast_layer_forbids_is_not_executed_where_nobody_is_chosen() -> None:
    answering = Answering(CandidateState.VETOED, CandidateState.NOT_SCORED, CandidateState.NOT_SCORED)
    assert steered(LikeOpenpi([0.2, 0.9, 0.5]), 3, answering).infer(0)["drawn"] == 0.9


def test_nothing_is_executed_or_announced_after_a_stop_or_where_all_is_forbidden() -> None:
    announced: list[Chunk] = []
    stopping = Answering(CandidateState.NOT_SCORED, CandidateState.NOT_SCORED, stopped=True)
    with pytest.raises(NothingAllowed, match="not to go on"):
        steered(LikeOpenpi([0.2, 0.9]), 2, stopping, announce=announced.append).infer(0)
    forbidding = Answering(CandidateState.VETOED, CandidateState.VETOED)
    with pytest.raises(NothingAllowed, match="It is too fast"):
        steered(LikeLeRobot([0.2, 0.9]), 2, forbidding, announce=announced.append).select_action(0)
    assert not announced
