from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.bundled import bundled_episode
from vlm_judge_ros.replay.outputs.verdict_lines import LATENCIES, VERDICTS, VerdictLines
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.verdict import State, Verdict

FAILURE = "pick-place_none_900006"


@pytest.fixture(scope="module")
def judge() -> Iterator[EpisodeJudge]:
    values = GivenParameters().for_cameras(("front", "wrist"))
    judge = EpisodeJudge(values)
    yield judge
    judge.close()


def score(judge: EpisodeJudge, folder: Path) -> EpisodeTrace:
    folder.mkdir()
    episode = BagEpisode.find(bundled_episode(FAILURE))
    output = VerdictLines.open(episode, folder)
    trace = judge.judge(episode, [output])
    output.finish(trace)
    return trace


def test_the_same_recording_gives_the_same_bytes(judge: EpisodeJudge, tmp_path: Path) -> None:
    traces = [score(judge, tmp_path / name) for name in ("one", "two")]
    one, two = ((tmp_path / name / VERDICTS).read_bytes() for name in ("one", "two"))
    assert one == two
    verdicts = [Verdict.model_validate_json(line) for line in one.splitlines()]
    assert len(verdicts) > 5
    assert verdicts[-1].state is traces[0].final_state is State.SUCCEEDED
    assert all(verdict.provenance.latency_s is None for verdict in verdicts)
    assert len((tmp_path / "one" / LATENCIES).read_text().splitlines()) == len(traces[0].answers)


def test_the_trace_tells_seconds_of_the_episode(judge: EpisodeJudge, tmp_path: Path) -> None:
    trace = score(judge, tmp_path / "one")
    times_s = [ruling.known_s for ruling in trace.rulings]
    assert times_s == sorted(times_s)
    assert 0.0 <= times_s[0] <= times_s[-1] <= trace.duration_s + 1e-6
    assert trace.answers[-1].time_s == pytest.approx(trace.duration_s, abs=0.3)
    assert trace.frames_in == {"front": trace.frames_in["front"], "wrist": trace.frames_in["wrist"]}
    assert min(trace.frames_in.values()) > 10
