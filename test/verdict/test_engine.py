from __future__ import annotations

import math

import pytest
from scene import SCRIPTED, START_NS, Scene, TinyImage, frame

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import FrameRole
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.stamps import nanoseconds
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.monitors.finding import Layer
from vlm_judge_ros.verdict.engine import Engine, EngineSettings
from vlm_judge_ros.verdict.failure import FailureStatus
from vlm_judge_ros.verdict.verdict import State, Verdict


def test_without_an_episode_the_verdict_is_unknown_and_says_so() -> None:
    verdict = Engine().check(START_NS)
    assert verdict.state is State.UNKNOWN
    assert verdict.reason == "No episode is running."


def test_an_episode_that_goes_well_is_unknown_then_progressing_then_succeeded() -> None:
    scene = Scene()
    scene.run(3, progress=0.3)
    scene.run(3, progress=0.7)
    scene.run(4, progress=1.0, success_probability=0.95)
    states = [verdict.state for verdict in scene.verdicts]
    changes = [state for index, state in enumerate(states) if index == 0 or state is not states[index - 1]]
    assert changes == [State.UNKNOWN, State.PROGRESSING, State.SUCCEEDED]


def test_success_names_the_judge_and_the_evidence_as_deciding() -> None:
    scene = Scene()
    verdict = scene.run(5, progress=1.0, success_probability=0.95)
    assert verdict.provenance.deciding_layers == (Layer.JUDGE, Layer.EVENT)
    assert [record.name for record in verdict.decided_by] == ["judge_success", "joint_motion", "image_motion"]


def test_one_answer_is_not_enough_for_success() -> None:
    scene = Scene()
    scene.run(3, progress=0.3)
    assert scene.run(1, progress=1.0, success_probability=0.99).state is State.PROGRESSING


def test_a_judge_that_says_complete_is_not_believed_while_nothing_moves() -> None:
    scene = Scene()
    scene.moving = False
    verdict = scene.run(6, progress=1.0, success_probability=1.0)
    assert verdict.state is State.PROGRESSING
    assert verdict.decided_by[0].name == "joint_motion"
    assert verdict.overruled[0].name == "judge_success"


def test_without_joint_states_success_cannot_be_confirmed() -> None:
    scene = Scene()
    scene.joints = False
    verdict = scene.run(6, progress=1.0, success_probability=1.0)
    assert verdict.state is State.PROGRESSING
    assert "No joint state" in verdict.reason
    assert [record.name for record in verdict.overruled] == ["judge_success"]


def test_a_silent_camera_is_named() -> None:
    scene = Scene()
    scene.run(5, progress=1.0, success_probability=1.0)
    scene.cameras = ("front",)
    verdict = scene.run(4)
    assert verdict.state is State.UNKNOWN
    assert "wrist has been silent" in verdict.reason
    assert Layer.HEALTH in verdict.provenance.deciding_layers


def test_a_camera_that_never_sends_is_named() -> None:
    scene = Scene()
    scene.cameras = ("wrist",)
    verdict = scene.run(3)
    assert verdict.state is State.UNKNOWN
    assert "front has sent no usable frame yet" in verdict.reason


def test_a_camera_that_sends_only_broken_frames_is_blind_and_the_reason_says_why() -> None:
    scene = Scene()
    scene.cameras = ("front",)
    scene.run(1)
    scene.engine.reject_frame("wrist", FrameFault.TRUNCATED, scene.now_ns)
    verdict = scene.engine.check(scene.now_ns)
    assert verdict.state is State.UNKNOWN
    assert "wrist has sent no usable frame yet: its frames are broken (truncated)" in verdict.reason
    assert scene.engine.statistics(scene.now_ns)["wrist"].faults == {FrameFault.TRUNCATED: 1}


def test_frames_that_arrive_long_after_their_stamps_are_called_late() -> None:
    engine = Engine()
    engine.start_episode("one", "push", START_NS)
    late_ns = START_NS + nanoseconds(60)
    for camera in engine.settings.camera_names:
        engine.add_frame(frame(camera, 1.0), late_ns)
    assert "use_sim_time" in engine.check(late_ns).reason


def test_a_failure_is_confirmed_with_mode_and_onset_and_heals_after_good_answers() -> None:
    scene = Scene()
    scene.mode = FailureMode.OBJECT_DROPPED
    scene.run(3, progress=0.4)
    rose_s = 3.0
    scene.run(2, progress=0.4)
    verdict = scene.run(4, progress=0.2, failure_probability=0.9)
    assert verdict.state is State.FAILED
    assert verdict.failure_mode is FailureMode.OBJECT_DROPPED
    assert verdict.failure_onset_ns is not None
    assert verdict.failure_onset_ns <= START_NS + nanoseconds(rose_s)
    assert scene.run(1.5, failure_probability=0.1).state is State.FAILED
    assert scene.run(4, progress=0.5, failure_probability=0.1).state is State.PROGRESSING
    events = scene.engine.take_failures()
    assert [event.status for event in events] == [FailureStatus.FAILED, FailureStatus.CONFIRMED, FailureStatus.HEALED]
    assert {event.event_id for event in events} == {1}


def test_one_failing_answer_passes() -> None:
    scene = Scene()
    scene.mode = FailureMode.STALL
    scene.run(3)
    scene.run(1, failure_probability=0.9)
    assert scene.run(3, failure_probability=0.0).state is State.PROGRESSING
    assert [event.status for event in scene.engine.take_failures()] == [FailureStatus.FAILED, FailureStatus.PASSED]


def test_blindness_does_not_lift_a_failure() -> None:
    scene = Scene()
    scene.run(2)
    scene.run(4, failure_probability=0.95)
    scene.cameras = ()
    assert scene.run(10).state is State.FAILED


def test_the_end_of_an_episode_clears_its_open_failure() -> None:
    scene = Scene()
    scene.run(2)
    scene.run(4, failure_probability=0.95)
    assert scene.engine.end_episode(scene.now_ns).state is State.FAILED
    assert scene.engine.take_failures()[-1].status is FailureStatus.CLEARED
    assert scene.engine.verdict.state is State.UNKNOWN


def test_a_judge_that_declines_makes_the_verdict_unknown_with_its_reason() -> None:
    scene = Scene()
    scene.run(2)
    scene.reason = "the scene is unlike any that it knows"
    nan = math.nan
    verdict = scene.run(2, progress=nan, success_probability=nan, failure_probability=nan)
    assert verdict.state is State.UNKNOWN
    assert "unlike any" in verdict.reason
    assert verdict.progress is None


def test_a_judge_fault_makes_the_verdict_unknown_until_the_next_answer() -> None:
    scene = Scene()
    scene.run(2)
    verdict = scene.engine.add_judge_fault(scene.now_ns, "the worker died")
    assert verdict.state is State.UNKNOWN
    assert "the worker died" in verdict.reason
    assert scene.run(2).state is State.PROGRESSING


def test_a_judge_that_falls_silent_is_named() -> None:
    scene = Scene()
    scene.run(3)
    scene.judging = False
    verdict = scene.run(8)
    assert verdict.state is State.UNKNOWN
    assert "newest answer of the judge" in verdict.reason


def test_progress_that_stays_is_stalled_and_progress_that_falls_is_regressing() -> None:
    scene = Scene()
    scene.run(3, progress=0.5)
    assert scene.run(9, progress=0.5).state is State.STALLED
    assert scene.run(3, progress=0.6).state is State.PROGRESSING
    assert scene.run(3, progress=0.3).state is State.REGRESSING


def test_a_frame_before_simulated_time_is_told_is_no_jump() -> None:
    scene = Scene()
    scene.engine.check(now_ns=0)
    assert scene.engine.due(now_ns=0) is None
    assert scene.engine.clock_jumps == 0
    assert scene.run(3.0, progress=0.3).state is State.PROGRESSING


def test_a_clock_that_goes_back_makes_the_episode_void() -> None:
    scene = Scene()
    scene.run(5, progress=1.0, success_probability=1.0)
    scene.time_s = -100.0
    verdict = scene.run(5)
    assert verdict.state is State.UNKNOWN
    assert "void" in verdict.reason
    assert scene.engine.clock_jumps == 1
    scene.engine.end_episode(scene.now_ns)
    scene.engine.start_episode("two", "push", scene.now_ns)
    assert scene.run(5, success_probability=0.0, progress=0.5).state is State.PROGRESSING


def test_stamps_of_one_camera_that_go_back_for_good_make_the_episode_void() -> None:
    scene = Scene()
    scene.run(5)
    faults = [scene.engine.add_frame(frame("front", time_s), scene.now_ns) for time_s in (0.1, 0.2, 0.3)]
    assert faults == [FrameFault.STAMP_BACKWARDS, FrameFault.STAMP_BACKWARDS, FrameFault.CLOCK_JUMP]
    assert "front went back" in scene.engine.check(scene.now_ns).reason


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (EngineSettings(), [(1, 1.5)]),
        (EngineSettings(period_s=0.4, asks_during_chunks=True), [(0, 0.8), (0, 1.2), (1, 1.5), (0, 1.9)]),
    ],
)
def test_a_chunk_asks_when_it_has_been_executed_and_seen(
    settings: EngineSettings, expected: list[tuple[int, float]]
) -> None:
    scene = Scene(settings)
    scene.run(0.5)
    assert scene.engine.add_chunk(Chunk(1, scene.now_ns, 10, 0.1))
    asked: list[tuple[int, float]] = []
    for _ in range(15):
        scene.time_s += 0.1
        for camera in scene.cameras:
            scene.engine.add_frame(frame(camera, scene.time_s), scene.now_ns)
        request = scene.engine.due(scene.now_ns)
        if request:
            asked.append((request.chunk_id, round(scene.time_s, 1)))
    assert asked == expected


def test_a_verdict_carries_the_chunk_and_the_frames_it_rests_on() -> None:
    scene = Scene()
    scene.run(0.5)
    scene.engine.add_chunk(Chunk(7, scene.now_ns, 10, 0.1))
    verdict = scene.run(1.0)
    assert verdict.chunk_id == 7
    roles = [record.role for record in verdict.provenance.frames if record.camera == "wrist"]
    assert roles[0] is FrameRole.FIRST
    assert roles[-1] is FrameRole.NEWEST


def test_the_reward_is_the_change_of_progress() -> None:
    scene = Scene()
    scene.run(1.0, progress=0.2)
    assert scene.engine.progress is not None
    assert math.isnan(scene.engine.progress.reward)
    scene.run(1.0, progress=math.nan)
    assert math.isnan(scene.engine.progress.reward)
    scene.run(1.0, progress=0.5)
    assert scene.engine.progress.reward == pytest.approx(0.3)


def test_a_frozen_camera_is_blind_while_the_joints_move() -> None:
    scene = Scene()
    scene.run(4)
    for _ in range(110):
        scene.engine.add_frame(frame("wrist", scene.time_s + 0.05, place=0.5), scene.now_ns + nanoseconds(0.05))
        scene.cameras = ("front",)
        scene.run(0.1)
    assert "wrist has shown the same image" in scene.engine.verdict.reason


def test_a_change_of_resolution_is_counted_and_nothing_breaks() -> None:
    scene = Scene()
    scene.run(2)
    bigger = TinyImage(form="64x48 rgb8")
    assert scene.engine.add_frame(frame("front", 2.05, image=bigger), scene.now_ns + nanoseconds(0.05)) is None
    assert scene.engine.statistics(scene.now_ns)["front"].form_changes == 1


def test_an_answer_to_an_earlier_episode_changes_nothing() -> None:
    scene = Scene()
    scene.run(2, progress=0.5)
    old = scene.engine.progress
    assert old is not None
    scene.engine.end_episode(scene.now_ns)
    scene.engine.start_episode("two", "push", scene.now_ns)
    verdict = scene.engine.add_opinion(old.opinion, scene.now_ns)
    assert verdict.progress is None
    assert scene.engine.stale_opinions == 1


def test_an_answer_that_saw_less_than_one_already_taken_changes_nothing() -> None:
    scene = Scene()
    scene.run(2, progress=0.3)
    old = scene.engine.progress
    assert old is not None
    taken = scene.run(2, progress=0.6)
    assert scene.engine.add_opinion(old.opinion, scene.now_ns) == taken
    assert scene.engine.stale_opinions == 1


def test_the_same_inputs_give_the_same_verdicts() -> None:
    def story() -> list[Verdict]:
        scene = Scene()
        scene.run(4, progress=0.4)
        scene.run(4, failure_probability=0.8)
        scene.run(8, failure_probability=0.0, progress=1.0, success_probability=0.9)
        return scene.verdicts

    assert story() == story()


def test_verdicts_survive_a_round_trip_through_json() -> None:
    scene = Scene()
    verdict = scene.run(4, progress=0.4)
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_an_episode_cannot_start_twice_nor_without_a_task() -> None:
    engine = Engine()
    with pytest.raises(JudgeError, match="no task"):
        engine.start_episode("one", " ", START_NS)
    engine.start_episode("one", "push", START_NS)
    with pytest.raises(JudgeError, match="one is running"):
        engine.start_episode("two", "push", START_NS)


def test_a_request_shows_the_same_frames_however_late_it_is_fetched() -> None:
    def frames_shown(fetch_every: int) -> list[list[int]]:
        engine = Engine()
        engine.start_episode("one", "push", START_NS)
        shown = []
        for index in range(1, 100):
            for camera in ("front", "wrist"):
                engine.add_frame(frame(camera, index / 10), START_NS + nanoseconds(index / 10))
            request = engine.due(START_NS + nanoseconds(index / 10)) if index % fetch_every == 0 else None
            if request and request.evidence:
                shown.append([key.frame.stamp_ns for key in request.evidence.keyframes["wrist"]])
        return shown

    assert len(frames_shown(1)) == 9
    assert frames_shown(1) == frames_shown(7)[:9] == frames_shown(3)[:9]


def test_a_request_that_nobody_fetches_gives_way_to_the_next() -> None:
    scene = Scene()
    for index in range(1, 56):
        for camera in scene.cameras:
            scene.engine.add_frame(frame(camera, index / 10), START_NS + nanoseconds(index / 10))
    now_ns = START_NS + nanoseconds(5.5)
    request = scene.engine.due(now_ns)
    assert request is not None
    assert request.due_ns == START_NS + nanoseconds(5.0)
    assert scene.engine.due(now_ns) is None


def test_the_frame_that_makes_somebody_start_an_episode_is_its_first() -> None:
    engine = Engine()
    for camera in ("front", "wrist"):
        engine.add_frame(frame(camera, 1.0), START_NS + nanoseconds(1.0))
    engine.start_episode("one", "push", START_NS + nanoseconds(1.0))
    evidence = engine.evidence(START_NS + nanoseconds(1.0))
    assert evidence is not None
    assert [key.frame.stamp_ns for key in evidence.keyframes["front"]] == [START_NS + nanoseconds(1.0)]


def test_frames_from_before_an_episode_are_not_its_evidence() -> None:
    engine = Engine()
    for camera in ("front", "wrist"):
        engine.add_frame(frame(camera, 1.0), START_NS + nanoseconds(1.0))
    engine.start_episode("one", "push", START_NS + nanoseconds(1.5))
    assert engine.evidence(START_NS + nanoseconds(1.5)) is None


def test_a_node_clock_that_does_not_run_is_named() -> None:
    engine = Engine()
    engine.start_episode("one", "push", 0)
    for camera in engine.settings.camera_names:
        engine.add_frame(frame(camera, 1.0), 0)
    verdict = engine.check(0)
    assert verdict.state is State.UNKNOWN
    assert "/clock" in verdict.reason


def test_an_answer_out_of_range_is_a_fault_of_the_judge() -> None:
    scene = Scene()
    verdict = scene.run(3, progress=1.5)
    assert verdict.state is State.UNKNOWN
    assert verdict.decided_by[0].name == "judge_fault"


def test_the_stamp_of_a_verdict_never_goes_back_and_is_that_of_its_evidence() -> None:
    scene = Scene()
    scene.run(4, progress=0.4)
    scene.cameras = ("front",)
    scene.run(4)
    scene.cameras = ("front", "wrist")
    scene.run(4, progress=0.6)
    stamps = [verdict.stamp_ns for verdict in scene.verdicts]
    assert stamps == sorted(stamps)
    assert scene.verdicts[-1].state is State.PROGRESSING
    assert scene.verdicts[-1].provenance.frames[-1].stamp_ns <= scene.now_ns


def test_the_order_of_inputs_of_the_same_stamp_does_not_matter() -> None:
    def story(cameras_first: bool) -> list[Verdict]:
        engine = Engine()
        engine.start_episode("one", "push", START_NS)
        verdicts = []
        for index in range(1, 85):
            time_s = index / 10
            now_ns = START_NS + nanoseconds(time_s)
            sample = JointSample(now_ns, ("elbow",), (time_s,))
            if not cameras_first:
                engine.add_joint_state(sample)
            for camera in ("front", "wrist") if cameras_first else ("wrist", "front"):
                engine.add_frame(frame(camera, time_s), now_ns)
            if cameras_first:
                engine.add_joint_state(sample)
            request = engine.due(now_ns)
            evidence = request.evidence if request else None
            if evidence:
                engine.add_opinion(Opinion(evidence, SCRIPTED, time_s / 8, time_s / 8, 0.0), now_ns)
            verdicts.append(engine.check(now_ns))
        return verdicts

    assert story(True) == story(False)
    assert story(True)[-1].state is State.SUCCEEDED


def test_an_unknown_camera_is_refused_by_name() -> None:
    with pytest.raises(JudgeError, match="rear"):
        Engine().add_frame(frame("rear", 1.0), START_NS)


def test_settings_without_physical_evidence_are_refused() -> None:
    with pytest.raises(JudgeError, match="success_evidence"):
        EngineSettings(success_evidence=())
