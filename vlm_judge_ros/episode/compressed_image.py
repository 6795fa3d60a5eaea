"""Compressed images, as in `sensor_msgs/CompressedImage`."""

from __future__ import annotations

import re
import struct

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import BrokenImage, FrameFault
from vlm_judge_ros.episode.image import THUMBNAIL_SIZE, ImageBytes, SizeLimits, as_bytes, shrink

JPEG_START, JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
PNG_START, PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
# Drivers that send buffers of a fixed size leave zeros after the image.
LONGEST_PADDING = 1 << 16
# Start-of-frame markers of JPEG: all of 0xC0 to 0xCF but the three that begin tables or are reserved.
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION
# Webcams leave a few bytes before a marker; a lost packet or an unwritten page leaves many more, or too few.
STRAY_BYTES = re.compile(r"(\d+) extraneous bytes before marker")
MOST_STRAY_BYTES = 16


class CompressedImage:
    """A JPEG, PNG or WebP image on the memory in which it arrived."""

    def __init__(self, data: ImageBytes, format: str = "", limits: SizeLimits | None = None) -> None:
        """Read the header and look for the end of the image; nothing is decoded or copied.

        Args:
            data: the file.
            format: as in `sensor_msgs/CompressedImage`, for example "jpeg" or "rgb8; jpeg compressed bgr8". Only used
                in messages for people: what the image is, its first bytes say.
            limits: largest size.

        Raises:
            BrokenImage: it is of no kind that can be read, is cut off, or claims to be too large.
        """
        self._data = as_bytes(data)
        self._kind, self._width, self._height = _header(self._data, format)
        (limits or SizeLimits()).check(self._width, self._height)

    @property
    def size_bytes(self) -> int:
        """Bytes held in memory."""
        return int(self._data.size)

    @property
    def form(self) -> str:
        """Size and compression, for example "640x480 jpeg"."""
        return f"{self._width}x{self._height} {self._kind}"

    @property
    def kind(self) -> str:
        """What its first bytes say: jpeg, png or webp."""
        return self._kind

    @property
    def longest_side(self) -> int:
        """The larger of width and height, in pixels."""
        return max(self._width, self._height)

    def file(self) -> bytes:
        """The file as it arrived, copied."""
        return self._data.tobytes()

    def rgb(self) -> NDArray[np.uint8]:
        """Decode to an array of shape (height, width, 3), red first.

        Raises:
            BrokenImage: the data is damaged.
        """
        if self._kind == "jpeg":
            return self._decode_jpeg("RGB")
        return np.asarray(cv2.cvtColor(self._decode(COLOUR), cv2.COLOR_BGR2RGB), dtype=np.uint8)

    def grey(self) -> NDArray[np.uint8]:
        """Decode to a grey array of shape (height, width).

        Raises:
            BrokenImage: the data is damaged.
        """
        return self._decode_jpeg("GRAY")[..., 0] if self._kind == "jpeg" else self._decode(GREY)

    def thumbnail(self) -> NDArray[np.uint8]:
        """Return a grey image of shape (24, 32). JPEG is decoded at an eighth of its size where it is large enough.

        Raises:
            BrokenImage: the data is damaged.
        """
        return shrink(self._decode_jpeg("GRAY", THUMBNAIL_SIZE) if self._kind == "jpeg" else self._decode(GREY))

    def _decode_jpeg(self, colours: str, smallest: tuple[int, int] = (0, 0)) -> NDArray[np.uint8]:
        # OpenCV fills what a damaged JPEG lacks with grey, says so on the standard error stream, and calls it an image.
        height, width = smallest
        try:
            try:
                decoded = simplejpeg.decode_jpeg(self._data, colours, min_height=height, min_width=width)
            except ValueError as error:
                stray = STRAY_BYTES.search(str(error))
                if stray is None or int(stray[1]) > MOST_STRAY_BYTES:
                    raise
                decoded = simplejpeg.decode_jpeg(self._data, colours, min_height=height, min_width=width, strict=False)
        except ValueError as error:
            raise BrokenImage(
                FrameFault.UNDECODABLE, f"The jpeg image of {self._data.size} bytes is damaged: {error}."
            ) from error
        return np.asarray(decoded, dtype=np.uint8)

    def _decode(self, flags: int) -> NDArray[np.uint8]:
        try:
            decoded = cv2.imdecode(self._data, flags)
        except cv2.error as error:
            raise BrokenImage(
                FrameFault.UNDECODABLE, f"The {self._kind} image cannot be decoded: {error.err}."
            ) from error
        if decoded is None:
            raise BrokenImage(
                FrameFault.UNDECODABLE,
                f"The {self._kind} image of {self._data.size} bytes cannot be decoded; it is damaged.",
            )
        return np.asarray(decoded, dtype=np.uint8)


def _header(data: NDArray[np.uint8], told: str) -> tuple[str, int, int]:
    """Return kind, width and height."""
    start = data[:64].tobytes()
    if start.startswith(JPEG_START):
        width, height = _jpeg_size(data)
        _check_end(data, JPEG_END, "jpeg")
        return "jpeg", width, height
    if start.startswith(PNG_START):
        if len(start) < 24 or start[12:16] != b"IHDR":
            raise BrokenImage(FrameFault.TRUNCATED, "The png image ends within its header.")
        width, height = struct.unpack(">II", start[16:24])
        _check_end(data, PNG_END, "png")
        return "png", width, height
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        if len(start) < 30:
            raise BrokenImage(FrameFault.TRUNCATED, "The webp image ends within its header.")
        if int.from_bytes(start[4:8], "little") + 8 > data.size:
            raise BrokenImage(FrameFault.TRUNCATED, f"The webp image is cut off after {data.size} bytes.")
        return ("webp", *_webp_size(start))
    told_kind = f"its format says {told!r}" if told else "its format says nothing"
    raise BrokenImage(
        FrameFault.UNKNOWN_ENCODING,
        f"The compressed image begins with {start[:4].hex(' ')} and is neither JPEG, PNG nor WebP; {told_kind}.",
    )


def _check_end(data: NDArray[np.uint8], end: bytes, kind: str) -> None:
    # A decoder fills what is missing with grey and calls it an image; only the end marker tells.
    tail = data[-len(end) :].tobytes()
    if tail == end:
        return
    if data[-1] == 0 and data[-LONGEST_PADDING:].tobytes().rstrip(b"\0").endswith(end):
        return
    raise BrokenImage(
        FrameFault.TRUNCATED, f"The {kind} image is cut off after {data.size} bytes: its end marker is missing."
    )


def _jpeg_size(data: NDArray[np.uint8]) -> tuple[int, int]:
    position = 2
    while position + 9 <= data.size:
        if data[position] != 0xFF:
            break
        marker = int(data[position + 1])
        if marker == 0xFF:
            position += 1
        elif marker in WITHOUT_LENGTH:
            position += 2
        elif marker in START_OF_FRAME:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9].tobytes())
            return width, height
        else:
            length = int(data[position + 2]) << 8 | int(data[position + 3])
            if length < 2:
                break
            position += 2 + length
    raise BrokenImage(FrameFault.TRUNCATED, "The jpeg image ends, or is damaged, before it tells its size.")


def _webp_size(start: bytes) -> tuple[int, int]:
    kind = start[12:16]
    if kind == b"VP8X":
        return int.from_bytes(start[24:27], "little") + 1, int.from_bytes(start[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", start[26:30])
    return width & 0x3FFF, height & 0x3FFF
