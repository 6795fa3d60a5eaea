"""An episode as it comes to the page, and where its pictures are seen."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vlm_judge_ros.replay.column_score import ColumnScore
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.trace import EpisodeTrace, Shot

PICTURE_BYTES = 24_000_000
"""What the pictures within a page may take, in bytes of the page."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A judged episode for the page.

    Attributes:
        trace: what happened; the bytes of its shots may be missing where there are files.
        key: its key among the results, by which people label it.
        origin: where it was recorded to; empty where that is not told.
        files: camera and time of a shot to the address of its file, relative to the page; empty where there are none.
        scores: what columns of its dataset say of it.
    """

    trace: EpisodeTrace
    key: str
    origin: str = ""
    files: Mapping[tuple[str, float], str] = field(default_factory=dict)
    scores: tuple[ColumnScore, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """The scores as labels whose raters are the columns."""
        return tuple(score.label(self.key) for score in self.scores)


Source = Callable[[bool], Reported]
"""Reads an episode, with the bytes of its pictures or without; called twice, so that few are in memory at once."""


class PictureBudget:
    """How many bytes of pictures the page still takes in.

    Args:
        limit: bytes of the page.
    """

    def __init__(self, limit: int) -> None:
        self._left = limit
        self.is_open = limit > 0

    def take(self, *choices: Sequence[Shot]) -> Sequence[Shot]:
        """The first of the choices that fits; none fits any more after the first time that none did."""
        for shots in choices:
            size = sum(len(data_address(shot)) for shot in shots)
            if self.is_open and size <= self._left:
                self._left -= size
                return shots
        self.is_open = False
        return ()


def data_address(shot: Shot) -> str:
    """The picture as a `data:` address, so that a page needs no file beside it."""
    return "data:image/jpeg;base64," + base64.b64encode(shot.jpeg).decode("ascii")
