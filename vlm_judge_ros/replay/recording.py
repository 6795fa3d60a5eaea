"""One recorded episode: what its bag says beside the images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import cv2

from vlm_judge_ros.episode.fault import BrokenImage
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag, RecordedMessage, Undecodable
from vlm_judge_ros.replay.bundled import read_truth
from vlm_judge_ros.replay.events import image_of
from vlm_judge_ros.replay.topics import CameraTopic, EpisodeTopics, find_topics
from vlm_judge_ros.replay.trace import Curve, Shot
from vlm_judge_ros.replay.truth import EpisodeTruth

_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a person knows of a recorded episode before anybody judges it.

    Attributes:
        name: name of the episode.
        task: the instruction.
        topics: where its messages are.
        started_ns: time of its first message.
        duration_s: seconds from there to its last image.
        truth: how it really went; None where the bag does not say.
        true_progress: how far it really was; empty where the bag does not say.
    """

    name: str
    task: str
    topics: EpisodeTopics
    started_ns: int
    duration_s: float
    truth: EpisodeTruth | None
    true_progress: Curve

    @staticmethod
    def read(
        bag: Bag,
        task: str = "",
        cameras: Mapping[str, str] | None = None,
        topics: EpisodeTopics | None = None,
        start_ns: int | None = None,
        stop_ns: int | None = None,
    ) -> Recording:
        """Read all but the images.

        Args:
            bag: open for reading.
            task: the instruction; empty takes the one that was recorded.
            cameras: name of a camera to its topic; None finds the topics with images.
            topics: which topics carry what; None finds them.
            start_ns: no earlier messages are of it; None begins with the first.
            stop_ns: only earlier messages are of it; None ends with the last.

        Raises:
            JudgeError: the bag is damaged, holds no images, or no task is known.
        """
        topics = topics or find_topics(bag.topics, cameras)
        truth = read_truth(bag, start_ns, stop_ns)
        task = task or _recorded_task(bag, topics, start_ns, stop_ns)
        task = task or (truth.task_instruction if truth is not None else "")
        if not task:
            raise JudgeError(f"The bag {bag.path} holds no task; give the instruction with --task.")
        started_ns = bag.started_ns if start_ns is None else start_ns
        last_ns = _last_image_ns(bag, topics, start_ns, stop_ns)
        return Recording(
            name=truth.name if truth is not None else bag.path.name,
            task=task,
            topics=topics,
            started_ns=started_ns,
            duration_s=(last_ns - started_ns) * 1e-9,
            truth=truth,
            true_progress=_true_progress(bag, topics, started_ns, stop_ns),
        )

    def shots(self, bag: Bag) -> Iterator[Shot]:
        """All images as JPEG, in order of time; those that cannot be decoded are left out.

        Raises:
            BagError: the bag is damaged.
        """
        cameras = {camera.topic: camera for camera in self.topics.cameras}
        for message in bag.messages(cameras.keys()):
            jpeg = jpeg_of(bag, message, cameras[message.topic])
            if jpeg is not None:
                yield Shot(cameras[message.topic].camera, (message.time_ns - self.started_ns) * 1e-9, jpeg)


def _recorded_task(bag: Bag, topics: EpisodeTopics, start_ns: int | None, stop_ns: int | None) -> str:
    """What was told first within the stretch, or else last before it."""
    if topics.task is None:
        return ""
    told = (str(data) for _, data in bag.fields(topics.task, "data", start_ns, stop_ns))
    first = next(told, "")
    if first or start_ns is None:
        return first
    before = ""
    for _, data in bag.fields(topics.task, "data", None, start_ns):
        before = str(data)
    return before


def _last_image_ns(bag: Bag, topics: EpisodeTopics, start_ns: int | None, stop_ns: int | None) -> int:
    last_ns = None
    for image in bag.times({camera.topic for camera in topics.cameras}, start_ns, stop_ns):
        last_ns = image.time_ns
    if last_ns is None:
        names = ", ".join(camera.topic for camera in topics.cameras)
        where = "" if start_ns is None else " in this stretch"
        raise JudgeError(f"The topics with images of {bag.path} ({names}) hold no message{where}; record it again.")
    return last_ns


def _true_progress(bag: Bag, topics: EpisodeTopics, started_ns: int, stop_ns: int | None) -> Curve:
    if topics.true_progress is None:
        return Curve()
    points = [
        ((time_ns - started_ns) * 1e-9, float(data))
        for time_ns, data in bag.fields(topics.true_progress, "data", started_ns, stop_ns)
    ]
    return Curve(tuple(time_s for time_s, _ in points), tuple(value for _, value in points))


def jpeg_of(bag: Bag, message: RecordedMessage, camera: CameraTopic) -> bytes | None:
    """A recorded image as JPEG; None where it cannot be decoded."""
    try:
        image = bag.decode(message)
    except Undecodable:
        return None
    if camera.transport == "compressed" and bytes(image.data[:3]) == _JPEG:
        return bytes(image.data)
    try:
        picture = image_of(image, camera).rgb()
    except BrokenImage:
        return None
    encoded, jpeg = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return jpeg.tobytes() if encoded else None
