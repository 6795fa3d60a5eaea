from __future__ import annotations

from typing import Any

import pytest
from gaits import Gait, carry, fall, hop, march, shuffle, standing, walk
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from recording import Recording
from test_step import CONTACTS, FEET, START_NS, YAW, no_steps, recordings

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.fall import Fall
from vlm_judge_ros.monitors.finding import Effect, Finding
from vlm_judge_ros.monitors.kinds import AnyMonitor
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec
from vlm_judge_ros.monitors.walking import Walking

DOWN = {"kind": "fall", "name": "fall", "pelvis_height": "pelvis_z", "height_m": 0.5}


def walking(**fields: Any) -> Monitor:
    spec = Walking.model_validate({"kind": "walking", "name": "walk", **FEET, **YAW, **fields})
    return spec.make(EpisodeContext(START_NS))


def told(monitor: Monitor, gait: Gait, recording: Recording | None = None) -> list[Finding]:
    """What is found ten times a second, and at the end."""
    found: list[Finding] = []
    next_s = 0.0
    for time_s, signals in (recording or Recording()).messages(gait):
        monitor.add_signals(SignalSample(START_NS + nanoseconds(time_s), signals))
        if time_s >= next_s:
            next_s = time_s + 0.1
            found.extend(monitor.findings(START_NS + nanoseconds(time_s)))
    found.extend(monitor.findings(START_NS + nanoseconds(gait.duration_s)))
    return found


@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(steps=st.integers(4, 10), riser_m=st.sampled_from((-0.17, 0.0, 0.17)), recording=recordings)
def test_a_walk_of_enough_steps_and_seconds_is_walking(steps: int, riser_m: float, recording: Recording) -> None:
    found = told(walking(), walk(steps, riser_m=riser_m).stand(5.0), recording)
    assert found[-1].effect is Effect.SUCCESS
    assert found[-1].value == steps
    first = next(finding for finding in found if finding.effect is Effect.SUCCESS)
    assert (first.stamp_ns - START_NS) * 1e-9 >= 5.6 - 0.1
    assert first.onset_ns is not None


def test_too_few_steps_or_seconds_are_no_walking() -> None:
    assert told(walking(), walk(3).stand(6.0))[-1].effect is Effect.NEUTRAL
    assert told(walking(), walk(4))[-1].effect is Effect.NEUTRAL
    assert told(walking(duration_s=2.0), walk(4))[-1].effect is Effect.SUCCESS


def test_steps_with_long_pauses_between_are_no_walking() -> None:
    gait = walk(2).stand(4.0)
    assert told(walking(), walk(2, gait=gait).stand(4.0))[-1].effect is Effect.NEUTRAL
    assert told(walking(pause_s=10.0), walk(2, gait=walk(2).stand(4.0)).stand(4.0))[-1].effect is Effect.SUCCESS


@settings(max_examples=60, phases=(Phase.explicit, Phase.generate))
@given(gait=no_steps, recording=recordings)
def test_what_is_no_walk_never_satisfies_walking(gait: Gait, recording: Recording) -> None:
    found = told(walking(duration_s=0.0, pause_s=600.0), gait, recording)
    assert Effect.SUCCESS not in {finding.effect for finding in found}


@pytest.mark.parametrize("gait", [march(40), hop(30), hop(30, swinging=True), shuffle(40), carry(), standing(30.0)])
def test_going_on_for_long_makes_it_no_walking(gait: Gait) -> None:
    assert {finding.effect for finding in told(walking(), gait)[5:]} == {Effect.NEUTRAL}


@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(steps=st.integers(2, 6), thrown=st.sampled_from((None, 0, 1)), recording=recordings)
def test_a_robot_that_falls_has_not_walked(steps: int, thrown: int | None, recording: Recording) -> None:
    gait = fall(walk(steps), thrown=thrown).stand(3.0)
    assert told(walking(), gait, recording)[-1].effect is Effect.NEUTRAL
    after = told(walking(duration_s=1.0), gait, recording)
    assert after[-1].effect is Effect.NEUTRAL


def test_walking_is_never_believed_from_old_signals() -> None:
    monitor, gait = walking(), walk(6).stand(5.0)
    assert monitor.findings(START_NS)[0].effect is Effect.BLIND
    assert told(monitor, gait)[-1].effect is Effect.SUCCESS
    end_ns = START_NS + nanoseconds(gait.duration_s)
    assert monitor.findings(end_ns + nanoseconds(0.6))[0].effect is Effect.BLIND


def test_a_walk_that_nobody_saw_for_a_while_begins_anew() -> None:
    gait = walk(6).stand(5.0)
    for gap_s, effect in ((0.3, Effect.SUCCESS), (1.0, Effect.NEUTRAL)):
        monitor = walking()
        for time_s, signals in Recording().messages(gait):
            if not 4.6 < time_s < 4.6 + gap_s:
                monitor.add_signals(SignalSample(START_NS + nanoseconds(time_s), signals))
        assert monitor.findings(START_NS + nanoseconds(gait.duration_s))[0].effect is effect


@settings(max_examples=60, phases=(Phase.explicit, Phase.generate))
@given(
    messages=st.lists(
        st.tuples(
            st.integers(-2_000_000_000, 2_000_000_000),
            st.sampled_from(("left_x", "left_z", "right_y", "right_z", "pelvis_z", "yaw", "right_force")),
            st.floats(allow_nan=True, allow_infinity=True),
        ),
        max_size=40,
    ),
    contacts=st.booleans(),
)
def test_no_stamp_and_no_number_does_harm(messages: list[tuple[int, str, float]], contacts: bool) -> None:
    fields = {**FEET, **(CONTACTS if contacts else {})}
    kinds = (
        {"kind": "walking", **YAW},
        {"kind": "airborne"},
        {"kind": "gait_balance"},
        {**DOWN, "feet_height": ["left_z"]},
    )
    adapter = TypeAdapter[MonitorSpec](AnyMonitor)
    gait = walk(2, pause_s=0.3)
    for kind in kinds:
        spec = adapter.validate_python({"name": "legs", **(fields if kind["kind"] != "fall" else {}), **kind})
        monitor = spec.make(EpisodeContext(START_NS))
        told(monitor, gait, Recording(50.0))
        end_ns = START_NS + nanoseconds(gait.duration_s)
        for offset_ns, name, value in messages:
            monitor.add_signals(SignalSample(end_ns + offset_ns, {name: value}))
            for finding in monitor.findings(end_ns):
                assert finding.text


def test_walking_needs_the_height_of_the_pelvis_and_one_way_to_tell_ahead() -> None:
    with pytest.raises(ValidationError, match="pelvis_height"):
        walking(pelvis_height=None)
    with pytest.raises(ValidationError, match="one of yaw, heading_rad and pelvis"):
        walking(heading_rad=0.0)


@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(steps=st.integers(2, 6), riser_m=st.sampled_from((-0.17, 0.0, 0.17)), recording=recordings)
def test_a_fall_is_found_and_walking_on_stairs_is_none(steps: int, riser_m: float, recording: Recording) -> None:
    spec = Fall.model_validate({**DOWN, "feet_height": ("left_z", "right_z")})
    upright = walk(steps, riser_m=riser_m)
    assert {finding.effect for finding in told(spec.make(EpisodeContext(START_NS)), upright, recording)[5:]} == {
        Effect.NEUTRAL
    }
    down = told(spec.make(EpisodeContext(START_NS)), fall(walk(steps, riser_m=riser_m)), recording)[-1]
    assert (down.effect, down.mode) == (Effect.FAILURE, FailureMode.FALL)
    assert down.onset_ns is not None
    assert upright.duration_s < (down.onset_ns - START_NS) * 1e-9 < upright.duration_s + 0.7


def test_a_body_that_leans_too_far_has_fallen_and_raises_the_alarm_after_a_moment() -> None:
    spec = Fall.model_validate({"kind": "fall", "name": "fall", "tilt": "tilt", "tilt_rad": 0.8})
    monitor = spec.make(EpisodeContext(START_NS))
    for number, tilt in enumerate((0.1, -0.9, -0.9, float("nan"), -0.9)):
        monitor.add_signals(SignalSample(START_NS + number * nanoseconds(0.04), {"tilt": tilt}))
        assert monitor.alarm is (number == 4)
    (finding,) = monitor.findings(START_NS + nanoseconds(0.16))
    assert (finding.effect, finding.unit, finding.limit) == (Effect.FAILURE, "rad", 0.8)
    with pytest.raises(ValidationError, match="tilt with tilt_rad"):
        Fall.model_validate({"kind": "fall", "name": "fall"})
