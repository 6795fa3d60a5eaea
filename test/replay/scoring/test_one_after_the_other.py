"""What was judged before an episode leaves no trace in its verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from replay.episode_bag import STARTED_NS, EpisodeBag
from replay.scoring.judged_lines import judged_lines

from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode

DAY_NS = 86_400 * 10**9


@contextmanager
def square_judge(monkeypatch: pytest.MonkeyPatch) -> Iterator[EpisodeJudge]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    values = GivenParameters().for_cameras(("front", "wrist"))
    judge = EpisodeJudge({**values, "judge": "node.square_judge:create"})
    yield judge
    judge.close()


def test_an_episode_gives_the_same_bytes_whatever_was_judged_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = EpisodeBag(name="wanted", duration_s=2.0).write(tmp_path)
    before = [
        EpisodeBag(name=name, duration_s=2.0, started_ns=STARTED_NS + shift_ns).write(tmp_path)
        for name, shift_ns in (("earlier", -1000 * DAY_NS), ("later", 1000 * DAY_NS), ("just_before", -10 * 10**9))
    ]
    with square_judge(monkeypatch) as judge:
        alone = judged_lines(judge, bag, tmp_path / "alone")
        for number, other in enumerate(before):
            judged_lines(judge, other, tmp_path / f"other{number}")
            assert judged_lines(judge, bag, tmp_path / f"after{number}") == alone
    assert alone.count(b"\n") >= 3
    assert b"clock" not in alone


def test_years_without_messages_end_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = EpisodeBag(name="wanted", duration_s=1.0).write(tmp_path)
    episode = BagEpisode.find(bag)
    ended_ns = episode.description.ended_ns + 5000 * DAY_NS
    long = replace(episode, description=replace(episode.description, ended_ns=ended_ns))
    with square_judge(monkeypatch) as judge:
        trace = judge.judge(long, [])
    assert trace.rulings[-1].time_s > 4999 * 86_400
