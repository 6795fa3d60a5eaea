from __future__ import annotations

import math
from typing import Any

import pytest
from gaits import Gait, carry, fall, hop, march, shuffle, standing, walk
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from recording import Recording

from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.monitors.finding import Effect
from vlm_judge_ros.monitors.monitor import EpisodeContext
from vlm_judge_ros.monitors.step import RealStep, StepMonitor

START_NS = 1_700_000_000 * 1_000_000_000
FEET = {"left_foot": ("left_x", "left_y", "left_z"), "right_foot": ("right_x", "right_y", "right_z")}
YAW = {"yaw": "yaw", "pelvis_height": "pelvis_z"}
CONTACTS = {"left_contact": "left_force", "right_contact": "right_force", "contact_min": 20.0}

recordings = st.builds(
    Recording,
    rate_hz=st.sampled_from((30.0, 50.0, 100.0, 200.0, 400.0)),
    noise_m=st.sampled_from((0.0, 0.001, 0.002)),
    jitter_share=st.floats(0.0, 0.8),
    drop_share=st.floats(0.0, 0.2),
    seed=st.integers(0, 1000),
)
walks: dict[str, Any] = {
    "steps": st.integers(2, 8),
    "stride_m": st.floats(0.2, 0.7),
    "lift_m": st.floats(0.07, 0.16),
    "swing_s": st.floats(0.35, 1.2),
    "double_s": st.floats(0.12, 0.5),
    "first": st.sampled_from((0, 1)),
}


def made(**fields: Any) -> StepMonitor:
    spec = RealStep.model_validate({"kind": "step", "name": "steps", **FEET, **(fields or YAW)})
    return spec.make(EpisodeContext(START_NS))


def counted(gait: Gait, recording: Recording | None = None, **fields: Any) -> int:
    monitor = made(**fields)
    for time_s, signals in (recording or Recording()).messages(gait):
        monitor.add_signals(SignalSample(START_NS + nanoseconds(time_s), signals))
    (finding,) = monitor.findings(START_NS + nanoseconds(gait.duration_s))
    assert finding.effect is (Effect.SUCCESS if monitor.count else Effect.NEUTRAL)
    assert finding.value == monitor.count
    return monitor.count


@settings(max_examples=20, phases=(Phase.explicit, Phase.generate))
@given(gait=st.builds(walk, yaw=st.floats(-3.1, 3.1), **walks), recording=recordings)
@example(
    gait=walk(
        8,
        yaw=0.8849684760881029,
        stride_m=0.2714999498046936,
        lift_m=0.08933067730468919,
        swing_s=1.1214185750373207,
        double_s=0.2656939402265698,
    ),
    recording=Recording(50.0, 0.0, 0.5221452124476829, 0.13189840042758846, 28688),
)
def test_every_step_of_a_walk_is_counted_once(gait: Gait, recording: Recording) -> None:
    assert counted(gait, recording) == gait.steps


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(
    # In a curve the inner foot goes less far: with short strides its steps would be none.
    gait=st.builds(walk, turn_rad=st.floats(-0.25, 0.25), **{**walks, "stride_m": st.floats(0.4, 0.7)}),
    recording=recordings,
)
def test_every_step_of_a_walk_in_a_curve_is_counted_once(gait: Gait, recording: Recording) -> None:
    assert counted(gait, recording) == gait.steps


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(
    gait=st.builds(walk, riser_m=st.sampled_from((-0.2, -0.17, -0.12, 0.12, 0.17, 0.2)), **walks), recording=recordings
)
@example(
    gait=walk(
        6,
        riser_m=-0.12,
        stride_m=0.5905652367786308,
        lift_m=0.0763547408629456,
        swing_s=1.3165648372749723,
        double_s=0.5874541949033871,
    ),
    recording=Recording(50.0, 0.001, 0.521394608321116, 0.18749731374069956, 64421),
)
@example(
    gait=walk(
        8,
        riser_m=-0.17,
        stride_m=0.22293922640825062,
        lift_m=0.13077274001800426,
        swing_s=0.82815193368559,
        double_s=0.22011657877357887,
    ),
    recording=Recording(30.0, 0.002, 0.3879956431035598, 0.17280891555929792, 58139),
)
@example(
    gait=walk(
        5,
        riser_m=0.12,
        stride_m=0.5762612060140517,
        lift_m=0.15434965336456924,
        swing_s=1.4631759777512774,
        double_s=0.2182370352579139,
    ),
    recording=Recording(50.0, 0.001, 0.7495548968000223, 0.1082916697501568, 93306),
)
def test_every_step_on_stairs_is_counted_once(gait: Gait, recording: Recording) -> None:
    assert counted(gait, recording) == gait.steps


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(gait=st.builds(walk, slope=st.floats(-0.1, 0.1), **walks), recording=recordings)
@example(
    gait=walk(
        5,
        slope=-0.09311145197404257,
        stride_m=0.3413008623122612,
        lift_m=0.08063908130737085,
        swing_s=1.4504925003005087,
        double_s=0.7602651331819522,
    ),
    recording=Recording(40.0, 0.0, 0.7557840907339742, 0.012752109309213245, 91606),
)
@example(
    gait=walk(
        3,
        slope=0.02293119052096508,
        stride_m=0.2833222185402048,
        lift_m=0.07964612076964639,
        swing_s=1.471424121406986,
        double_s=0.6336940996825254,
    ),
    recording=Recording(400.0, 0.001, 0.4740042059999592, 0.0770343991339766, 46916),
)
def test_every_step_on_a_slope_is_counted_once(gait: Gait, recording: Recording) -> None:
    assert counted(gait, recording) == gait.steps


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(
    gait=st.builds(walk, riser_m=st.sampled_from((-0.17, 0.0, 0.17)), **walks),
    recording=recordings,
    ahead=st.sampled_from(({"heading_rad": 0.0}, {"pelvis": ("pelvis_x", "pelvis_y")}, {**YAW, **CONTACTS})),
)
def test_steps_are_the_same_whichever_way_ahead_and_contact_are_told(
    gait: Gait, recording: Recording, ahead: dict[str, Any]
) -> None:
    assert counted(gait, recording, **ahead) == gait.steps


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(direction=st.sampled_from((math.pi, math.pi / 2.0, -math.pi / 2.0)), data=st.data(), recording=recordings)
def test_backward_and_sideways_are_no_steps_ahead(direction: float, data: st.DataObject, recording: Recording) -> None:
    gait = data.draw(st.builds(walk, direction_rad=st.just(direction), counts=st.just(False), **walks))
    assert counted(gait, recording) == 0


no_steps = st.one_of(
    st.builds(march, st.integers(2, 8), lift_m=st.floats(0.05, 0.2), swing_s=st.floats(0.3, 1.0)),
    st.builds(
        hop,
        st.integers(2, 8),
        length_m=st.floats(0.0, 0.5),
        lift_m=st.floats(0.05, 0.2),
        air_s=st.floats(0.2, 0.4),
        ground_s=st.floats(0.15, 0.6),
        free_m=st.floats(0.05, 0.3),
        swinging=st.booleans(),
        side=st.sampled_from((0, 1)),
    ),
    st.builds(
        shuffle,
        st.integers(2, 8),
        stride_m=st.floats(0.1, 0.8),
        lift_m=st.floats(0.0, 0.028),
        slope=st.floats(-0.1, 0.1),
    ),
    st.builds(
        carry,
        height_m=st.floats(0.05, 1.0),
        far_m=st.floats(0.0, 4.0),
        sway_m=st.floats(0.0, 0.15),
        kicking=st.booleans(),
    ),
    st.builds(standing, st.floats(1.0, 5.0)),
    st.builds(lambda **kwargs: fall(standing(1.0), **kwargs), thrown=st.sampled_from((None, 0, 1))),
)


@settings(max_examples=50, phases=(Phase.explicit, Phase.generate))
@given(gait=no_steps, recording=recordings, contacts=st.booleans())
@example(
    gait=hop(
        7,
        length_m=0.5451965649998497,
        lift_m=0.11631919781176801,
        air_s=0.3892763513526958,
        ground_s=0.6524128103665197,
        free_m=0.39757506104380036,
        swinging=True,
        side=1,
    ),
    recording=Recording(30.0, 0.0, 0.36956877844436775, 0.19108345402481877, 84610),
    contacts=False,
)
@example(
    gait=hop(
        3,
        length_m=0.3733886174430712,
        lift_m=0.24420618199179636,
        air_s=0.25594340337564636,
        ground_s=0.44713778749436667,
        free_m=0.06320907483925131,
        swinging=True,
        side=0,
    ),
    recording=Recording(50.0, 0.0, 0.16098666125456607, 0.1837283062609409, 77083),
    contacts=False,
)
@example(gait=shuffle(6, stride_m=0.8, lift_m=0.028, slope=0.1), recording=Recording(100.0, 0.002), contacts=False)
@example(gait=shuffle(6, stride_m=0.8, lift_m=0.028, slope=-0.1), recording=Recording(100.0, 0.002), contacts=False)
def test_what_is_no_walk_has_no_steps(gait: Gait, recording: Recording, contacts: bool) -> None:
    assert counted(gait, recording, **YAW, **(CONTACTS if contacts else {})) == 0


@settings(max_examples=15, phases=(Phase.explicit, Phase.generate))
@given(
    gait=st.builds(walk, pause_s=st.sampled_from((0.3, 0.6)), **walks),
    recording=recordings,
    fall_s=st.floats(0.4, 1.0),
    thrown=st.sampled_from((None, 0, 1)),
)
@example(
    gait=walk(
        6,
        pause_s=0.3,
        stride_m=0.3795335682334659,
        lift_m=0.14996254278723814,
        swing_s=0.8782494676102368,
        double_s=0.32547144688221297,
        first=1,
    ),
    recording=Recording(30.0, 0.001, 0.2688113158717052, 0.15128388222587172, 116),
    fall_s=0.5281379095914606,
    thrown=None,
)
def test_a_fall_after_some_steps_adds_none(gait: Gait, recording: Recording, fall_s: float, thrown: int | None) -> None:
    assert counted(fall(gait, fall_s=fall_s, thrown=thrown), recording) == gait.steps


@pytest.mark.parametrize(
    "gait",
    [
        walk(4),
        walk(4, riser_m=0.17),
        walk(4, riser_m=-0.17),
        walk(4, slope=0.1),
        hop(4, swinging=True),
        shuffle(4),
        march(3),
    ],
)
def test_steps_are_counted_at_1_khz(gait: Gait) -> None:
    assert counted(gait, Recording(1000.0, noise_m=0.002, jitter_share=0.5, drop_share=0.1)) == gait.steps
