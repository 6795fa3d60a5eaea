"""What the shipped tasks make of an episode that goes well, and of one that does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.monitor_set import MonitorSet
from vlm_judge_ros.tasks.cross_checks import MOTION
from vlm_judge_ros.tasks.task_file import load_task

START_NS = 1_700_000_000_000_000_000
RATE_HZ = 50

Story = Mapping[str, Callable[[float], float]]


class Told:
    """What the monitors of a shipped task find in a story."""

    def __init__(self, name: str, story: Story, length_s: float) -> None:
        self.task = load_task(name).task
        units = {name: signal.unit for name, signal in self.task.signals.items()}
        timeouts_s = {name: signal.timeout_s for name, signal in self.task.signals.items()}
        # Of the others, which look at joints, images, chunks and progress, nothing is told here.
        listening = [monitor for monitor in self.task.monitors if monitor.signals]
        monitors = MonitorSet(listening, EpisodeContext(START_NS, self.task.cameras, units, timeouts_s))
        assert set(story) == set(self.task.signals)
        self.failures: set[tuple[str, FailureMode]] = set()
        self.last: tuple[Finding, ...] = ()
        for step in range(round(length_s * RATE_HZ)):
            time_s = step / RATE_HZ
            now_ns = START_NS + nanoseconds(time_s)
            for name, value in story.items():
                monitors.add_signals(SignalSample(now_ns, {name: value(time_s)}))
            if step % 5:
                continue
            self.last = monitors.findings(now_ns)
            self.failures |= {(found.name, found.mode) for found in self.last if found.effect is Effect.FAILURE}

    @property
    def succeeds(self) -> bool:
        """Whether all evidence that the task declares, and that signals give, is there at the end."""
        effects = {finding.name: finding.effect for finding in self.last}
        return all(effects[name] is Effect.SUCCESS for name in self.task.success.evidence if name not in MOTION)


def way(*points: tuple[float, float]) -> Callable[[float], float]:
    """A value that goes straight from point to point, each a time in s and a value."""

    def value(time_s: float) -> float:
        for (begin_s, before), (end_s, after) in pairwise(points):
            if time_s < end_s:
                return before + (after - before) * max(0.0, time_s - begin_s) / (end_s - begin_s)
        return points[-1][1]

    return value


PICK: Story = {
    "wrist_force": way((0.0, 2.0), (4.0, 2.0), (4.5, 8.0)),
    "finger": way((0.0, 0.0), (4.0, 0.0), (4.5, 0.45), (12.0, 0.45), (12.5, 0.0)),
    "hand_x": way((0.0, 0.3), (4.0, 0.5), (6.0, 0.5), (10.0, 0.45)),
    "hand_y": way((0.0, 0.0), (4.0, 0.2), (6.0, 0.2), (10.0, -0.30)),
    "hand_z": way((0.0, 0.4), (4.0, 0.06), (6.0, 0.5), (10.0, 0.62)),
    "hand_tilt": way((0.0, 3.1)),
}


def test_a_cup_that_is_put_on_the_shelf_is_evidence() -> None:
    told = Told("pick_and_place", PICK, 15.0)
    assert told.failures == set()
    assert told.succeeds


def test_a_cup_that_falls_on_the_way_is_dropped() -> None:
    story = {**PICK, "finger": way((0.0, 0.0), (4.0, 0.0), (4.5, 0.45), (8.0, 0.45), (8.2, 0.8))}
    told = Told("pick_and_place", story, 15.0)
    assert ("cup_dropped", FailureMode.OBJECT_DROPPED) in told.failures
    assert not told.succeeds


def test_a_cup_that_is_let_go_before_the_shelf_is_dropped() -> None:
    story = {**PICK, "finger": way((0.0, 0.0), (4.0, 0.0), (4.5, 0.45), (7.0, 0.45), (7.5, 0.0))}
    told = Told("pick_and_place", story, 15.0)
    assert ("cup_dropped", FailureMode.OBJECT_DROPPED) in told.failures
    assert not told.succeeds


def test_a_hand_that_hits_the_table_collides() -> None:
    told = Told("pick_and_place", {**PICK, "wrist_force": way((0.0, 2.0), (4.0, 2.0), (4.2, 90.0))}, 5.0)
    assert told.failures == {("contact_force", FailureMode.COLLISION)}


DRAWER: Story = {
    "hand_x": way((0.0, 0.3), (4.0, 0.65), (6.0, 0.65), (10.0, 0.35)),
    "pull_force": way((0.0, 0.0), (6.0, 0.0), (6.5, 15.0), (10.0, 15.0), (10.5, 0.0)),
    "wrist_torque": way((0.0, 0.5)),
    "finger": way((0.0, 0.04), (4.5, 0.04), (5.0, 0.008), (12.0, 0.008), (12.5, 0.04)),
    "finger_effort": way((0.0, 0.0), (4.9, 0.0), (5.0, 20.0), (12.0, 20.0), (12.05, 0.0)),
}


def test_a_drawer_that_is_pulled_by_its_handle_is_open() -> None:
    told = Told("open_drawer", DRAWER, 14.0)
    assert told.failures == set()
    assert told.succeeds


def test_a_hand_that_goes_back_without_the_handle_opens_nothing() -> None:
    slips = way((0.0, 0.04), (4.5, 0.04), (5.0, 0.008), (7.0, 0.008), (7.2, 0.0))
    told = Told("open_drawer", {**DRAWER, "finger": slips}, 14.0)
    assert ("handle_slipped", FailureMode.SLIP) in told.failures
    assert not told.succeeds


def test_a_drawer_that_is_locked_is_a_stall() -> None:
    story = {**DRAWER, "hand_x": way((0.0, 0.3), (4.0, 0.65)), "pull_force": way((0.0, 0.0), (6.0, 0.0), (6.5, 60.0))}
    told = Told("open_drawer", story, 14.0)
    assert told.failures == {("drawer_gives_way", FailureMode.STALL)}
    assert not told.succeeds


CLEAR: Story = {
    "left_finger": way((0.0, 0.057), (4.0, 0.057), (4.5, 0.03), (10.0, 0.03), (10.5, 0.057)),
    "right_finger": way((0.0, 0.057), (14.0, 0.057), (14.5, 0.03), (20.0, 0.03), (20.5, 0.057)),
    "left_shoulder_effort": way((0.0, 6.0)),
    "right_shoulder_effort": way((0.0, 6.0)),
    "left_hand_y": way((0.0, 0.3)),
    "right_hand_y": way((0.0, -0.3), (14.0, -0.1)),
    "box_weight": way((0.0, 0.0), (10.5, 0.0), (10.6, 0.35), (20.5, 0.35), (20.6, 0.55)),
}


def test_a_table_is_clear_when_all_of_it_weighs_in_the_box() -> None:
    told = Told("clear_table_bimanual", CLEAR, 24.0)
    assert told.failures == set()
    assert told.succeeds


def test_a_table_is_not_clear_as_long_as_something_is_missing_in_the_box() -> None:
    assert not Told("clear_table_bimanual", {**CLEAR, "box_weight": way((0.0, 0.0), (10.5, 0.3))}, 24.0).succeeds


def test_what_is_taken_out_of_the_box_again_is_undone() -> None:
    weight = way((0.0, 0.0), (10.5, 0.0), (10.6, 0.55), (18.0, 0.55), (18.1, 0.2))
    told = Told("clear_table_bimanual", {**CLEAR, "box_weight": weight}, 24.0)
    assert told.failures == {("stays_in_the_box", FailureMode.UNDONE)}
    assert not told.succeeds


def test_hands_that_come_too_close_collide() -> None:
    told = Told("clear_table_bimanual", {**CLEAR, "right_hand_y": way((0.0, -0.3), (3.0, 0.27))}, 5.0)
    assert told.failures == {("hands_apart", FailureMode.COLLISION)}


def swung(time_s: float, first_s: float, count: int) -> tuple[int, float]:
    """How often a foot has swung, for 0.6 s in each 1.2 s, and how far it is in its swing; 0 where it stands."""
    since_s = time_s - first_s
    if since_s < 0.0 or since_s >= 1.2 * count:
        return (0 if since_s < 0.0 else count), 0.0
    whole, rest_s = divmod(since_s, 1.2)
    return (int(whole), rest_s / 0.6) if rest_s < 0.6 else (int(whole) + 1, 0.0)


def foot_x(first_s: float, count: int = 5) -> Callable[[float], float]:
    def value(time_s: float) -> float:
        done, share = swung(time_s, first_s, count)
        return 0.5 * (done + share * share * (3.0 - 2.0 * share))

    return value


def foot_z(first_s: float, count: int = 5) -> Callable[[float], float]:
    return lambda time_s: 0.08 * math.sin(math.pi * swung(time_s, first_s, count)[1])


def load(first_s: float, count: int = 5) -> Callable[[float], float]:
    return lambda time_s: 0.0 if swung(time_s, first_s, count)[1] > 0.0 else 400.0


WALK: Story = {
    "pelvis_x": way((0.0, 0.0), (2.0, 0.0), (8.0, 2.5)),
    "pelvis_y": way((0.0, 0.0)),
    "pelvis_z": way((0.0, 0.74)),
    "pelvis_tilt": way((0.0, 0.05)),
    "pelvis_yaw": way((0.0, 0.0)),
    "turn_rate": way((0.0, 0.2)),
    "left_x": foot_x(2.0),
    "left_y": way((0.0, 0.1)),
    "left_z": foot_z(2.0),
    "right_x": foot_x(2.6),
    "right_y": way((0.0, -0.1)),
    "right_z": foot_z(2.6),
    "left_load": load(2.0),
    "right_load": load(2.6),
    "knee_effort": way((0.0, 60.0)),
}


def test_a_walk_to_the_line_is_evidence() -> None:
    told = Told("walk_humanoid", WALK, 12.0)
    assert told.failures == set()
    assert told.succeeds


def test_a_robot_that_is_carried_to_the_line_has_not_walked() -> None:
    standing = {name: way((0.0, 0.0)) for name in ("left_z", "right_z")}
    loads = {name: way((0.0, 400.0)) for name in ("left_load", "right_load")}
    feet = dict.fromkeys(("left_x", "right_x"), WALK["pelvis_x"])
    assert not Told("walk_humanoid", {**WALK, **standing, **loads, **feet}, 12.0).succeeds


def test_a_robot_that_falls_at_the_line_has_fallen() -> None:
    falls = {
        "pelvis_z": way((0.0, 0.74), (8.0, 0.74), (8.6, 0.15)),
        "pelvis_tilt": way((0.0, 0.05), (8.0, 0.05), (8.6, 1.5)),
    }
    told = Told("walk_humanoid", {**WALK, **falls}, 12.0)
    assert ("fallen", FailureMode.FALL) in told.failures
    assert not told.succeeds
