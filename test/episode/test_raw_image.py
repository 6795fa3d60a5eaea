from __future__ import annotations

import array

import numpy as np
import pytest
from numpy.typing import NDArray
from recorded import BAGS, needs_recordings
from rosbags.highlevel import AnyReader

from vlm_judge_ros.episode.fault import BrokenImage, FrameFault
from vlm_judge_ros.episode.raw_image import FORMATS, RawImage

WIDTH, HEIGHT = 64, 48
RED = (200, 40, 20)


def solid(encoding: str) -> NDArray[np.uint8]:
    """Return the packed pixels of an image that is red all over."""
    red, green, blue = RED
    grey = 88
    pattern: dict[str, tuple[int, ...]] = {
        "rgb8": (red, green, blue),
        "bgr8": (blue, green, red),
        "8UC3": (blue, green, red),
        "rgba8": (red, green, blue, 255),
        "bgra8": (blue, green, red, 255),
        "8UC4": (blue, green, red, 255),
        "mono8": (grey,),
        "8UC1": (grey,),
        "mono16": (0, grey),
        "16UC1": (grey << 4 & 0xFF, grey >> 4),
    }
    if encoding in pattern:
        return np.tile(np.array(pattern[encoding], np.uint8), (HEIGHT, WIDTH, 1))
    if encoding.startswith("bayer_"):
        colours = dict(zip("rgb", RED, strict=True))
        sites = [colours[letter] for letter in encoding[6:10]]
        mosaic = np.tile(np.array(sites, np.uint8).reshape(2, 2), (HEIGHT // 2, WIDTH // 2))[..., np.newaxis]
        return mosaic if encoding.endswith("8") else np.concatenate([np.zeros_like(mosaic), mosaic], axis=2)
    luma, u, v = 81, 110, 190
    pair = (u, luma, v, luma) if encoding in ("yuv422", "uyvy") else (luma, u, luma, v)
    return np.tile(np.array(pair, np.uint8), (HEIGHT, WIDTH // 2)).reshape(HEIGHT, WIDTH, 2)


def image(pixels: NDArray[np.uint8], encoding: str, padding: int = 0, big_endian: bool = False) -> RawImage:
    rows = pixels.reshape(pixels.shape[0], -1)
    step = rows.shape[1] + padding
    padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=255)
    return RawImage(padded.tobytes(), pixels.shape[1], pixels.shape[0], encoding, step, big_endian)


@pytest.mark.parametrize("padding", [0, 7])
@pytest.mark.parametrize("encoding", FORMATS)
def test_every_encoding_gives_its_colour_and_the_thumbnail_its_grey(encoding: str, padding: int) -> None:
    read = image(solid(encoding), encoding, padding)
    colour = read.rgb()
    assert colour.shape == (HEIGHT, WIDTH, 3)
    assert colour.dtype == np.uint8
    centre = colour[HEIGHT // 2, WIDTH // 2].astype(int)
    if "mono" in encoding or "UC1" in encoding:
        assert tuple(centre) == (88, 88, 88)
    elif "y" in encoding and "bayer" not in encoding:
        assert centre[0] > 150 > 60 > centre[1]
    else:
        assert tuple(centre) == RED
    thumbnail = read.thumbnail()
    assert thumbnail.shape == (24, 32)
    assert thumbnail.dtype == np.uint8
    assert int(thumbnail.min()) == int(thumbnail.max())
    assert 20 <= int(thumbnail[0, 0]) <= 130


@pytest.mark.parametrize("encoding", [name for name, pixel_format in FORMATS.items() if pixel_format.words])
def test_big_endian_words_are_read_the_other_way_round(encoding: str) -> None:
    little = solid(encoding)
    big = np.ascontiguousarray(little[..., ::-1])
    one, other = image(little, encoding), image(big, encoding, big_endian=True)
    np.testing.assert_array_equal(one.rgb(), other.rgb())
    np.testing.assert_array_equal(one.thumbnail(), other.thumbnail())


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (31, 23), (1280, 720), (333, 777)])
@pytest.mark.parametrize("encoding", ["rgb8", "mono8", "bayer_rggb8", "mono16"])
def test_a_thumbnail_has_its_size_whatever_the_image_has(size: tuple[int, int], encoding: str) -> None:
    width, height = size
    data = np.full(width * height * FORMATS[encoding].pixel_bytes, 77, np.uint8)
    read = RawImage(data, width, height, encoding, width * FORMATS[encoding].pixel_bytes)
    assert read.thumbnail().shape == (24, 32)


def test_the_thumbnail_shows_where_things_are() -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[240:, 320:] = 255
    thumbnail = image(pixels, "rgb8").thumbnail()
    assert thumbnail[:12].max() == 0
    assert thumbnail[:, :16].max() == 0
    assert thumbnail[12:, 16:].min() == 255


def test_the_received_memory_is_used_and_never_written() -> None:
    data = array.array("B", bytes(48 * 64 * 3))
    read = RawImage(data, 64, 48, "rgb8", 64 * 3)
    colour = read.rgb()
    assert np.shares_memory(colour, np.frombuffer(data, np.uint8))
    assert not colour.flags.writeable
    assert read.size_bytes == len(data)
    assert read.form == "64x48 rgb8"


def test_the_last_row_may_lack_its_padding() -> None:
    step = 64 * 3 + 16
    read = RawImage(bytes(step * 47 + 64 * 3), 64, 48, "rgb8", step)
    assert read.rgb().shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("data", "width", "height", "encoding", "step", "fault"),
    [
        (b"", 64, 48, "rgb8", 192, FrameFault.ZERO_SIZE),
        (bytes(10), 0, 48, "rgb8", 192, FrameFault.ZERO_SIZE),
        (bytes(10), 64, 0, "rgb8", 192, FrameFault.ZERO_SIZE),
        (bytes(30), 640, 480, "rgb8", 1920, FrameFault.SHORT_DATA),
        (bytes(192 * 48 - 1), 64, 48, "rgb8", 192, FrameFault.SHORT_DATA),
        (bytes(192 * 48), 64, 48, "rgb8", 191, FrameFault.SHORT_STEP),
        (bytes(192 * 48), 64, 48, "rgb8", 0, FrameFault.SHORT_STEP),
        (bytes(192 * 48), 63, 48, "uyvy", 192, FrameFault.SHORT_STEP),
        (bytes(192 * 48), 64, 48, "", 192, FrameFault.UNKNOWN_ENCODING),
        (bytes(192 * 48), 64, 48, "64FC4", 192, FrameFault.UNKNOWN_ENCODING),
        (bytes(10), 30000, 30000, "rgb8", 90000, FrameFault.TOO_LARGE),
        (bytes(10), 2**32 - 1, 2**32 - 1, "rgb8", 2**32 - 1, FrameFault.TOO_LARGE),
    ],
)
def test_what_cannot_be_an_image_is_refused_by_name(
    data: bytes, width: int, height: int, encoding: str, step: int, fault: FrameFault
) -> None:
    with pytest.raises(BrokenImage) as caught:
        RawImage(data, width, height, encoding, step)
    assert caught.value.fault is fault


@needs_recordings
def test_the_recorded_image_that_is_shorter_than_it_claims_is_refused() -> None:
    with AnyReader([BAGS / "test_bag_mcap"]) as reader:
        connections = [found for found in reader.connections if found.msgtype == "sensor_msgs/msg/Image"]
        _, _, raw = next(reader.messages(connections))
        message = reader.deserialize(raw, "sensor_msgs/msg/Image")
    with pytest.raises(BrokenImage, match="30 bytes") as caught:
        RawImage(message.data, message.width, message.height, message.encoding, message.step)
    assert caught.value.fault is FrameFault.SHORT_DATA
