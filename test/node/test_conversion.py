"""Messages of any content become frames, chunks and joint samples, or are refused in one sentence."""

from __future__ import annotations

import array
import contextlib

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Header

from vlm_judge_ros import msg
from vlm_judge_ros.episode.fault import BrokenImage, BrokenStamp
from vlm_judge_ros.episode.raw_image import FORMATS
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.node.conversion import chunk_of, joint_sample_of, stamp_ns_of, time_message
from vlm_judge_ros.node.frames import frame_of

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
    assert stamp_ns_of(time_message(stamp_ns)) == stamp_ns


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
