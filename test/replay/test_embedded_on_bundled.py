"""The embedded judge and the gate on the bundled episodes, read from their bags as a replay reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.judges.embedded import EmbeddedJudge
from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episodes
from vlm_judge_ros.replay.events import events
from vlm_judge_ros.replay.recording import Recording
from vlm_judge_ros.verdict.engine import Engine
from vlm_judge_ros.verdict.verdict import State, Verdict

FROZEN_S = 15.0


@dataclass(frozen=True)
class Judged:
    """One bundled episode and what was made of it."""

    recording: Recording
    opinions: list[Opinion]
    verdicts: list[Verdict]

    @property
    def truth(self) -> str:
        assert self.recording.truth is not None
        return self.recording.truth.label

    @property
    def progress_errors(self) -> list[float]:
        times, values = self.recording.true_progress.times_s, self.recording.true_progress.values
        return [
            abs(opinion.progress - float(np.interp(opinion.evidence.elapsed_s, times, values)))
            for opinion in self.opinions
        ]


@pytest.fixture(scope="module")
def judge() -> EmbeddedJudge:
    return EmbeddedJudge()


def judge_bag(path: Path, judge: EmbeddedJudge) -> Judged:
    engine, opinions, verdicts = Engine(), [], []
    with Bag(path) as bag:
        recording = Recording.read(bag)
        engine.start_episode(recording.name, recording.task, recording.started_ns)
        for event in events(bag, recording.topics):
            match event.content:
                case Frame() as frame:
                    assert engine.add_frame(frame, event.time_ns) is None
                case JointSample() as sample:
                    engine.add_joint_state(sample)
                case Chunk() as chunk:
                    engine.add_chunk(chunk)
            request = engine.due(event.time_ns)
            if request is not None and request.evidence is not None:
                opinions.append(judge.ask(request.evidence))
                verdicts.append(engine.add_opinion(opinions[-1], event.time_ns))
    return Judged(recording, opinions, verdicts)


@pytest.fixture(scope="module")
def judged(judge: EmbeddedJudge) -> dict[str, Judged]:
    return {name: judge_bag(path, judge) for name, path in bundled_episodes().items()}


def failures(judged: dict[str, Judged]) -> Iterator[Judged]:
    return (one for one in judged.values() if one.truth != "success")


def test_it_knows_every_bundled_scene(judged: dict[str, Judged]) -> None:
    assert not [name for name, one in judged.items() if any(opinion.declined for opinion in one.opinions)]


def test_every_success_is_called_one_in_the_end(judged: dict[str, Judged]) -> None:
    states = {name: one.verdicts[-1].state for name, one in judged.items() if one.truth == "success"}
    assert states == dict.fromkeys(states, State.SUCCEEDED)


def test_no_success_is_ever_called_a_failure(judged: dict[str, Judged]) -> None:
    for one in judged.values():
        if one.truth == "success":
            assert State.FAILED not in {verdict.state for verdict in one.verdicts}


def test_no_failure_is_called_a_success_in_the_end(judged: dict[str, Judged]) -> None:
    assert State.SUCCEEDED not in {one.verdicts[-1].state for one in failures(judged)}


def test_failures_are_recognised_and_not_before_they_begin(judged: dict[str, Judged]) -> None:
    recognised = 0
    for one in failures(judged):
        failed = [verdict for verdict in one.verdicts if verdict.state is State.FAILED]
        recognised += bool(failed)
        assert one.recording.truth is not None
        assert one.recording.truth.onset_s is not None
        assert all(verdict.elapsed_s >= one.recording.truth.onset_s for verdict in failed)
    # Figures over many episodes come from benchmarks/embedded_judge.py; this only notices that it broke.
    assert recognised >= len(list(failures(judged))) - 1


def test_progress_follows_the_truth(judged: dict[str, Judged]) -> None:
    assert float(np.mean([error for one in judged.values() for error in one.progress_errors])) < 0.1


def test_a_frozen_video_makes_no_progress(judge: EmbeddedJudge) -> None:
    for name, path in bundled_episodes().items():
        with Bag(path) as bag:
            recording = Recording.read(bag)
            frames = [event.content for event in events(bag, recording.topics) if isinstance(event.content, Frame)]
        middle = len(frames) // 2
        pair = {frame.camera: frame for frame in frames[middle : middle + 2]}
        engine = Engine()
        engine.start_episode(name, recording.task, 10**9)
        progress = []
        for tenth in range(round(FROZEN_S * 10)):
            now_ns = 10**9 + tenth * 10**8
            for camera, frame in pair.items():
                engine.add_frame(Frame(camera, now_ns, frame.image, frame.thumbnail), now_ns)
            request = engine.due(now_ns)
            if request is not None and request.evidence is not None:
                progress.append(judge.ask(request.evidence).progress)
        assert len(progress) >= FROZEN_S - 2
        assert max(progress) - min(progress) < 0.1, name


def test_the_answer_to_the_same_frames_is_the_same(judged: dict[str, Judged]) -> None:
    name, path = next(iter(bundled_episodes().items()))
    again = judge_bag(path, EmbeddedJudge())
    assert [opinion.progress for opinion in again.opinions] == pytest.approx(
        [opinion.progress for opinion in judged[name].opinions], abs=1e-5
    )
