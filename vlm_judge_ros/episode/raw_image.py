"""Uncompressed images, as in `sensor_msgs/Image`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.fault import BrokenImage, FrameFault
from vlm_judge_ros.episode.image import ImageBytes, SizeLimits, as_bytes, shrink

Pixels = NDArray[np.uint8]

# Thumbnails average this many pixels, taken evenly over the image; more would cost more and show no more.
SAMPLE_WIDTH, SAMPLE_HEIGHT = 128, 96
# 16UC1 is a depth image in mm, or infrared of 12 bits: the first 4096 values span the greys. Never scaled by content.
DEPTH_SHIFT = 4


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How the bytes of one encoding become a picture.

    Attributes:
        pixel_bytes: bytes of one pixel.
        grey: from packed pixels of shape (height, width, pixel_bytes) to grey of shape (height, width).
        rgb: from the same to an array of shape (height, width, 3), red first.
        even: the encoding describes pixels in pairs, so that the width has to be even.
        mosaic: one colour per pixel: neighbours have to be taken together.
        words: a pixel is a 16-bit word, which may be big endian.
    """

    pixel_bytes: int
    grey: Callable[[Pixels], Pixels]
    rgb: Callable[[Pixels], Pixels]
    even: bool = False
    mosaic: bool = False
    words: bool = False


def _convert(code: int) -> Callable[[Pixels], Pixels]:
    def convert(pixels: Pixels) -> Pixels:
        return np.asarray(cv2.cvtColor(pixels, code), dtype=np.uint8)

    return convert


def _channel(index: int) -> Callable[[Pixels], Pixels]:
    def channel(pixels: Pixels) -> Pixels:
        return np.ascontiguousarray(pixels[..., index])

    return channel


def _drop_alpha(pixels: Pixels) -> Pixels:
    return pixels[..., :3]


def _as_it_is(pixels: Pixels) -> Pixels:
    return pixels


def _triple(pixels: Pixels) -> Pixels:
    return np.repeat(pixels[..., :1], 3, axis=2)


def _depth(pixels: Pixels) -> Pixels:
    words = pixels.astype(np.uint16)
    grey: Pixels = np.minimum((words[..., 0] | words[..., 1] << 8) >> DEPTH_SHIFT, 255).astype(np.uint8)
    return grey


def _depth_rgb(pixels: Pixels) -> Pixels:
    return _triple(_depth(pixels)[..., np.newaxis])


def _high_byte_rgb(pixels: Pixels) -> Pixels:
    return _triple(pixels[..., 1:])


def _bayer(code: int) -> Callable[[Pixels], Pixels]:
    def convert(pixels: Pixels) -> Pixels:
        # The last byte of a little-endian word is the one that counts.
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels[..., -1]), code), dtype=np.uint8)

    return convert


def _mean(pixels: Pixels) -> Pixels:
    return np.asarray(pixels.mean(axis=2), dtype=np.uint8)


_RGB = PixelFormat(3, _convert(cv2.COLOR_RGB2GRAY), _as_it_is)
_BGR = PixelFormat(3, _convert(cv2.COLOR_BGR2GRAY), _convert(cv2.COLOR_BGR2RGB))
_RGBA = PixelFormat(4, _convert(cv2.COLOR_RGBA2GRAY), _drop_alpha)
_BGRA = PixelFormat(4, _convert(cv2.COLOR_BGRA2GRAY), _convert(cv2.COLOR_BGRA2RGB))
_MONO = PixelFormat(1, _channel(0), _triple)
_MONO_16 = PixelFormat(2, _channel(1), _high_byte_rgb, words=True)
_DEPTH = PixelFormat(2, _depth, _depth_rgb, words=True)
_UYVY = PixelFormat(2, _channel(1), _convert(cv2.COLOR_YUV2RGB_UYVY), even=True)
_YUYV = PixelFormat(2, _channel(0), _convert(cv2.COLOR_YUV2RGB_YUY2), even=True)
# ROS names a mosaic by its first two rows, OpenCV by the second row's second and third pixel.
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}

FORMATS: dict[str, PixelFormat] = {
    "rgb8": _RGB,
    "bgr8": _BGR,
    "8UC3": _BGR,
    "rgba8": _RGBA,
    "bgra8": _BGRA,
    "8UC4": _BGRA,
    "mono8": _MONO,
    "8UC1": _MONO,
    "mono16": _MONO_16,
    "16UC1": _DEPTH,
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    **{f"bayer_{name}8": PixelFormat(1, _mean, _bayer(code), mosaic=True) for name, code in _BAYER.items()},
    **{
        f"bayer_{name}16": PixelFormat(2, _mean, _bayer(code), mosaic=True, words=True) for name, code in _BAYER.items()
    },
}
"""Encodings of `sensor_msgs/Image` that are read."""


class RawImage:
    """An uncompressed image on the memory in which it arrived."""

    def __init__(
        self,
        data: ImageBytes,
        width: int,
        height: int,
        encoding: str,
        step: int,
        big_endian: bool = False,
        limits: SizeLimits | None = None,
    ) -> None:
        """Check that the bytes can be what they claim to be; nothing is decoded or copied.

        Args:
            data: rows of pixels.
            width: pixels in a row.
            height: rows.
            encoding: as in `sensor_msgs/Image`; one of `FORMATS`.
            step: bytes from one row to the next.
            big_endian: the first byte of a 16-bit pixel is the high one.
            limits: largest size.

        Raises:
            BrokenImage: size, encoding, step or length of the data are not right.
        """
        (limits or SizeLimits()).check(width, height)
        pixel_format = FORMATS.get(encoding)
        if pixel_format is None:
            raise BrokenImage(
                FrameFault.UNKNOWN_ENCODING,
                f"The encoding {encoding!r} is not supported; use one of {', '.join(FORMATS)}.",
            )
        if pixel_format.even and width % 2:
            raise BrokenImage(
                FrameFault.SHORT_STEP,
                f"An image in {encoding} has an even width, because pixels come in pairs; this has {width}.",
            )
        row_bytes = width * pixel_format.pixel_bytes
        if step < row_bytes:
            raise BrokenImage(
                FrameFault.SHORT_STEP, f"Rows of {width} pixels in {encoding} need {row_bytes} bytes; step is {step}."
            )
        flat = as_bytes(data)
        # The last row may come without its padding.
        needed = step * (height - 1) + row_bytes
        if flat.size < needed:
            raise BrokenImage(
                FrameFault.SHORT_DATA,
                f"The data has {flat.size} bytes; {height} rows of {step} bytes need {needed}. The message is cut off.",
            )
        self._flat = flat
        self._arguments = (width, height, encoding, step, big_endian)
        self._format = pixel_format
        self._swapped = big_endian and pixel_format.words
        self._form = f"{width}x{height} {encoding}"
        self._pixels = np.lib.stride_tricks.as_strided(
            flat,
            shape=(height, width, pixel_format.pixel_bytes),
            strides=(step, pixel_format.pixel_bytes, 1),
            writeable=False,
        )

    def __reduce__(self) -> tuple[type[RawImage], tuple[object, ...]]:
        # Between processes it travels as what it was made of.
        return RawImage, (self._flat, *self._arguments)

    @property
    def size_bytes(self) -> int:
        """Bytes held in memory."""
        return int(self._flat.size)

    @property
    def form(self) -> str:
        """Size and encoding, for example "640x480 rgb8"."""
        return self._form

    def rgb(self) -> NDArray[np.uint8]:
        """Return an array of shape (height, width, 3), red first; read-only and on the received memory for rgb8."""
        return self._format.rgb(self._in_order(self._pixels))

    def grey(self) -> NDArray[np.uint8]:
        """Return an array of shape (height, width)."""
        return np.asarray(cv2.cvtColor(self.rgb(), cv2.COLOR_RGB2GRAY), dtype=np.uint8)

    def thumbnail(self) -> NDArray[np.uint8]:
        """Return a grey image of shape (24, 32): means over an even sample of the pixels."""
        pixels = self._pixels
        width = pixels.shape[1]
        if self._format.mosaic:
            # Pairs of one row of the mosaic: one green and one red or blue. Low bytes of 16-bit pixels are left out.
            pairs = pixels[::2, : width // 2 * 2] if width > 1 else pixels
            pixels = self._in_order(pairs)[..., -1]
            pixels = pixels.reshape(pixels.shape[0], -1, 2 if width > 1 else 1)
        sampled = cv2.resize(pixels, (SAMPLE_WIDTH, SAMPLE_HEIGHT), interpolation=cv2.INTER_NEAREST)
        sampled = np.asarray(sampled, dtype=np.uint8).reshape(SAMPLE_HEIGHT, SAMPLE_WIDTH, -1)
        return shrink(self._format.grey(sampled if self._format.mosaic else self._in_order(sampled)))

    def _in_order(self, pixels: Pixels) -> Pixels:
        return pixels[..., ::-1] if self._swapped else pixels
