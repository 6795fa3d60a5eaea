"""What a bag holds for a judge, one thing after the other in order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage, BrokenStamp, FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.episode.stamps import stamp_from_parts
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.topics import CameraTopic, EpisodeTopics


@dataclass(frozen=True, slots=True)
class BrokenFrame:
    """A recorded image that cannot be used, and why."""

    camera: str
    fault: FrameFault
    text: str


@dataclass(frozen=True, slots=True)
class BrokenSignal:
    """A recorded message, not an image, that cannot be used, and why."""

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


Content: TypeAlias = Frame | BrokenFrame | JointSample | Chunk | TaskTold | TrueProgress | BrokenSignal


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was recorded.

    Attributes:
        time_ns: when the recorder received it.
        content: what it was; frames, joint samples and chunks carry header stamps of their own.
    """

    time_ns: int
    content: Content


def events(bag: Bag, topics: EpisodeTopics) -> Iterator[Event]:
    """Read a bag as a judge would have seen it live. Images are decoded only when somebody looks at them.

    Args:
        bag: open for reading.
        topics: which topics carry what.

    Raises:
        BagError: the bag is damaged.
    """
    readers: dict[str, Callable[[Any], Content]] = {camera.topic: _frame_reader(camera) for camera in topics.cameras}
    signals: tuple[tuple[str | None, Callable[[Any], Content]], ...] = (
        (topics.joint_states, _joint_sample),
        (topics.chunk, _chunk),
        (topics.task, lambda message: TaskTold(str(message.data))),
        (topics.true_progress, lambda message: TrueProgress(float(message.data))),
    )
    readers.update({topic: _careful(topic, read) for topic, read in signals if topic is not None})
    for message in bag.messages(readers.keys()):
        yield Event(message.time_ns, readers[message.topic](bag.decode(message)))


def _frame_reader(camera: CameraTopic) -> Callable[[Any], Content]:
    def read(message: Any) -> Content:
        try:
            stamp_ns = _stamp_ns(message)
            image = image_of(message, camera)
            return Frame(camera.camera, stamp_ns, image, image.thumbnail())
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


def _careful(topic: str, read: Callable[[Any], Content]) -> Callable[[Any], Content]:
    def reader(message: Any) -> Content:
        try:
            return read(message)
        except JudgeError as error:
            return BrokenSignal(topic, str(error))

    return reader


def _joint_sample(message: Any) -> JointSample:
    names = tuple(message.name) if len(message.position) else ()
    return JointSample(_stamp_ns(message), names, tuple(float(position) for position in message.position))


def _chunk(message: Any) -> Chunk:
    return Chunk(
        id=int(message.id),
        stamp_ns=_stamp_ns(message),
        horizon=int(message.horizon),
        step_s=float(message.step_s),
        policy=str(message.policy),
        declares_done=bool(message.declares_done),
    )


def _stamp_ns(message: Any) -> int:
    return stamp_from_parts(message.header.stamp.sec, message.header.stamp.nanosec)
