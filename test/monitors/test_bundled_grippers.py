"""The simulated gripper of the bundled episodes: joint r_close is 0 m open, and 0.04 m closed on nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.grasp import Grasp
from vlm_judge_ros.monitors.grasp_missed import GraspMissed
from vlm_judge_ros.monitors.monitor import EpisodeContext, MonitorSpec
from vlm_judge_ros.monitors.object_lost import ObjectLost
from vlm_judge_ros.monitors.released_at_goal import ReleasedAtGoal
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episode, bundled_episodes
from vlm_judge_ros.replay.events import events
from vlm_judge_ros.replay.topics import find_topics

GRIPPER = {"signal": "gripper", "open_at": 0.0, "closed_at": 0.04}
SPECS: tuple[MonitorSpec, ...] = (
    Grasp.model_validate({"kind": "grasp", "name": "grasp", **GRIPPER}),
    GraspMissed.model_validate({"kind": "grasp_missed", "name": "missed", **GRIPPER}),
    # What these tasks carry they never let go of.
    ObjectLost.model_validate({"kind": "object_lost", "name": "lost", "release": "never", **GRIPPER}),
    ReleasedAtGoal.model_validate({"kind": "released_at_goal", "name": "released", **GRIPPER}),
)


@dataclass
class Heard:
    """When, in seconds from the start of the episode, each monitor spoke for success or failure."""

    end_s: float = 0.0
    spoke: dict[str, list[float]] = field(default_factory=lambda: {spec.name: [] for spec in SPECS})

    def span(self, name: str) -> tuple[float, float] | None:
        """First and last second; None for never."""
        return (self.spoke[name][0], self.spoke[name][-1]) if self.spoke[name] else None


def play(name: str) -> Heard:
    with Bag(bundled_episode(name)) as bag:
        joints = [
            event.content for event in events(bag, find_topics(bag.topics)) if isinstance(event.content, JointSample)
        ]
    started_ns = joints[0].stamp_ns
    monitors = [(spec, spec.make(EpisodeContext(started_ns, (), {"gripper": "m"}))) for spec in SPECS]
    heard = Heard()
    for sample in joints:
        heard.end_s = (sample.stamp_ns - started_ns) * 1e-9
        reading = sample.positions[sample.names.index("r_close")]
        for spec, monitor in monitors:
            monitor.add_signals(SignalSample(sample.stamp_ns, {"gripper": reading}))
            (finding,) = monitor.findings(sample.stamp_ns)
            assert finding.effect is not Effect.BLIND
            if finding.effect is not Effect.NEUTRAL:
                heard.spoke[spec.name].append(heard.end_s)
    return heard


@pytest.mark.parametrize("name", ["pick-place_none_900006", "push_wrong_place_900008"])
def test_what_is_held_to_the_end_is_a_grasp_and_nothing_else(name: str) -> None:
    heard = play(name)
    first, last = heard.span("grasp") or (0.0, 0.0)
    assert 4.6 < first < 6.0
    assert last == heard.end_s
    assert len(heard.spoke["grasp"]) == round((last - first) * 10) + 1
    assert [heard.span(other) for other in ("missed", "lost", "released")] == [None, None, None]


def test_a_drop_in_transport_is_found_while_the_gripper_still_opens_and_is_no_missed_grasp() -> None:
    heard = play("pick-place_drop_900008")
    first, last = heard.span("grasp") or (0.0, 0.0)
    assert 4.6 < first < 5.7
    # The gripper begins to open at 5.7 s and needs 1.1 s to open fully.
    lost, end = heard.span("lost") or (0.0, 0.0)
    assert last < lost < 6.35
    assert end == heard.end_s
    assert heard.span("missed") is None


def test_a_missed_grasp_is_found_and_nothing_was_held_or_lost() -> None:
    heard = play("push_grasp_missed_900004")
    missed, end = heard.span("missed") or (0.0, 0.0)
    # At its end stop at 5.0 s; a failure where it still is a second later.
    assert 5.9 < missed < 6.3
    assert end == heard.end_s
    assert [heard.span(other) for other in ("grasp", "lost", "released")] == [None, None, None]


def test_no_other_episode_holds_or_loses_anything() -> None:
    for name in bundled_episodes():
        if name.split("_")[0] not in ("pick-place", "push"):
            heard = play(name)
            assert [heard.span(other) for other in ("grasp", "lost", "released")] == [None, None, None], name
