"""rosbags is the oracle: what it reads of a whole bag, in its order, is what we read."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded import BAGS, needs_recordings
from replay.episode_bag import EpisodeBag
from replay.storage.bag_files import FORMS, Form
from rosbags.highlevel import AnyReader

from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.bundled import bundled_episodes


def by_rosbags(path: Path) -> list[tuple[int, str, str, bytes]]:
    with AnyReader([path]) as reader:
        return [(time_ns, topic.topic, topic.msgtype, bytes(data)) for topic, time_ns, data in reader.messages()]


def by_us(path: Path) -> list[tuple[int, str, str, bytes]]:
    with Bag(path) as bag:
        return [(message.time_ns, message.topic, message.type, message.cdr) for message in bag.messages()]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_way_to_store_a_bag_gives_the_same_messages(tmp_path: Path, form: Form) -> None:
    plain = by_us(EpisodeBag(duration_s=2.0).write(tmp_path))
    path = form.write(tmp_path / "other")
    assert by_us(path) == plain
    # rosbags reads a file that is compressed as a whole only in its folder.
    assert sorted(by_rosbags(path.parent if form.single else path)) == sorted(plain)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_times_and_counts_are_those_of_the_messages(tmp_path: Path, form: Form) -> None:
    with Bag(form.write(tmp_path)) as bag:
        messages = list(bag.messages())
        assert [(each.topic, each.time_ns) for each in messages] == [(each.topic, each.time_ns) for each in bag.times()]
        counts = {name: sum(message.topic == name for message in messages) for name in bag.topics}
        assert counts == bag.counts
        assert bag.span_ns == (messages[0].time_ns, messages[-1].time_ns)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_stretch_is_what_lies_within_it(tmp_path: Path, form: Form) -> None:
    with Bag(form.write(tmp_path)) as bag:
        first_ns, last_ns = bag.span_ns
        begin_ns, end_ns = first_ns + 700_000_000, last_ns - 500_000_000
        topics = {"/front/image/compressed", "/task"}
        expected = [each for each in bag.messages(topics) if begin_ns <= each.time_ns < end_ns]
        assert len(expected) == 8
        assert list(bag.messages(topics, begin_ns, end_ns)) == expected
        assert [each.time_ns for each in bag.times(topics, begin_ns, end_ns)] == [each.time_ns for each in expected]


def test_what_is_bundled_is_read_alike() -> None:
    for path in list(bundled_episodes().values())[:2]:
        assert by_us(path) == by_rosbags(path)


@needs_recordings
@pytest.mark.parametrize("name", ["test_bag_mcap", "test_bag_sqlite3"])
def test_bags_of_other_software_are_read_alike(name: str) -> None:
    assert by_us(BAGS / name) == by_rosbags(BAGS / name)
