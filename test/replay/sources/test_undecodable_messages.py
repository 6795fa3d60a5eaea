"""Messages whose bytes are not of their type: single ones are left out and told, a topic full of them is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from replay.storage.bag_files import rewrite

from vlm_judge_ros import cli
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.replay.bag import BagError
from vlm_judge_ros.replay.events import Unread
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.replay.scoring.left_out import LeftOut
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode

GOOD = EpisodeBag(name="good", duration_s=1.0, truth=False)
IMAGES, JOINTS = "/front/image/compressed", "/joint_states"


def spoilt(folder: Path, spoil: dict[str, set[int]]) -> Path:
    """A bag of which the messages with these numbers on these topics are cut short."""
    seen: Counter[str] = Counter()

    def change(topic: str, time_ns: int, data: bytes) -> Iterator[tuple[str, int, bytes]]:
        cut = seen[topic] in spoil.get(topic, ())
        seen[topic] += 1
        yield topic, time_ns, data[:21] if cut else data

    return rewrite(GOOD.write(folder), folder / "spoilt", change=change)


def test_single_messages_are_left_out_and_told(tmp_path: Path) -> None:
    episode = BagEpisode.find(spoilt(tmp_path, {IMAGES: {0, 4}, JOINTS: {2}}))
    told, left_out = list(episode.events()), LeftOut(episode.description.started_ns)
    for event in told:
        left_out.see(event)
    kinds = Counter(type(event.content) for event in told)
    assert kinds[Unread] == 3
    assert kinds[Frame] == 22 - 2
    assert kinds[JointSample] == 11 - 1
    images, joints = left_out.sentences()
    assert images.startswith(f"2 messages on {IMAGES} could not be used; the first, at 0.00 s: ")
    assert joints.startswith(f"1 message on {JOINTS} could not be used; the first, at 0.20 s: ")
    assert "cannot be decoded" in joints


def test_a_task_is_the_first_that_can_be_read(tmp_path: Path) -> None:
    first = replace(GOOD, name="first").write(tmp_path)
    told: list[int] = []

    def change(topic: str, time_ns: int, data: bytes) -> Iterator[tuple[str, int, bytes]]:
        if topic == "/task":
            told.append(time_ns)
            yield topic, time_ns, data[:6]
        yield topic, time_ns, data

    episode = BagEpisode.find(rewrite(first, tmp_path / "again", change=change))
    assert told
    assert episode.description.task == GOOD.task


@pytest.mark.parametrize("topic", [IMAGES, JOINTS, "/task"])
def test_a_topic_none_of_whose_messages_can_be_read_is_refused(tmp_path: Path, topic: str) -> None:
    path = spoilt(tmp_path, {topic: set(range(100))})
    with pytest.raises(BagError, match=f"message on {topic} .* cannot be decoded"):
        list(BagEpisode.find(path).events())


def test_the_results_say_what_was_left_out(tmp_path: Path) -> None:
    path, out = spoilt(tmp_path, {JOINTS: {2, 3}}), tmp_path / "out"
    assert cli.main(["score", str(path), "--out", str(out), "--judge", "node.square_judge:create"]) == 0
    (sentence,) = read_episode(out / "spoilt").trace.left_out
    assert sentence.startswith(f"2 messages on {JOINTS}")
    assert "What was left out" in (out / "report.html").read_text()
