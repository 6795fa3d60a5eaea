from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from recorded import BAGS, needs_recordings
from replay.episode_bag import STARTED_NS, EpisodeBag
from rosbags.rosbag2 import StoragePlugin

from vlm_judge_ros.replay.bag import Bag, BagError


@pytest.mark.parametrize("storage", StoragePlugin)
def test_messages_come_in_order_of_time_with_their_bytes(tmp_path: Path, storage: StoragePlugin) -> None:
    path = EpisodeBag(duration_s=1.0, storage=storage).write(tmp_path)
    with Bag(path) as bag:
        messages = list(bag.messages())
        assert bag.topics["/chunk"] == "vlm_judge_ros/msg/ActionChunk"
        assert bag.counts["/front/image/compressed"] == 11
        assert bag.started_ns == STARTED_NS
        times = [message.time_ns for message in messages]
        assert times == sorted(times)
        images = [message for message in messages if message.topic == "/wrist/image/compressed"]
        assert bytes(bag.decode(images[0]).data[:2]) == b"\xff\xd8"


def test_only_the_named_topics_are_read(tmp_path: Path) -> None:
    with Bag(EpisodeBag(duration_s=0.5).write(tmp_path)) as bag:
        assert {message.topic for message in bag.messages({"/joint_states"})} == {"/joint_states"}
        assert list(bag.messages({"/nothing"})) == []


def test_a_bag_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"no bag at .*absent; check the path"):
        Bag(tmp_path / "absent")


def test_a_folder_without_metadata_is_not_a_bag(tmp_path: Path) -> None:
    with pytest.raises(BagError, match=r"no metadata\.yaml"):
        Bag(tmp_path)


def test_a_bag_of_ros_1_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(BagError, match="rosbags-convert"):
        Bag(tmp_path / "old.bag")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_a_truncated_bag_is_said_to_be_truncated(tmp_path: Path, share: float) -> None:
    path = EpisodeBag(duration_s=1.0).write(tmp_path)
    file = next(path.glob("*.mcap"))
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(BagError, match=r"truncated or damaged.*mcap recover"), Bag(path) as bag:
        list(bag.messages())


def test_damage_anywhere_is_either_harmless_or_a_sentence(tmp_path: Path) -> None:
    path = EpisodeBag(duration_s=0.3).write(tmp_path)
    file = next(path.glob("*.mcap"))
    data = file.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 40)):
        file.write_bytes(data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :])
        try:
            with Bag(path) as bag:
                for message in bag.messages():
                    bag.decode(message)
        except BagError as error:
            assert str(path) in str(error)


def test_a_message_that_is_not_of_its_type_is_a_sentence(tmp_path: Path) -> None:
    with Bag(EpisodeBag(duration_s=0.3).write(tmp_path)) as bag:
        message = next(bag.messages({"/joint_states"}))
        broken = type(message)(message.topic, message.type, message.time_ns, message.cdr[:9])
        with pytest.raises(BagError, match=r"/joint_states .* cannot be decoded"):
            bag.decode(broken)


def test_a_type_that_nobody_defines_is_named(tmp_path: Path) -> None:
    with Bag(EpisodeBag(duration_s=0.3).write(tmp_path)) as bag:
        message = next(bag.messages({"/joint_states"}))
        strange = type(message)(message.topic, "acme_msgs/msg/Rocket", message.time_ns, message.cdr)
        with pytest.raises(BagError, match="acme_msgs/msg/Rocket"):
            bag.decode(strange)


@needs_recordings
@pytest.mark.parametrize("name", ["test_bag_mcap", "test_bag_sqlite3"])
def test_every_message_of_bags_from_other_software_is_read(name: str) -> None:
    with Bag(BAGS / name) as bag:
        assert len([bag.decode(message) for message in bag.messages()]) == 188


def test_a_copy_of_a_bag_under_another_name_is_read(tmp_path: Path) -> None:
    path = EpisodeBag(duration_s=0.3).write(tmp_path)
    moved = shutil.move(path, tmp_path / "with spaces and ünïcode")
    with Bag(Path(moved)) as bag:
        assert bag.counts["/joint_states"] == 4


def test_topics_are_told_with_all_that_a_copy_of_them_needs(tmp_path: Path) -> None:
    with Bag(EpisodeBag().write(tmp_path)) as bag:
        by_id = {topic.id: topic for topic in bag.recorded_topics}
        assert {topic.topic: topic.type for topic in by_id.values()} == dict(bag.topics)
        for message in bag.messages():
            assert by_id[message.topic_id].topic == message.topic
        task = next(topic for topic in by_id.values() if topic.topic == "/task")
        assert (task.language, task.definition.strip()) == ("ros2msg", "string data")
        assert task.type_hash.startswith("RIHS01_")
