"""Messages of any content become frames, chunks and joint samples, or are refused in one sentence."""

from __future__ import annotations

import array
import contextlib
import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Header

from vlm_judge_ros import msg
from vlm_judge_ros.episode.fault import BrokenImage, BrokenStamp
from vlm_judge_ros.episode.messages import chunk_of, joint_sample_of, stamp_ns_of
from vlm_judge_ros.episode.raw_image import FORMATS
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.opinion import Critique, JudgeProvenance, Opinion, SubtaskOpinion, SubtaskState
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.monitors.finding import Effect, Layer, Severity
from vlm_judge_ros.node.conversion import (
    progress_message,
    time_message,
    verdict_message,
)
from vlm_judge_ros.node.frames import frame_of
from vlm_judge_ros.verdict.progress_update import ProgressUpdate
from vlm_judge_ros.verdict.verdict import FindingRecord, Provenance, State, SubtaskRecord, Verdict

headers = st.builds(
    lambda seconds, nanosec: Header(stamp=Time(sec=seconds, nanosec=nanosec)),
    st.one_of(st.integers(1, 2**31 - 1), st.integers(-(2**31), 2**31 - 1)),
    st.one_of(st.integers(0, 10**9 - 1), st.integers(0, 2**32 - 1)),
)
sizes = st.one_of(st.integers(0, 20), st.integers(0, 2**32 - 1))
octets = st.binary(max_size=2000).map(lambda data: array.array("B", data))
images = st.builds(
    Image,
    header=headers,
    height=sizes,
    width=sizes,
    encoding=st.one_of(st.sampled_from(sorted(FORMATS)), st.text(max_size=10).filter(str.isascii)),
    is_bigendian=st.integers(0, 255),
    step=sizes,
    data=octets,
)
starts = st.sampled_from([b"", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x00\x00\x00\x00WEBPVP8 "])
compressed = st.builds(
    lambda header, start, rest: CompressedImage(header=header, format="jpeg", data=array.array("B", start + rest)),
    headers,
    starts,
    st.binary(max_size=500),
)


@given(message=st.one_of(images, compressed))
def test_an_image_message_is_a_frame_or_is_refused(message: Image | CompressedImage) -> None:
    with contextlib.suppress(BrokenImage, BrokenStamp):
        frame = frame_of("front", message)
        assert frame.thumbnail.shape == (24, 32)
        assert frame.thumbnail.dtype == np.uint8
        assert frame.stamp_ns > 0


@given(stamp_ns=st.integers(1, (2**31 - 1) * 10**9))
def test_stamps_survive_the_way_through_a_message_to_the_nanosecond(stamp_ns: int) -> None:
    assert stamp_ns_of(JointState(header=Header(stamp=time_message(stamp_ns)))) == stamp_ns


@given(
    header=headers,
    names=st.lists(st.text(max_size=3).filter(str.isascii), max_size=4),
    positions=st.lists(st.floats(), max_size=4),
)
def test_joint_states_are_samples_or_are_refused(header: Header, names: list[str], positions: list[float]) -> None:
    with contextlib.suppress(JudgeError):
        sample = joint_sample_of(JointState(header=header, name=names, position=positions))
        assert len(sample.names) == len(sample.positions)


@given(header=headers, number=st.integers(0, 2**64 - 1), horizon=sizes, step_s=st.floats())
def test_chunks_are_taken_or_refused(header: Header, number: int, horizon: int, step_s: float) -> None:
    with contextlib.suppress(JudgeError):
        chunk = chunk_of(msg.ActionChunk(header=header, id=number, horizon=horizon, step_s=step_s))
        assert chunk.end_ns >= chunk.stamp_ns > 0


def test_a_pixel_by_pixel_image_keeps_the_memory_of_its_message() -> None:
    message = Image(height=2, width=2, encoding="rgb8", step=6, data=array.array("B", range(12)))
    message.header.stamp.sec = 1
    frame = frame_of("front", message)
    assert np.shares_memory(frame.image.rgb(), np.frombuffer(message.data, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        frame.image.rgb()[0, 0, 0] = 1


def test_all_that_a_judge_says_is_in_the_message() -> None:
    opinion = Opinion(
        proof(("front",)),
        JudgeProvenance("large", "", "example.org", "critique"),
        raw_score_bound=-4.0,
        unparsable=True,
        reason="no brace in it",
        subtasks=(SubtaskOpinion("grasp", 0.25, 1.0, SubtaskState.DONE), SubtaskOpinion("lift", 0.75)),
        critique=Critique(0.5, math.nan, 1.0, "Grasp lower.", "front", 2.5),
    )
    message = progress_message(ProgressUpdate(opinion, math.nan))
    assert (message.raw_score_bound, message.unparsable, message.reason) == (-4.0, True, "no brace in it")
    steps = [(step.index, step.name, step.weight, step.state) for step in message.subtasks]
    assert steps == [(0, "grasp", 0.25, msg.Subtask.STATE_DONE), (1, "lift", 0.75, msg.Subtask.STATE_UNKNOWN)]
    assert message.subtasks[0].progress == 1.0
    assert math.isnan(message.subtasks[1].progress)
    told = message.critique
    assert (told.smoothness, told.safety, told.advice, told.camera, told.at_s) == (
        0.5,
        1.0,
        "Grasp lower.",
        "front",
        2.5,
    )
    assert math.isnan(told.efficiency)


def test_a_method_without_a_critique_leaves_it_empty() -> None:
    opinion = Opinion(proof(("front",)), JudgeProvenance("small", "", "cpu", "direct"), progress=0.5)
    message = progress_message(ProgressUpdate(opinion, 0.1))
    told = message.critique
    assert all(map(math.isnan, (told.smoothness, told.efficiency, told.safety, told.at_s, message.raw_score_bound)))
    assert (told.advice, told.camera, list(message.subtasks), message.unparsable) == ("", "", [], False)


def test_a_verdict_tells_of_the_review_and_the_steps() -> None:
    found = FindingRecord(
        layer=Layer.JUDGE,
        name="judge_fault",
        source="review",
        effect=Effect.BLIND,
        severity=Severity.ERROR,
        stamp_ns=5,
        text="The review gave no answer: gone.",
    )
    provenance = Provenance(model="small", software_version="1")
    bare = Verdict(stamp_ns=5, state=State.PROGRESSING, reason="It goes on.", provenance=provenance)
    message = verdict_message(bare)
    assert (list(message.review), list(message.subtasks)) == ([], [])
    assert message.review_provenance.model == message.review_provenance.software_version == ""
    assert math.isnan(message.review_provenance.latency_s)
    step = SubtaskRecord(name="lift", weight=1.0, progress=0.5, state=SubtaskState.ACTIVE)
    told = bare.model_copy(
        update={"review": (found,), "review_provenance": Provenance(model="large", software_version="1")}
    ).model_copy(update={"subtasks": (step,)})
    message = verdict_message(told)
    assert [(one.name, one.source) for one in message.review] == [("judge_fault", "review")]
    assert (message.provenance.model, message.review_provenance.model) == ("small", "large")
    assert [(one.name, one.progress, one.state) for one in message.subtasks] == [
        ("lift", 0.5, msg.Subtask.STATE_ACTIVE)
    ]


@pytest.mark.parametrize("state", list(SubtaskState))
def test_states_of_steps_are_those_of_the_message(state: SubtaskState) -> None:
    assert getattr(msg.Subtask, f"STATE_{state.name}") == state.value
