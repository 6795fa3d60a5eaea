"""What holds of the whole engine whatever comes in: its verdicts depend on inputs and their stamps alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from scene import SCRIPTED, START_NS, TinyImage, thumbnail

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.monitors.finding import Severity
from vlm_judge_ros.monitors.grasp import Grasp
from vlm_judge_ros.monitors.object_lost import ObjectLost
from vlm_judge_ros.monitors.threshold import Threshold
from vlm_judge_ros.tasks.task import Signal, Success, Task
from vlm_judge_ros.verdict.engine import Engine

SECOND = 1_000_000_000
WRENCH = {"topic": "wrench", "type": "geometry_msgs/msg/WrenchStamped", "field": "wrench.force.z"}
GRIPPER: dict[str, Any] = {"signal": "opening", "open_at": 0.08, "closed_at": 0.0}
DECLARED = Task(
    name="lift",
    instruction="lift the cube",
    signals={"force": Signal(**WRENCH, unit="N"), "opening": Signal(**WRENCH, unit="m", timeout_s=0.7)},
    monitors=(
        Threshold(kind="threshold", name="force_limit", signal="force", max=40.0, severity=Severity.CRITICAL),
        Threshold(kind="threshold", name="force_high", signal="force", max=30.0, severity=Severity.WARNING),
        Grasp(kind="grasp", name="cube_held", **GRIPPER),
        ObjectLost(kind="object_lost", name="cube_lost", **GRIPPER),
    ),
    success=Success(evidence=("cube_held", "joint_motion"), hold_s=0.5),
    failure_modes={FailureMode.SPILL: Severity.WARNING},
)


@dataclass(frozen=True)
class Moment:
    """What comes with one stamp: one message of each kind, or none."""

    images: tuple[int | None, int | None]
    angle: float | None
    force: float | None
    opening: float | None
    chunk_steps: int
    answer: tuple[float, float, float] | None

    def inputs(self, now_ns: int, index: int) -> list[object]:
        came: list[object] = [
            Frame(camera, now_ns, TinyImage(), thumbnail(place / 24))
            for camera, place in zip(("front", "wrist"), self.images, strict=True)
            if place is not None
        ]
        if self.angle is not None:
            came.append(JointSample(now_ns, ("elbow",), (self.angle,)))
        if self.force is not None:
            came.append(SignalSample(now_ns, {"force": self.force}))
        if self.opening is not None:
            came.append(SignalSample(now_ns, {"opening": self.opening}))
        if self.chunk_steps:
            came.append(Chunk(index + 1, now_ns, self.chunk_steps, 0.1))
        return came


places = st.sampled_from([None, 3, 3, 7, 12])
moments = st.builds(
    Moment,
    images=st.tuples(places, places),
    angle=st.sampled_from([None, 0.0, 0.1, 0.3]),
    force=st.sampled_from([None, 10.0, 10.0, 10.0, 35.0, 50.0]),
    opening=st.sampled_from([None, 0.04, 0.04, 0.04, 0.08, 0.0]),
    chunk_steps=st.sampled_from([0, 0, 0, 2, 10]),
    answer=st.sampled_from([None, (0.3, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 1.0, 0.0), (0.5, 0.0, 1.0)]),
)
# Moments are held for a while, or nothing would ever last.
stories = st.lists(st.tuples(moments, st.integers(1, 12)), min_size=1, max_size=8).map(
    lambda held: [moment for moment, count in held for _ in range(count)]
)


def judged(story: list[Moment], start_ns: int = START_NS, random: Random | None = None) -> list[str]:
    """All verdicts and failure events, word for word; inputs of one stamp come in any order where `random` is given."""
    engine, said = Engine(), []
    engine.start_episode("one", "lift the cube", start_ns, DECLARED)
    for index, moment in enumerate(story):
        now_ns = start_ns + (index + 1) * SECOND // 10
        came = moment.inputs(now_ns, index)
        if random is not None:
            random.shuffle(came)
        for item in came:
            give(engine, item, now_ns)
        request = engine.due(now_ns)
        if request is not None and request.evidence is not None:
            if moment.answer is None:
                engine.add_judge_fault(now_ns, "no answer")
            else:
                mode = FailureMode.SPILL if moment.answer[2] else FailureMode.NONE
                engine.add_opinion(Opinion(request.evidence, SCRIPTED, *moment.answer, mode), now_ns)
        verdict, events = engine.check(now_ns), engine.take_failures()
        said.append("\n".join(item.model_dump_json() for item in (verdict, *events)))
    return said


def give(engine: Engine, item: object, now_ns: int) -> None:
    if isinstance(item, Frame):
        engine.add_frame(item, now_ns)
    elif isinstance(item, JointSample):
        engine.add_joint_state(item)
    elif isinstance(item, SignalSample):
        engine.add_signals(item)
    elif isinstance(item, Chunk):
        engine.add_chunk(item)


@settings(max_examples=25, deadline=None)
@given(stories, st.randoms(use_true_random=False))
def test_the_order_of_inputs_of_one_stamp_does_not_matter(story: list[Moment], random: Random) -> None:
    assert judged(story) == judged(story, random=random)


@settings(max_examples=20, deadline=None)
@given(stories)
def test_the_same_inputs_give_the_same_words(story: list[Moment]) -> None:
    assert judged(story) == judged(story)


@settings(max_examples=25, deadline=None)
@given(stories, st.integers(1, 10**9))
def test_only_differences_of_stamps_matter(story: list[Moment], seconds: int) -> None:
    shift_ns = seconds * SECOND + 123_456_789
    shifted = judged(story, START_NS + shift_ns)
    for one, other in zip(judged(story), shifted, strict=True):
        assert without_stamps(one, START_NS) == without_stamps(other, START_NS + shift_ns)


def without_stamps(said: str, start_ns: int) -> str:
    """With every stamp counted from the start."""
    for at_ns in range(0, 200 * SECOND // 10, SECOND // 10):
        said = said.replace(str(start_ns + at_ns), f"+{at_ns}")
    return said


def test_stories_reach_every_state_that_matters() -> None:
    """Else the properties above would hold of nothing."""
    going = Moment((3, 3), 0.0, 10.0, 0.08, 0, (0.3, 0.0, 0.0))
    held = replace(going, images=(7, 7), angle=0.3, opening=0.04, answer=(1.0, 1.0, 0.0))
    story = [going] * 12 + [held] * 30 + [replace(held, force=50.0)] * 10
    states = {said.partition('"state":')[2][0] for said in judged(story)}
    assert states == {"0", "1", "4", "5"}
