from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.episode.fault import FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.events import BrokenFrame, Event
from vlm_judge_ros.replay.labels import film
from vlm_judge_ros.replay.labels.film import MOST_PICTURES, Film, Reel
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription
from vlm_judge_ros.tasks.task import Task

STARTED_NS = 1_700_000_000_000_000_000


def _image(side: int = 8) -> CompressedImage:
    return CompressedImage(cv2.imencode(".jpg", np.full((side // 2, side, 3), 90, np.uint8))[1].tobytes())


@dataclass(frozen=True)
class MadeUp:
    """An episode of given times in seconds; a negative one is a broken image."""

    times_s: tuple[float, ...]
    duration_s: float = 10.0
    side: int = 8
    fault: str = ""

    @property
    def description(self) -> EpisodeDescription:
        ended_ns = STARTED_NS + round(self.duration_s * 1e9)
        return EpisodeDescription("made-up", "made up", "do it", "nowhere", ("front",), STARTED_NS, ended_ns)

    def events(self, declared: Task | None = None) -> Iterator[Event]:
        image = _image(self.side)
        for time_s in self.times_s:
            time_ns = STARTED_NS + round(abs(time_s) * 1e9)
            if time_s < 0:
                yield Event(time_ns, BrokenFrame("front", FrameFault.UNDECODABLE, "broken"))
            else:
                yield Event(time_ns, Frame("front", time_ns, image, image.thumbnail()))
        if self.fault:
            raise JudgeError(self.fault)


def _read(episode: MadeUp) -> tuple[Reel, bytes | None]:
    shown = Film(episode)
    try:
        while not shown.reel.finished:
            time.sleep(0.005)
        return shown.reel, shown.jpeg("front", 0)
    finally:
        shown.close()


def test_every_picture_of_a_short_episode_is_kept() -> None:
    reel, jpeg = _read(MadeUp((0.0, 0.1, 0.2)))
    assert reel.times_s == {"front": (0.0, 0.1, 0.2)}
    assert jpeg == _image().file()
    assert (reel.broken, reel.fault, reel.read_s) == (0, "", 0.2)


def test_a_long_episode_keeps_so_many_pictures_that_its_file_stays_small() -> None:
    count = 40_000
    reel, _ = _read(MadeUp(tuple(index / 30 for index in range(count)), count / 30))
    times_s = reel.times_s["front"]
    assert MOST_PICTURES / 2 < len(times_s) <= MOST_PICTURES
    assert max(later - before for before, later in pairwise(times_s)) < 2.5 * count / 30 / MOST_PICTURES


def test_large_pictures_are_made_smaller() -> None:
    _, jpeg = _read(MadeUp((0.0,), side=2000))
    assert jpeg is not None
    assert CompressedImage(jpeg).form == "640x320 jpeg"


def test_what_is_broken_is_counted_and_what_came_before_damage_is_shown() -> None:
    reel, jpeg = _read(MadeUp((0.0, -0.1, 0.2), fault="The bag is damaged; record it again."))
    assert reel.times_s == {"front": (0.0, 0.2)}
    assert (reel.broken, reel.fault) == (1, "The bag is damaged; record it again.")
    assert jpeg is not None


def test_a_film_that_is_given_back_stops_reading_and_shows_nothing() -> None:
    shown = Film(MadeUp(tuple(index / 30 for index in range(100_000)), 5000.0))
    shown.close()
    assert shown.jpeg("front", 0) is None
    assert len(shown.reel.times_s["front"]) < MOST_PICTURES


def test_a_place_that_cannot_hold_pictures_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    (tmp_path / "place").mkdir()
    monkeypatch.setattr(film, "_ON_DISK", tmp_path / "place")
    Film(MadeUp((0.0,))).close()

    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(film.tempfile, "TemporaryFile", full)
    with pytest.raises(JudgeError, match=r"cannot be kept \(No space left on device\); make room, or name another"):
        Film(MadeUp((0.0,)))
