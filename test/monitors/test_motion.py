from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.motion import MOST_JOINTS, ImageMotion, JointMotion, MotionLimits

NOW = 1_700_000_000_000_000_000


class NoImage:
    size_bytes = 0
    form = ""

    def rgb(self) -> NDArray[np.uint8]:
        return np.zeros((1, 1, 3), np.uint8)


def joints(*positions: float, names: tuple[str, ...] = ("shoulder", "elbow")) -> JointSample:
    return JointSample(NOW, names[: len(positions)], positions)


def image(camera: str, shown: NDArray[np.uint8]) -> Frame:
    return Frame(camera, NOW, NoImage(), shown)


def test_without_joint_states_the_motion_is_not_known() -> None:
    assert JointMotion().finding(NOW).effect is Effect.BLIND


def test_joints_that_rest_speak_for_nothing_and_joints_that_moved_for_success() -> None:
    motion = JointMotion()
    motion.add(joints(0.0, 1.0))
    assert motion.finding(NOW).effect is Effect.NEUTRAL
    motion.add(joints(0.0, 1.2))
    finding = motion.finding(NOW)
    assert finding.effect is Effect.SUCCESS
    assert finding.value == pytest.approx(0.2)


def test_moving_there_and_back_is_motion() -> None:
    motion = JointMotion()
    for position in (0.0, 0.06, 0.0):
        motion.add(joints(position))
    assert motion.travel == pytest.approx(0.12)


@given(st.lists(st.floats(-0.001, 0.001), min_size=1, max_size=200))
def test_noise_never_adds_up_to_motion(noise: list[float]) -> None:
    motion = JointMotion()
    for value in noise:
        motion.add(joints(0.5 + value))
    assert motion.travel == 0.0


def test_the_travel_is_that_of_the_joint_that_moved_most_and_each_has_its_own() -> None:
    motion = JointMotion()
    motion.add(joints(0.0, 0.0))
    motion.add(joints(0.1, 0.3))
    assert motion.travel == pytest.approx(0.3)
    assert motion.travels == {"shoulder": pytest.approx(0.1), "elbow": pytest.approx(0.3)}


def test_positions_that_are_not_numbers_are_passed_over() -> None:
    motion = JointMotion()
    for position in (math.nan, math.inf, -math.inf):
        motion.add(joints(position))
    assert motion.finding(NOW).effect is Effect.BLIND


def test_endless_new_joint_names_take_bounded_room() -> None:
    motion = JointMotion()
    for index in range(5 * MOST_JOINTS):
        motion.add(joints(0.0, names=(f"joint_{index}",)))
        motion.add(joints(1.0, names=(f"joint_{index}",)))
    assert sum(motion.travels.values()) == pytest.approx(MOST_JOINTS)


def test_a_wrong_stamp_of_a_joint_state_does_not_reach_the_finding() -> None:
    motion = JointMotion()
    for stamp_ns in (0, 10 * NOW):
        motion.add(JointSample(stamp_ns, ("elbow",), (float(stamp_ns > 0),)))
        assert motion.finding(NOW).stamp_ns == NOW


def test_image_motion_asks_every_camera() -> None:
    still = np.full((24, 32), 90, np.uint8)
    changed = still.copy()
    changed[:4, :4] = 200
    motion = ImageMotion(("front", "wrist"))
    assert motion.finding(NOW).effect is Effect.BLIND
    for camera in ("front", "wrist"):
        motion.add(image(camera, still))
    motion.add(image("front", changed))
    assert motion.finding(NOW).effect is Effect.NEUTRAL
    assert "wrist" in motion.finding(NOW).text
    motion.add(image("wrist", changed))
    motion.add(image("wrist", still))
    assert motion.finding(NOW).effect is Effect.SUCCESS


@given(st.integers(0, 2**32 - 1))
def test_image_noise_is_no_motion(seed: int) -> None:
    generator = np.random.default_rng(seed)
    motion = ImageMotion(("front",))
    for _ in range(10):
        motion.add(image("front", generator.integers(84, 96, (24, 32)).astype(np.uint8)))
    assert motion.finding(NOW).effect is Effect.NEUTRAL


@pytest.mark.parametrize("wrong", [{"joint_travel": 0.0}, {"joint_noise": -1.0}, {"image_share": 0.0}])
def test_limits_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(JudgeError, match=next(iter(wrong))):
        MotionLimits(**wrong)  # type: ignore[arg-type]
