"""From image messages to frames."""

from __future__ import annotations

from sensor_msgs.msg import CompressedImage as CompressedImageMessage
from sensor_msgs.msg import Image as ImageMessage

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.messages import stamp_ns_of
from vlm_judge_ros.episode.raw_image import RawImage


def frame_of(camera: str, message: ImageMessage | CompressedImageMessage) -> Frame:
    """The frame that a message carries, on the memory of the message.

    Raises:
        BrokenStamp: the header stamp is not a time.
        BrokenImage: its header is not right, or it is cut off.
    """
    stamp_ns = stamp_ns_of(message)
    image: RawImage | CompressedImage
    if isinstance(message, ImageMessage):
        image = RawImage(
            message.data, message.width, message.height, message.encoding, message.step, bool(message.is_bigendian)
        )
    else:
        image = CompressedImage(message.data, message.format)
    return Frame(camera, stamp_ns, image, image.thumbnail)
