"""`episode.json` and `pictures/`: everything that a report needs of one judged episode."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from vlm_judge_ros import __version__
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.known import or_nan
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.column_score import ColumnScore
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.output import Silent
from vlm_judge_ros.replay.outputs.pictures import FOLDER, Picture, Pictures
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace, Shot
from vlm_judge_ros.verdict.verdict import State, Verdict

EPISODE = "episode.json"
SCHEMA_VERSION: Final = 3
"""Since 2 answers have `raw_score`; since 3 they have what they cost, and the trace has `instrument`."""

_LATER = ("raw_score", "input_tokens", "output_tokens", "money")
"""Of an answer; older files do not have them, so that they are not known."""

_MAY_BE_NAN = (
    "progress",
    "progress_low",
    "progress_high",
    "success_probability",
    "failure_probability",
    "novelty",
    "latency_s",
    *_LATER,
)
"""Of an answer."""


class EpisodeRecord(BaseModel):
    """What stands in `episode.json`. What is NaN in a trace is null there.

    Attributes:
        schema_version: of this file.
        software_version: of what wrote it.
        key: name of the episode's folder.
        origin: where the episode was recorded to.
        trace: what happened, without pictures.
        pictures: those that lie in `pictures/`.
        scores: what columns of the dataset say of the episode.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")

    schema_version: Literal[1, 2, 3] = SCHEMA_VERSION
    software_version: str = __version__
    key: str
    origin: str
    trace: EpisodeTrace
    pictures: tuple[Picture, ...]
    scores: tuple[ColumnScore, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredEpisode:
    """A judged episode, read from its folder.

    Attributes:
        folder: where it lies.
        key: name of the folder when it was written.
        origin: where the episode was recorded to.
        trace: what happened, with pictures where they were wanted.
        pictures: where its pictures lie, in `pictures/` of the folder.
        scores: what columns of the dataset say of the episode.
    """

    folder: Path
    key: str
    origin: str
    trace: EpisodeTrace
    pictures: tuple[Picture, ...] = ()
    scores: tuple[ColumnScore, ...] = ()


class EpisodeFile(Silent):
    """Writes `episode.json` and `pictures/`."""

    def __init__(self, episode: RecordedEpisode, folder: Path) -> None:
        described = episode.description
        self._key, self._origin, self._folder = described.key, _as_text(described.origin), folder
        self._scores = described.scores
        onset_s = described.truth.onset_s if described.truth is not None else None
        moments_s = [] if onset_s is None else [onset_s]
        self._pictures = Pictures(folder, described.cameras, described.started_ns, described.ended_ns, moments_s)
        self._state = State.UNKNOWN

    @staticmethod
    def open(episode: RecordedEpisode, folder: Path) -> EpisodeFile:
        """See `OutputKind.open`."""
        return EpisodeFile(episode, folder)

    def see(self, event: Event) -> None:
        """Choose pictures."""
        if isinstance(event.content, Frame):
            self._pictures.see(event.content, event.time_ns)

    def verdict(self, verdict: Verdict, time_ns: int) -> None:
        """Keep pictures of the moments at which an episode is found to have failed or succeeded."""
        if verdict.state is not self._state and verdict.state in (State.FAILED, State.SUCCEEDED):
            self._pictures.mark()
        self._state = verdict.state

    def finish(self, trace: EpisodeTrace) -> None:
        """Write `episode.json`."""
        record = EpisodeRecord(
            key=self._key,
            origin=self._origin,
            trace=replace(trace, name=_as_text(trace.name), shots=()),
            pictures=self._pictures.finish(),
            scores=self._scores,
        )
        (self._folder / EPISODE).write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def read_episode(folder: Path, pictures: bool = True) -> ScoredEpisode:
    """Read what `EpisodeFile` wrote.

    Args:
        folder: of the episode.
        pictures: read the pictures too; without them the trace has no shots.

    Raises:
        JudgeError: it is not there, or not what was written.
    """
    path = folder / EPISODE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict) and content.get("schema_version") not in range(1, SCHEMA_VERSION + 1):
            raise JudgeError(
                f"{path} has schema_version {content.get('schema_version')!r}, and this software reads 1 to "
                f"{SCHEMA_VERSION}; score the episode again."
            )
        _restore_nan(content["trace"])
        record = EpisodeRecord.model_validate(content)
        shots = tuple(_shot(folder, picture) for picture in record.pictures) if pictures else ()
    except OSError as error:
        raise JudgeError(f"{error.filename} cannot be read ({error.strerror}); score the episode again.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise JudgeError(f"{path} is damaged ({place}: {first['msg']}); score the episode again.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JudgeError(f"{path} is damaged ({error}); score the episode again.") from error
    trace = replace(record.trace, shots=shots)
    return ScoredEpisode(folder, record.key, record.origin, trace, record.pictures, record.scores)


def _as_text(name: str) -> str:
    """A name without what no text can hold: files may have names in other encodings."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _shot(folder: Path, picture: Picture) -> Shot:
    # A name alone: a record that was tampered with leads nowhere else.
    return Shot(picture.camera, picture.time_s, (folder / FOLDER / Path(picture.file).name).read_bytes())


def restore_answers(answers: list[dict[str, Any]]) -> None:
    """Make NaN again of what is null in answers, as JSON has them."""
    for answer in answers:
        for name in _LATER:
            answer.setdefault(name, None)
        _fill(answer, _MAY_BE_NAN)


def _restore_nan(trace: dict[str, Any]) -> None:
    restore_answers(trace["answers"])
    for ruling in trace["rulings"]:
        _fill(ruling, ("progress",))
        for finding in (*ruling["decided_by"], *ruling["overruled"]):
            _fill(finding, ("value", "limit"))
    for alarm in trace["alarms"]:
        _fill(alarm["finding"], ("value", "limit"))
    curve = trace["true_progress"]
    curve["values"] = [or_nan(value) for value in curve["values"]]


def _fill(entry: dict[str, Any], fields: tuple[str, ...]) -> None:
    for field in fields:
        if entry[field] is None:
            entry[field] = math.nan
