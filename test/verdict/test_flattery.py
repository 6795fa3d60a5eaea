"""A judge that says 100 of 100, on every bundled episode, read from its bag as a replay reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.judges.opinion import JudgeProvenance, Opinion
from vlm_judge_ros.monitors.finding import Layer
from vlm_judge_ros.monitors.grasp import Grasp
from vlm_judge_ros.monitors.object_lost import ObjectLost
from vlm_judge_ros.monitors.place import Place
from vlm_judge_ros.monitors.released_at_goal import ReleasedAtGoal
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode, bundled_episodes
from vlm_judge_ros.replay.events import events
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.tasks.task import Signal, Success, Task
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.verdict import State, Verdict

FLATTERER = JudgeProvenance("flatterer", "0" * 16, "cpu", "scripted")
JOINTS = "sensor_msgs/msg/JointState"
FAILURES = {
    "door-open_undone_900006",
    "drawer-close_stall_900005",
    "pick-place_drop_900008",
    "plate-slide_early_stop_900005",
    "push_grasp_missed_900004",
    "push_wrong_place_900008",
}

FINGER = Signal(topic="/joint_states", type=JOINTS, field="position[r_close]", unit="m")
"""How far one finger has closed: 0 open, 0.04 with nothing between the fingers."""

GRIPPER: dict[str, Any] = {"signal": "finger", "open_at": 0.0, "closed_at": 0.04}


@dataclass(frozen=True)
class Recorded:
    """What a bag holds, in order of time."""

    name: str
    task: str
    started_ns: int
    events: tuple[tuple[int, Frame | JointSample | Chunk], ...]


@cache
def recorded(name: str) -> Recorded:
    with Bag(bundled_episode(name)) as bag:
        recording = Recording.read(bag)
        content = tuple((event.time_ns, event.content) for event in events(bag, recording.topics))
    wanted = tuple((at, item) for at, item in content if isinstance(item, Frame | JointSample | Chunk))
    return Recorded(recording.name, recording.task, recording.started_ns, wanted)


def finger(content: object) -> float:
    return content.positions[content.names.index("r_close")] if isinstance(content, JointSample) else 0.0


def judged(name: str, *, honest_s: float = 0.0, offline: bool = False, declared: Task | None = None) -> list[Verdict]:
    """Verdicts on an episode; the judge flatters from `honest_s` on, and says "not complete" before."""
    bag, engine, verdicts = recorded(name), Engine(), []
    engine.start_episode(bag.name, bag.task, bag.started_ns, declared)
    for now_ns, content in bag.events:
        if isinstance(content, Frame):
            engine.add_frame(content, now_ns)
        elif isinstance(content, JointSample):
            engine.add_joint_state(content)
            engine.add_signals(SignalSample(content.stamp_ns, {"finger": finger(content)}))
        else:
            engine.add_chunk(content)
        request = engine.due(now_ns)
        if request is not None and request.evidence is not None:
            complete = 1.0 if request.evidence.elapsed_s >= honest_s else 0.0
            opinion = Opinion(request.evidence, FLATTERER, complete, complete, 0.0)
            verdicts.append(
                engine.add_judge_fault(now_ns, "It is offline.") if offline else engine.add_opinion(opinion, now_ns)
            )
        verdicts.append(engine.check(now_ns))
    return verdicts


def test_all_bundled_failures_are_here() -> None:
    assert {name for name in bundled_episodes() if name.split("_")[1] not in ("none", "pause")} == FAILURES


@pytest.mark.parametrize("name", bundled_episodes())
def test_a_judge_that_says_complete_for_ever_never_gets_success(name: str) -> None:
    verdicts = judged(name)
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}
    assert "since its first answer" in verdicts[-1].reason


@pytest.mark.parametrize("name", bundled_episodes())
def test_a_judge_that_is_offline_never_gets_success(name: str) -> None:
    assert {verdict.state for verdict in judged(name, offline=True)} == {State.UNKNOWN}


@pytest.mark.parametrize("name", sorted(FAILURES))
def test_a_judge_that_begins_to_flatter_later_gets_success_for_motion_alone(name: str) -> None:
    """What remains possible where no evidence is declared; docs/architecture.md says so."""
    assert judged(name, honest_s=2.5)[-1].state is State.SUCCEEDED


HOLDING = Task(
    name="pick_place",
    instruction="pick up the puck and hold it at the blue target",
    signals={"finger": FINGER},
    monitors=(
        Grasp(kind="grasp", name="puck_held", **GRIPPER),
        ObjectLost(kind="object_lost", name="puck_lost", release="never", **GRIPPER),
    ),
    success=Success(evidence=("puck_held", "joint_motion"), hold_s=2.0),
)
"""What joint states can prove of a pick and place: that something was held for two seconds, and not lost since."""

PLACED = Task(
    name="push",
    instruction="drag the puck to the marked point on the table",
    signals={
        "finger": FINGER,
        "puck_x": Signal(topic="/puck/pose", type="geometry_msgs/msg/PoseStamped", field="pose.position.x", unit="m"),
    },
    monitors=(
        Grasp(kind="grasp", name="puck_held", **GRIPPER),
        ReleasedAtGoal(
            kind="released_at_goal",
            name="puck_at_mark",
            place=Place(signals=("puck_x",), goal_m=(0.1,), radius_m=0.05),
            **GRIPPER,
        ),
    ),
    success=Success(evidence=("puck_at_mark",)),
)
"""What the others need is the place of the object; no topic of these bags tells it."""


def declared_for(name: str) -> Task:
    return HOLDING if name.startswith("pick-place") else PLACED


@pytest.mark.parametrize("honest_s", [0.0, 2.5, 5.0])
@pytest.mark.parametrize("name", sorted(FAILURES))
def test_with_declared_evidence_no_flattery_gets_success_on_a_failure(name: str, honest_s: float) -> None:
    verdicts = judged(name, honest_s=honest_s, declared=declared_for(name))
    assert State.SUCCEEDED not in {verdict.state for verdict in verdicts}


def test_a_dropped_puck_is_a_failure_whatever_the_judge_says() -> None:
    last = judged("pick-place_drop_900008", declared=HOLDING)[-1]
    assert (last.state, last.failure_mode) == (State.FAILED, FailureMode.OBJECT_DROPPED)


def test_with_declared_evidence_success_is_granted_when_it_is_there_and_not_before() -> None:
    """Even to a judge that has said complete since its first answer: the hand has held the puck for two seconds."""
    bag, verdicts = recorded("pick-place_none_900006"), judged("pick-place_none_900006", declared=HOLDING)
    assert verdicts[-1].state is State.SUCCEEDED
    first = next(verdict for verdict in verdicts if verdict.state is State.SUCCEEDED)
    grasped_s = next((at - bag.started_ns) * 1e-9 for at, item in bag.events if finger(item) > 0.02)
    assert first.elapsed_s >= grasped_s + 2.0


def test_evidence_that_nothing_measures_leaves_the_verdict_unknown_and_is_named() -> None:
    last = judged("push_wrong_place_900008", declared=PLACED)[-1]
    assert last.state is State.UNKNOWN
    assert "puck_x" in last.reason
    assert Layer.HEALTH in last.missing_layers
