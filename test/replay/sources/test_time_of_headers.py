"""Bags whose recorder had another clock than the cameras, judged by the stamps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from replay.episode_bag import STARTED_NS, EpisodeBag
from replay.storage.bag_files import Change, rewrite

from vlm_judge_ros import cli
from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.replay.bag import Bag, BagError
from vlm_judge_ros.replay.outputs.scored_mcap import FOLDER
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.sources.clocks import Clock
from vlm_judge_ros.replay.sources.topic_choice import choose_topics
from vlm_judge_ros.replay.sources.topics_file import RobotTopics

SIM = EpisodeBag(name="sim", duration_s=2.0, started_ns=12 * 10**9)
SQUARE = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]


def by_the_wall(seed: int, wrist_apart_ns: int = 0) -> Change:
    """Messages are recorded on the clock of the wall, a third as fast, and up to 0.3 s late."""
    chance = random.Random(seed)

    def change(topic: str, time_ns: int, data: bytes) -> Iterator[tuple[str, int, bytes]]:
        recorded_ns = STARTED_NS + 3 * (time_ns - SIM.started_ns) + chance.randrange(300_000_000)
        yield topic, recorded_ns + (wrist_apart_ns if topic.startswith("/wrist") else 0), data

    return change


def by_header(path: Path) -> BagEpisode:
    with Bag(path) as bag:
        return BagEpisode.read(bag, choose_topics(bag, RobotTopics()), clock=Clock.HEADER)


def told(episode: BagEpisode) -> list[tuple[int, str, str]]:
    kinds = (Frame, JointSample, Chunk)
    return sorted(
        (event.time_ns, type(event.content).__name__, getattr(event.content, "camera", ""))
        for event in episode.events()
        if isinstance(event.content, kinds)
    )


def test_what_is_read_by_the_stamps_is_what_was_recorded_in_simulated_time(tmp_path: Path) -> None:
    plain = SIM.write(tmp_path)
    mixed = rewrite(plain, tmp_path / "mixed", change=by_the_wall(7))
    with pytest.raises(BagError, match="two clocks are mixed; judge by the stamps with --time header"):
        BagEpisode.find(mixed)
    one, other = BagEpisode.find(plain), by_header(mixed)
    assert told(other) == told(one)
    times_ns = [event.time_ns for event in other.events()]
    assert times_ns == sorted(times_ns)
    assert other.description.started_ns == SIM.started_ns
    assert other.description.duration_s == pytest.approx(2.0)
    assert other.description.true_progress.at(1.2) == pytest.approx(0.5, abs=0.12)


def test_cameras_that_tell_different_times_are_refused(tmp_path: Path) -> None:
    mixed = rewrite(SIM.write(tmp_path), tmp_path / "mixed", change=by_the_wall(7, wrist_apart_ns=60 * 10**9))
    with pytest.raises(BagError, match=r"are stamped by clocks 60\.\d s apart; record them with synchronised clocks"):
        by_header(mixed)


def test_the_command_judges_by_the_stamps_and_remembers_that_it_did(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    late = replace(SIM, name="late").write(tmp_path)
    mixed, out = rewrite(late, tmp_path / "mixed", change=by_the_wall(3)), tmp_path / "out"
    words = ["score", str(mixed), "--out", str(out), "--with", "verdicts,mcap", *SQUARE]
    assert cli.main([*words, "--time", "header"]) == 0
    (folder,) = [path for path in out.iterdir() if path.is_dir()]
    with Bag(folder / FOLDER) as bag:
        first_ns, last_ns = bag.span_ns
    assert SIM.started_ns <= first_ns < last_ns <= SIM.started_ns + 3 * 10**9
    capsys.readouterr()
    assert cli.main([*words, "--resume"]) == 1
    assert 'bags.time was "header" and is "recorded"' in capsys.readouterr().err
