"""What a bag holds for a judge, one thing after the other in order of time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage, BrokenStamp, FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.looking import Looking
from vlm_judge_ros.episode.messages import chunk_of, joint_sample_of, refuse_future, stamp_ns_of
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.episode.signal import SignalSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.ahead import Held, ahead
from vlm_judge_ros.replay.bag import Bag, BagError, RecordedMessage, Undecodable
from vlm_judge_ros.replay.header_time import HeaderTime, in_order
from vlm_judge_ros.replay.topics import CameraTopic, EpisodeTopics
from vlm_judge_ros.tasks.signals import SignalTopic

DECODERS = 2
"""Threads that decode images; a decoder does not keep the interpreter meanwhile."""


@dataclass(frozen=True, slots=True)
class BrokenFrame:
    """A recorded image whose header cannot be used, and why."""

    camera: str
    fault: FrameFault
    text: str


@dataclass(frozen=True, slots=True)
class BrokenSignal:
    """A recorded message, not an image, that cannot be used, and why."""

    topic: str
    text: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A recorded message that cannot be decoded, and why: a live node would never have got it."""

    topic: str
    text: str


@dataclass(frozen=True, slots=True)
class TaskTold:
    """The instruction was told."""

    task: str


@dataclass(frozen=True, slots=True)
class TrueProgress:
    """How far the task really was, 0 to 1."""

    progress: float


Content: TypeAlias = (
    Frame | BrokenFrame | JointSample | SignalSample | Chunk | TaskTold | TrueProgress | BrokenSignal | Unread
)


_Reader: TypeAlias = Callable[[Any, int], Content | None]
"""Takes a message and when it was recorded; None where it holds nothing of what is looked for."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was recorded.

    Attributes:
        time_ns: when the recorder received it, or when it was stamped where that is asked for.
        content: what it was; frames, samples and chunks carry header stamps of their own.
    """

    time_ns: int
    content: Content


def events(
    bag: Bag,
    topics: EpisodeTopics,
    declared: Mapping[str, Sequence[SignalTopic]] | None = None,
    start_ns: int | None = None,
    stop_ns: int | None = None,
    header_time: HeaderTime | None = None,
) -> Iterator[Event]:
    """Read a bag as a judge would have seen it live. Images are decoded only when somebody looks at them.

    Args:
        bag: open for reading.
        topics: which topics carry what.
        declared: the signals that the episode's task declares, by recorded topic, as `find_signals` gives them. One
            message may carry signals beside what else it is.
        start_ns: nothing that was recorded earlier.
        stop_ns: only what was recorded earlier.
        header_time: gives the time of each event instead of the recorder, and their order.

    Raises:
        BagError: the bag is damaged, a type in it is not what it is called, or no message of a topic can be decoded.
    """
    readers: dict[str, list[_Reader]] = {camera.topic: [_frame_reader(camera)] for camera in topics.cameras}
    plain: list[tuple[str | None, _Reader]] = [
        (topics.joint_states, _joint_sample),
        (topics.chunk, lambda message, _: chunk_of(message)),
        (topics.task, lambda message, _: TaskTold(str(message.data))),
        (topics.true_progress, lambda message, _: TrueProgress(float(message.data))),
    ]
    plain += [(topic, _signal_reader(each)) for topic, found in (declared or {}).items() for each in found]
    for topic, read in plain:
        if topic is not None:
            readers.setdefault(topic, []).append(_careful(topic, read))
    with ThreadPoolExecutor(DECODERS, "decoding") as decoders:
        messages = _decoded(bag, readers.keys(), start_ns, stop_ns)
        reading = _reading(bag, messages, readers, decoders, header_time)
        if header_time is not None:
            reading = in_order(reading)
        for time_ns, pending in ahead(reading):
            content = pending()
            if content is not None:
                yield Event(time_ns, content)


def _decoded(
    bag: Bag, topics: Collection[str], start_ns: int | None, stop_ns: int | None
) -> Iterator[tuple[RecordedMessage, Any]]:
    """The messages, decoded or as `Unread`.

    Raises:
        BagError: none of a topic can be decoded.
    """
    read: set[str] = set()
    for message in bag.messages(topics, start_ns, stop_ns):
        try:
            decoded = bag.decode(message)
        except Undecodable as error:
            if message.topic not in read:
                with Bag(bag.path) as again:  # where that is so for all of a topic, it is told at once
                    next(again.decoded({message.topic}, start_ns, stop_ns), None)
            decoded = Unread(message.topic, str(error))
        read.add(message.topic)
        yield message, decoded


def _reading(
    bag: Bag,
    messages: Iterator[tuple[RecordedMessage, Any]],
    readers: Mapping[str, Sequence[_Reader]],
    decoders: Executor,
    header_time: HeaderTime | None,
) -> Iterator[Held[tuple[int, Callable[[], Content | None]]]]:
    """Read each message; the images that will probably be looked at are decoded by other threads."""
    # A wrong guess costs time alone: who looks at an image that was not decoded decodes it then.
    looking = Looking()
    for message, decoded in messages:
        time_ns, size_bytes = message.time_ns, len(message.cdr)
        if header_time is not None:
            time_ns = header_time.time_ns(decoded, message.time_ns)
        if isinstance(decoded, Unread):
            yield Held((time_ns, partial(_same, decoded)), size_bytes)
            continue
        for read in readers[message.topic]:
            content = _read(bag, read, decoded, message, time_ns)
            pending: Callable[[], Content | None] = partial(_same, content)
            if isinstance(content, Frame) and looking.is_due(content.camera, content.stamp_ns):
                looking.look(content.camera, content.stamp_ns)
                pending = decoders.submit(_looked_at, content).result
            yield Held((time_ns, pending), size_bytes)


def _looked_at(frame: Frame) -> Frame:
    _ = frame.damage
    return frame


def _read(bag: Bag, read: _Reader, decoded: Any, message: RecordedMessage, time_ns: int) -> Content | None:
    try:
        return read(decoded, time_ns)
    except (AttributeError, TypeError, ValueError) as error:
        raise BagError(
            f"A message on {message.topic} of {bag.path} is not what {message.type} is in ROS 2 ({error}): the "
            "bag defines the type otherwise; leave the topic out."
        ) from error


def _same(content: Content | None) -> Content | None:
    return content


def _frame_reader(camera: CameraTopic) -> _Reader:
    def read(message: Any, recorded_ns: int) -> Content:
        try:
            stamp_ns = stamp_ns_of(message)
            image = image_of(message, camera)
            return Frame(camera.camera, stamp_ns, image, image.thumbnail)
        except (BrokenImage, BrokenStamp) as error:
            return BrokenFrame(camera.camera, error.fault, str(error))

    return read


def image_of(message: Any, camera: CameraTopic) -> CompressedImage | RawImage:
    """The image of a decoded message.

    Raises:
        BrokenImage: it is not what it claims to be.
    """
    if camera.transport == "compressed":
        return CompressedImage(message.data, message.format)
    return RawImage(
        message.data, message.width, message.height, message.encoding, message.step, bool(message.is_bigendian)
    )


def _careful(topic: str, read: _Reader) -> _Reader:
    def reader(message: Any, recorded_ns: int) -> Content | None:
        try:
            return read(message, recorded_ns)
        except JudgeError as error:
            return BrokenSignal(topic, str(error))

    return reader


def _joint_sample(message: Any, recorded_ns: int) -> JointSample:
    sample = joint_sample_of(message)
    refuse_future(sample.stamp_ns, recorded_ns)
    return sample


def _signal_reader(declared: SignalTopic) -> _Reader:
    def read(message: Any, recorded_ns: int) -> SignalSample | None:
        sample = declared.sample_of(message, recorded_ns)
        refuse_future(sample.stamp_ns, recorded_ns)
        return sample if sample.values else None

    return read
