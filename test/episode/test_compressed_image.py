from __future__ import annotations

import contextlib
import struct
import zlib
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import BrokenImage, FrameFault


def picture(width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """Return a red-to-black slope with a bright lower right quarter, red first."""
    shown = np.zeros((height, width, 3), np.uint8)
    shown[..., 0] = np.linspace(0, 200, width, dtype=np.uint8)
    shown[height // 2 :, width // 2 :] = 250
    return shown


def encoded(kind: str, width: int = 320, height: int = 240) -> bytes:
    done, data = cv2.imencode(kind, cv2.cvtColor(picture(width, height), cv2.COLOR_RGB2BGR))
    assert done
    return bytes(data.tobytes())


JPEG, PNG, WEBP = encoded(".jpg"), encoded(".png"), encoded(".webp")


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP], ids=["jpeg", "png", "webp"])
def test_an_image_is_decoded_red_first(data: bytes) -> None:
    read = CompressedImage(data, "jpeg")
    assert read.rgb().shape == (240, 320, 3)
    assert np.abs(read.rgb().astype(int) - picture()).mean() < 4
    thumbnail = read.thumbnail()
    assert thumbnail.shape == (24, 32)
    assert int(thumbnail[20, 28]) > 240
    assert int(thumbnail[3, 3]) < 40
    assert read.size_bytes == len(data)


def test_the_form_tells_size_and_compression() -> None:
    assert [CompressedImage(data).form for data in (JPEG, PNG, WEBP)] == ["320x240 jpeg", "320x240 png", "320x240 webp"]


@pytest.mark.parametrize("told", ["jpeg", "rgb8; jpeg compressed bgr8", "", "png"])
def test_the_first_bytes_say_what_an_image_is_and_not_its_format(told: str) -> None:
    assert CompressedImage(JPEG, told).form == "320x240 jpeg"


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (31, 23), (33, 40), (100, 60), (1280, 720)])
@pytest.mark.parametrize("kind", [".jpg", ".png"])
def test_a_thumbnail_has_its_size_whatever_the_image_has(size: tuple[int, int], kind: str) -> None:
    assert CompressedImage(encoded(kind, *size)).thumbnail().shape == (24, 32)


def test_zeros_after_the_end_of_a_jpeg_are_padding() -> None:
    assert CompressedImage(JPEG + bytes(1000)).rgb().shape == (240, 320, 3)


@given(st.floats(0.0, 0.999))
def test_every_truncated_jpeg_is_broken(share: float) -> None:
    with pytest.raises(BrokenImage):
        CompressedImage(JPEG[: int(len(JPEG) * share)]).thumbnail()


@pytest.mark.parametrize("data", [JPEG, PNG, WEBP], ids=["jpeg", "png", "webp"])
def test_a_cut_image_is_called_truncated(data: bytes) -> None:
    with pytest.raises(BrokenImage) as caught:
        CompressedImage(data[: len(data) // 2])
    assert caught.value.fault is FrameFault.TRUNCATED


def textured(kind: str, **options: int) -> bytearray:
    """Return an image with as much detail as a camera's; of a plain slope nothing could be lost."""
    noise = np.random.default_rng(7).normal(0.0, 12.0, (240, 320, 3))
    shown = np.clip(picture() + noise, 0, 255).astype(np.uint8)
    done, data = cv2.imencode(kind, shown, [value for option in options.items() for value in option_of(*option)])
    assert done
    return bytearray(data.tobytes())


def option_of(name: str, value: int) -> tuple[int, int]:
    return getattr(cv2, name), value


def lose(data: bytearray, begin: int) -> None:
    """A camera driver lost one USB packet."""
    del data[begin : begin + 512]


def blank(data: bytearray, begin: int) -> None:
    """A page of the buffer was never written."""
    data[begin : begin + 4096] = bytes(4096)


@pytest.mark.parametrize("damage", [lose, blank])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize(
    ("kind", "options"),
    [(".jpg", {}), (".jpg", {"IMWRITE_JPEG_RST_INTERVAL": 4}), (".png", {})],
    ids=["jpeg", "jpeg with restart markers", "png"],
)
def test_an_image_that_is_damaged_in_the_middle_is_broken(
    kind: str, options: dict[str, int], share: float, damage: Callable[[bytearray, int], None]
) -> None:
    data = textured(kind, **options)
    CompressedImage(bytes(data)).thumbnail()
    damage(data, int(len(data) * share))
    with pytest.raises(BrokenImage) as caught:
        CompressedImage(bytes(data)).thumbnail()
    assert caught.value.fault is FrameFault.UNDECODABLE
    with pytest.raises(BrokenImage):
        CompressedImage(bytes(data)).rgb()


@pytest.mark.parametrize("bytes_between", [1, 8])
def test_the_few_bytes_that_webcams_leave_before_a_marker_are_no_damage(bytes_between: int) -> None:
    data = textured(".jpg")
    data[-2:-2] = bytes(bytes_between)
    padded = CompressedImage(bytes(data))
    assert np.array_equal(padded.thumbnail(), CompressedImage(bytes(textured(".jpg"))).thumbnail())
    assert padded.rgb().shape == (240, 320, 3)


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IEND\xaeB`\x82"


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"", FrameFault.ZERO_SIZE),
        (bytes(range(10)), FrameFault.UNKNOWN_ENCODING),
        (b"\xff\xd8\xff", FrameFault.TRUNCATED),
        (b"\x89PNG\r\n\x1a\n", FrameFault.TRUNCATED),
        (png_header(30000, 30000), FrameFault.TOO_LARGE),
        (png_header(0, 0), FrameFault.ZERO_SIZE),
        (png_header(100, 100), FrameFault.UNDECODABLE),
    ],
)
def test_what_cannot_be_an_image_is_refused_by_name(data: bytes, fault: FrameFault) -> None:
    with pytest.raises(BrokenImage) as caught:
        CompressedImage(data).thumbnail()
    assert caught.value.fault is fault


@given(st.binary(max_size=400))
def test_no_bytes_after_the_start_of_a_jpeg_end_in_anything_but_a_broken_image(noise: bytes) -> None:
    with contextlib.suppress(BrokenImage):
        CompressedImage(b"\xff\xd8\xff" + noise + b"\xff\xd9").thumbnail()
