"""Channels whose messages are made here: images as they arrived where they were compressed, else as JPEG; the task."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from rosbags.typesys import Stores, get_typestore

from vlm_judge_ros.clips.entry import Channel
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError

JPEG_QUALITY = 90

_IMAGE = "sensor_msgs/msg/CompressedImage"
_STRING = "std_msgs/msg/String"


def image_channel(camera: str, topic: str, compressed: bool) -> Channel:
    """The channel of a camera; of one that sends raw images it is named as image_transport names compressed ones."""
    return Channel(topic if compressed else f"{topic}/compressed", _IMAGE, _serializer(), camera=camera)


def task_channel(topic: str) -> Channel:
    """The channel on which the task is told; its messages are plain texts."""
    store = get_typestore(Stores.ROS2_HUMBLE)

    def serialize(task: str) -> bytes:
        return bytes(store.serialize_cdr(store.types[_STRING](data=task), _STRING))

    return Channel(topic, _STRING, serialize, latched=True)


def _serializer() -> Callable[[Frame], bytes]:
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types

    def serialize(frame: Frame) -> bytes:
        form, data = _file(frame)
        seconds, nanosec = divmod(frame.stamp_ns, 10**9)
        stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanosec)
        header = types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame.camera)
        message = types[_IMAGE](header=header, format=form, data=np.frombuffer(data, np.uint8))
        return bytes(store.serialize_cdr(message, _IMAGE))

    return serialize


def _file(frame: Frame) -> tuple[str, bytes]:
    """Kind and bytes of the image as a file.

    Raises:
        BrokenImage: it cannot be decoded.
        JudgeError: it cannot be encoded.
    """
    image = frame.image
    if isinstance(image, CompressedImage):
        return image.kind, image.file()
    pixels = cv2.cvtColor(image.rgb(), cv2.COLOR_RGB2BGR)
    encoded, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not encoded:
        raise JudgeError(f"The image of the camera {frame.camera} cannot be written as JPEG.")
    return "jpeg", jpeg.tobytes()
