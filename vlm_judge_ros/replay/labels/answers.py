"""What the page asks and what it is answered, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pydantic

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.labels.film import Film, Films
from vlm_judge_ros.replay.labels.label import TIE, Label
from vlm_judge_ros.replay.labels.sitting import Item, Sitting

VERDICT_SEEN = "The judge's verdict was shown."
NOT_TOLD = (FailureMode.NONE, FailureMode.JUDGE_FAULT)
"""Modes that nobody can see in an episode."""

Verdicts = Callable[[str], dict[str, Any]]
"""What a judge made of the episode with a key; empty where nobody knows."""

_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)


class Judgement(pydantic.BaseModel):
    """What a rater says of an item with one episode; as in `Label`.

    Attributes:
        item: number of the item.
        score: 0 to 1.
        success: whether the task was done.
        failure_mode: name of the mode.
        onset_s: seconds from the start.
        note: anything else.
        verdict_seen: whether the verdict of a judge was shown before.
    """

    model_config = _STRICT

    item: int = pydantic.Field(ge=0)
    score: float | None = None
    success: bool | None = None
    failure_mode: str = ""
    onset_s: float | None = None
    note: str = ""
    verdict_seen: bool = False


class Choice(pydantic.BaseModel):
    """Which of two episodes is better.

    Attributes:
        item: number of the item.
        better: side of the better one.
    """

    model_config = _STRICT

    item: int = pydantic.Field(ge=0)
    better: Literal["left", "right", "tie"]


class Answers:
    """Answers the requests of the page. Names and keys of episodes are not told, because they may tell how they ended.

    Args:
        sitting: what is labelled.
        verdicts: what a judge says, by key; None where nobody has judged.
    """

    def __init__(self, sitting: Sitting, verdicts: Verdicts | None = None) -> None:
        self._sitting = sitting
        self._verdicts = verdicts
        self._films = Films(lambda index: Film(sitting.episodes[index]))

    def close(self) -> None:
        """Give the films back."""
        self._films.close()

    def sitting(self) -> dict[str, Any]:
        """All items, and what was said of them.

        Raises:
            JudgeError: the file of labels cannot be read.
        """
        sitting = self._sitting
        items = [
            {
                "episodes": item.episodes,
                "task": sitting.episodes[item.episodes[0]].description.task,
                **_told(item, said),
            }
            for item, said in zip(sitting.items, sitting.said(), strict=True)
        ]
        modes = [mode.name for mode in FailureMode if mode not in NOT_TOLD]
        return {
            "rater": sitting.rater,
            "in_pairs": sitting.in_pairs,
            "has_verdicts": self._verdicts is not None and not sitting.in_pairs,
            "modes": modes,
            "items": items,
        }

    def episode(self, index: int) -> dict[str, Any] | None:
        """What can be shown of an episode by now; None where there is none of this number."""
        if not 0 <= index < len(self._sitting.episodes):
            return None
        description, reel = self._sitting.episodes[index].description, self._films.get(index).reel
        return {
            "duration_s": description.duration_s,
            "cameras": [{"name": name, "times_s": times} for name, times in reel.times_s.items()],
            "broken": reel.broken,
            "read_s": reel.read_s,
            "finished": reel.finished,
            "fault": reel.fault,
        }

    def picture(self, index: int, camera: int, number: int) -> bytes | None:
        """A JPEG, empty where it has not been read; None where there is no such episode or camera."""
        if not 0 <= index < len(self._sitting.episodes):
            return None
        cameras = self._sitting.episodes[index].description.cameras
        if not 0 <= camera < len(cameras):
            return None
        return self._films.jpeg(index, cameras[camera], number) or b""

    def verdict(self, index: int) -> dict[str, Any] | None:
        """What the judge says of an episode; None where nobody has judged, or there is no such episode.

        Raises:
            JudgeError: the results cannot be read.
        """
        if self._verdicts is None or not 0 <= index < len(self._sitting.episodes):
            return None
        return self._verdicts(self._sitting.episodes[index].description.key)

    def judge(self, body: bytes) -> dict[str, Any]:
        """Save a judgement.

        Raises:
            JudgeError: it is not one, or cannot be saved.
        """
        judgement = _parsed(Judgement, body)
        item = self._item(judgement.item, 1)
        note = f"{judgement.note} {VERDICT_SEEN}" if judgement.verdict_seen else judgement.note
        values = {**judgement.model_dump(exclude={"item", "verdict_seen"}), "note": note}
        return self._save(judgement.item, {"episode": item.keys[0], **values})

    def prefer(self, body: bytes) -> dict[str, Any]:
        """Save a preference.

        Raises:
            JudgeError: it is not one, or cannot be saved.
        """
        choice = _parsed(Choice, body)
        left, right = self._item(choice.item, 2).keys
        better, other = (right, left) if choice.better == "right" else (left, right)
        over = f"{TIE}{other}" if choice.better == "tie" else other
        return self._save(choice.item, {"episode": better, "preferred_over": over})

    def undo(self, body: bytes) -> dict[str, Any]:
        """Take the newest label back.

        Raises:
            JudgeError: there is none, or it cannot be taken back.
        """
        return {"item": self._sitting.undo(), **self.sitting()}

    def _item(self, number: int, episodes: int) -> Item:
        items = self._sitting.items
        if number >= len(items) or len(items[number].keys) != episodes:
            raise JudgeError(f"There is no item {number} of this kind; load the page again.")
        return items[number]

    def _save(self, item: int, values: dict[str, Any]) -> dict[str, Any]:
        try:
            label = Label.model_validate({**values, "rater": self._sitting.rater})
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            told = first["msg"].removeprefix("Value error, ")
            raise JudgeError(f"The {str(first['loc'][0]).replace('_', ' ')} is not right: {told}.") from error
        if not label.judges and not label.preferred_over:
            raise JudgeError("Nothing is said of this episode yet; give a score, or say yes or no.")
        self._sitting.put(item, label)
        return {"item": item, **self.sitting()}


def _parsed(kind: Any, body: bytes) -> Any:
    try:
        return kind.model_validate_json(body)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise JudgeError(f"The request cannot be read ({place}: {first['msg']}); load the page again.") from error


def _told(item: Item, label: Label | None) -> dict[str, Any]:
    if label is None:
        return {"said": None}
    if label.preferred_over:
        better = "tie" if label.is_tie else "left" if label.episode == item.keys[0] else "right"
        return {"said": {"better": better}}
    return {
        "said": {
            "score": label.score,
            "success": label.success,
            "failure_mode": label.failure_mode.name if label.failure_mode else "",
            "onset_s": label.onset_s,
            "note": label.note.removesuffix(VERDICT_SEEN).rstrip(),
            "verdict_seen": label.note.endswith(VERDICT_SEEN),
        }
    }
