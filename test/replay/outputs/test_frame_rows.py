from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.raw_image import RawImage
from vlm_judge_ros.judges.opinion import SubtaskState
from vlm_judge_ros.replay.events import Event
from vlm_judge_ros.replay.outputs.frame_rows import FrameRows, Row
from vlm_judge_ros.replay.sources.recorded_episode import DatasetPlace, EpisodeDescription
from vlm_judge_ros.verdict.verdict import Provenance, State, SubtaskRecord, Verdict

START_NS = 10**12
IMAGE = RawImage(np.zeros(12, np.uint8), 2, 2, "rgb8", 6)


def description(place: DatasetPlace | None = None) -> EpisodeDescription:
    return EpisodeDescription(
        "key", "name", "task", "origin", ("front", "wrist"), START_NS, START_NS + 10**9, place=place
    )


def frame(time_s: float, camera: str = "front") -> Event:
    stamp_ns = START_NS + round(time_s * 1e9)
    return Event(stamp_ns, Frame(camera, stamp_ns, IMAGE, IMAGE.thumbnail()))


def verdict(progress: float | None, subtasks: Sequence[SubtaskRecord] = ()) -> Verdict:
    return Verdict(
        stamp_ns=START_NS,
        state=State.PROGRESSING if progress is not None else State.UNKNOWN,
        progress=progress,
        reason="made",
        subtasks=tuple(subtasks),
        provenance=Provenance(software_version="0"),
    )


def told(rows: FrameRows, *happened: Event | tuple[float, Verdict]) -> list[Row]:
    found = []
    for one in happened:
        if isinstance(one, Event):
            found.append(rows.see(one))
        else:
            found.append(rows.verdict(one[1], START_NS + round(one[0] * 1e9)))
    found.append(rows.last())
    return [pair[0] for pair in found if pair is not None]


def test_a_row_holds_what_was_known_at_its_frame_and_nothing_later() -> None:
    rows = told(
        FrameRows(description()),
        frame(0.0),
        frame(0.0, "wrist"),
        frame(0.1),
        (0.1, verdict(0.2)),
        (0.15, verdict(0.5)),
        frame(0.2),
        frame(0.3),
        (0.35, verdict(0.9)),
    )
    assert [row["progress"] for row in rows] == [None, 0.2, 0.5, 0.5]
    assert [row["reward"] for row in rows] == [None, None, pytest.approx(0.3), 0.0]
    assert [row["timestamp"] for row in rows] == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert [row["state"] for row in rows] == ["UNKNOWN", "PROGRESSING", "PROGRESSING", "PROGRESSING"]


def test_rows_have_the_numbers_of_the_dataset() -> None:
    rows = told(FrameRows(description(DatasetPlace("cubes", 4, 100))), frame(0.0), frame(0.1))
    assert [(row["index"], row["episode_index"], row["frame_index"]) for row in rows] == [(100, 4, 0), (101, 4, 1)]


def test_progress_that_is_not_known_is_empty_and_its_rewards_are_not_lost() -> None:
    rows = told(
        FrameRows(description()),
        frame(0.0),
        (0.0, verdict(0.1)),
        frame(0.1),
        (0.1, verdict(None)),
        frame(0.2),
        (0.2, verdict(0.4)),
    )
    assert [row["progress"] for row in rows] == [0.1, None, 0.4]
    assert [row["reward"] for row in rows] == [None, None, pytest.approx(0.3)]


@given(st.lists(st.one_of(st.none(), st.floats(0.0, 1.0)), min_size=1, max_size=30))
def test_rewards_add_up_to_what_was_gained(values: list[float | None]) -> None:
    happened: list[Event | tuple[float, Verdict]] = []
    for index, value in enumerate(values):
        happened += [frame(0.1 * index), (0.1 * index, verdict(value))]
    rows = told(FrameRows(description()), *happened)
    known = [value for value in values if value is not None]
    gained = known[-1] - known[0] if known else 0.0
    assert sum(row["reward"] or 0.0 for row in rows) == pytest.approx(gained, abs=1e-9)
    assert [row["progress"] for row in rows] == values


def test_subtasks_get_rows_of_their_own_weighted_by_their_share() -> None:
    def steps(reach: float, lift: float | None) -> list[SubtaskRecord]:
        return [
            SubtaskRecord(name="reach", weight=0.25, progress=reach, state=SubtaskState.DONE),
            SubtaskRecord(name="lift", weight=0.75, progress=lift, state=SubtaskState.ACTIVE),
        ]

    rows = FrameRows(description())
    rows.see(frame(0.0))
    rows.verdict(verdict(0.1, steps(0.4, None)), START_NS)
    first = rows.see(frame(0.1))
    rows.verdict(verdict(0.5, steps(1.0, 0.2)), START_NS + 10**8)
    second = rows.see(frame(0.2))
    rows.verdict(verdict(0.8, steps(1.0, 0.6)), START_NS + 2 * 10**8)
    third = rows.last()
    assert first is not None and second is not None and third is not None
    assert [pair[0]["progress_dense"] for pair in (first, second, third)] == [
        None,
        pytest.approx(0.4),
        pytest.approx(0.7),
    ]
    assert second[0]["subtask"] == "lift"
    assert [row["reward"] for row in second[1]] == [pytest.approx(0.15), None]
    assert [row["reward"] for row in third[1]] == [0.0, pytest.approx(0.3)]
