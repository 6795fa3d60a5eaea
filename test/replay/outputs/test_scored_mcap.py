"""The episode as a bag with what was judged: read back by two readers that did not write it."""

from __future__ import annotations

import json
import resource
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from recorded import BAGS, needs_recordings
from replay.episode_bag import STARTED_NS, EpisodeBag
from replay.outputs.judged_by_hand import FAILURE, FINDING, PROVENANCE, VERDICT, Elsewhere, judge_by_hand, update
from rosbags.interfaces import QosDurability, QosReliability
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.bag import Bag, RecordedTopic
from vlm_judge_ros.replay.outputs import judge_topics
from vlm_judge_ros.replay.outputs.judge_topics import (
    ANNOTATED,
    FINDINGS,
    JUDGE_TOPICS,
    PROGRESS,
    REVIEW,
    BagMessages,
    quality,
)
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.sources.parts import Part
from vlm_judge_ros.replay.sources.recorded_episode import Stretch

pytest.importorskip("mcap")

from mcap.reader import make_reader

from vlm_judge_ros.replay.outputs.bag_writer import BagWriter
from vlm_judge_ros.replay.outputs.recorded_copy import RecordedCopy
from vlm_judge_ros.replay.outputs.scored_mcap import CUSTOM_DATA, FOLDER, ScoredMcap

Messages = dict[str, list[tuple[int, bytes]]]


def scored(path: Path, folder: Path) -> Path:
    """The scored bag of a bag."""
    episode = BagEpisode.find(path)
    folder.mkdir(exist_ok=True)
    judge_by_hand(episode, ScoredMcap.open(episode, folder))
    return folder / FOLDER


def messages(path: Path) -> Messages:
    found: Messages = defaultdict(list)
    with Bag(path) as bag:
        for message in bag.messages():
            found[message.topic].append((message.time_ns, message.cdr))
    return dict(found)


def decoded(path: Path, topic: str) -> list[Any]:
    with Bag(path) as bag:
        return [bag.decode(message) for message in bag.messages({topic})]


def left_out(path: Path) -> dict[str, int]:
    told = yaml.safe_load((path / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    return json.loads(told["custom_data"][CUSTOM_DATA])["left_out"]


@pytest.mark.parametrize("storage", StoragePlugin)
def test_what_was_recorded_is_there_again_byte_for_byte(tmp_path: Path, storage: StoragePlugin) -> None:
    path = EpisodeBag(storage=storage, push_from_s=1.0).write(tmp_path)
    again = scored(path, tmp_path / "out")
    before, after = messages(path), messages(again)
    assert {topic: found for topic, found in after.items() if topic not in JUDGE_TOPICS} == before
    assert left_out(again) == {}
    with Bag(path) as old, Bag(again) as new:
        copied = {topic.topic: topic for topic in new.recorded_topics}
        for topic in old.recorded_topics:
            copy = copied[topic.topic]
            assert (copy.type, copy.definition, copy.language) == (topic.type, topic.definition, topic.language)
            assert (copy.type_hash, copy.qos) == (topic.type_hash, topic.qos)


def test_the_mcap_reader_of_its_makers_finds_no_fault(tmp_path: Path) -> None:
    again = scored(EpisodeBag(duration_s=6.0, raw=True).write(tmp_path), tmp_path / "out")
    with (again / "scored.mcap").open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        found = list(reader.iter_messages())
        assert len(found) == summary.statistics.message_count > 300
        assert reader.get_header().profile == "ros2"
        assert {chunk.compression for chunk in summary.chunk_indexes} == {"zstd"}
        assert len(summary.chunk_indexes) > 3
        counts: dict[str, int] = defaultdict(int)
        for schema, channel, message in found:
            counts[channel.topic] += 1
            assert schema is not None
            assert (schema.encoding, channel.message_encoding) == ("ros2msg", "cdr")
            assert schema.data
            assert message.log_time == message.publish_time
        times = [message.log_time for _, _, message in found]
        assert times == sorted(times)
        told = {entry.name: entry.metadata for entry in reader.iter_metadata()}
    description = yaml.safe_load((again / "metadata.yaml").read_text())["rosbag2_bagfile_information"]
    assert yaml.safe_load(told["rosbag2"]["serialized_metadata"]) == description
    counted = {
        entry["topic_metadata"]["name"]: entry["message_count"] for entry in description["topics_with_message_count"]
    }
    assert {topic: count for topic, count in counted.items() if count} == counts
    assert description["message_count"] == len(found)
    assert description["starting_time"]["nanoseconds_since_epoch"] == times[0]
    assert description["duration"]["nanoseconds"] == times[-1] - times[0]
    assert "&id" not in (again / "metadata.yaml").read_text()


def test_what_was_judged_lies_at_the_times_at_which_it_was_heard(tmp_path: Path) -> None:
    path = EpisodeBag().write(tmp_path)
    episode = BagEpisode.find(path)
    times_ns = judge_by_hand(episode, ScoredMcap.open(episode, tmp_path))
    after = messages(tmp_path / FOLDER)
    for topic in (judge_topics.VERDICT, PROGRESS, FINDINGS):
        assert [time_ns for time_ns, _ in after[topic]] == times_ns
    verdict = decoded(tmp_path / FOLDER, judge_topics.VERDICT)[1]
    assert (verdict.chunk_id, verdict.state, verdict.reason) == (10, 4, VERDICT.reason)
    assert verdict.progress == 0.375
    assert verdict.header.stamp.sec * 10**9 + verdict.header.stamp.nanosec == VERDICT.stamp_ns
    assert verdict.decided_by[0].text == FINDING.text
    assert np.isnan(verdict.overruled[0].value)
    assert list(verdict.missing_layers) == [4]
    assert list(verdict.provenance.deciding_layers) == [1, 3]
    assert verdict.provenance.frames[0].camera == PROVENANCE.frames[0].camera
    assert decoded(tmp_path / FOLDER, PROGRESS)[0].critique.advice == "Slower."
    assert decoded(tmp_path / FOLDER, FINDINGS)[0].findings[0].value == 55.0
    assert [event.code for event in decoded(tmp_path / FOLDER, judge_topics.FAILURE)] == ["COLLISION"]


def test_images_are_drawn_into_as_often_as_the_node_does_and_at_the_end(tmp_path: Path) -> None:
    again = scored(EpisodeBag(duration_s=3.0).write(tmp_path), tmp_path / "out")
    drawn = decoded(again, ANNOTATED)
    assert 15 <= len(drawn) <= 17
    picture = cv2.imdecode(drawn[-1].data, cv2.IMREAD_COLOR)
    assert picture.shape[1] == 640
    assert drawn[-1].header.frame_id == "front"
    assert drawn[-1].header.stamp.sec == 1_700_000_003


def test_late_subscribers_get_the_verdict_and_publishers_are_as_they_were(tmp_path: Path) -> None:
    store = get_typestore(Stores.ROS2_HUMBLE)
    path = EpisodeBag(task="").write(tmp_path)
    kept = quality(1, latched=True)
    with Writer(tmp_path / "latched", version=9, storage_plugin=StoragePlugin.MCAP) as writer, Reader(path) as reader:
        string = "std_msgs/msg/String"
        told = writer.add_connection("/task", string, typestore=store, offered_qos_profiles=[kept, quality(5)])
        writer.write(told, STARTED_NS - 1, store.serialize_cdr(store.types[string](data="move it"), string))
        connections = {
            connection.id: writer.add_connection(
                connection.topic, connection.msgtype, msgdef=connection.msgdef.data, rihs01=connection.digest
            )
            for connection in reader.connections
        }
        for connection, time_ns, cdr in reader.messages():
            writer.write(connections[connection.id], time_ns, cdr)
    again = scored(tmp_path / "latched", tmp_path / "out")
    with Reader(again) as reader:
        offered = {connection.topic: connection.ext.offered_qos_profiles for connection in reader.connections}
    assert offered["/task"] == [kept, quality(5)]
    assert offered[judge_topics.VERDICT][0].durability is QosDurability.TRANSIENT_LOCAL
    assert offered[PROGRESS][0].reliability is QosReliability.RELIABLE
    assert offered["/joint_states"] == []
    assert messages(again)["/task"] == messages(tmp_path / "latched")["/task"]


def test_what_was_judged_before_makes_way_and_is_counted(tmp_path: Path) -> None:
    path = EpisodeBag().write(tmp_path)
    once = scored(path, tmp_path / "once")
    twice = scored(once, tmp_path / "twice")
    replaced = {topic: len(found) for topic, found in messages(once).items() if topic in JUDGE_TOPICS}
    assert left_out(twice) == replaced
    assert set(replaced) == {judge_topics.VERDICT, PROGRESS, judge_topics.FAILURE, FINDINGS, ANNOTATED}
    assert messages(twice) == messages(once)


def test_only_the_stretch_of_the_episode_is_copied(tmp_path: Path) -> None:
    path = EpisodeBag(duration_s=3.0).write(tmp_path)
    begin_ns, end_ns = STARTED_NS + 1_000_000_000, STARTED_NS + 2_000_000_000
    writer = BagWriter(tmp_path / "part")
    copy = RecordedCopy(Stretch(path, begin_ns, end_ns + 1), writer, BagMessages(), {"/chunk"})
    copy.finish()
    copy.close()
    writer.close({})
    wanted = {
        topic: [one for one in found if begin_ns <= one[0] <= end_ns]
        for topic, found in messages(path).items()
        if topic != "/chunk"
    }
    assert messages(tmp_path / "part") == {topic: found for topic, found in wanted.items() if found}
    assert copy.left_out == {"/chunk": 2}


def test_a_type_that_nobody_defines_is_copied_all_the_same(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "foreign")
    foreign = writer.add_topic(RecordedTopic(0, "/odd", "odd_msgs/msg/Odd"))
    usual = writer.add_topic(RecordedTopic(0, "/told", "std_msgs/msg/String"))
    writer.write(foreign, STARTED_NS + 5, b"\0\1\0\0odd")
    writer.write(usual, STARTED_NS, b"\0\1\0\0\2\0\0\0a\0")
    writer.close({})
    with Bag(tmp_path / "foreign") as bag:
        assert bag.topics == {"/odd": "odd_msgs/msg/Odd", "/told": "std_msgs/msg/String"}
        assert [message.cdr[4:] for message in bag.messages({"/odd"})] == [b"odd"]
        assert [message.time_ns for message in bag.messages()] == [STARTED_NS, STARTED_NS + 5]


def test_definitions_of_usual_types_are_added_where_a_bag_has_none() -> None:
    known = BagMessages()
    completed = known.completed(RecordedTopic(3, "/told", "std_msgs/msg/String", qos=(quality(4),)))
    assert (completed.definition.strip(), completed.language, completed.qos) == (
        "string data",
        "ros2msg",
        (quality(4),),
    )
    other = RecordedTopic(3, "/told", "std_msgs/msg/String", type_hash="RIHS01_of_another_string")
    odd = RecordedTopic(3, "/odd", "odd_msgs/msg/Odd")
    assert [known.completed(topic) for topic in (other, odd)] == [other, odd]


def test_messages_out_of_order_keep_their_times(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "mixed")
    channel = writer.add_topic(RecordedTopic(0, "/odd", "odd_msgs/msg/Odd"))
    for offset in (30, 10, 20):
        writer.write(channel, STARTED_NS + offset, bytes([0, 1, 0, 0, offset]))
    writer.close({})
    assert messages(tmp_path / "mixed")["/odd"] == [
        (STARTED_NS + offset, bytes([0, 1, 0, 0, offset])) for offset in (10, 20, 30)
    ]


def test_an_episode_from_elsewhere_becomes_images_joint_states_and_task(tmp_path: Path) -> None:
    path = EpisodeBag(duration_s=1.0, raw=True).write(tmp_path)
    episode = Elsewhere(BagEpisode.find(path))
    judge_by_hand(episode, ScoredMcap.open(episode, tmp_path))
    again = tmp_path / FOLDER
    assert [message.data for message in decoded(again, "/task")] == ["move the square to the right"]
    images = decoded(again, "/wrist/image/compressed")
    assert len(images) == 11
    assert cv2.imdecode(images[0].data, cv2.IMREAD_COLOR).shape == (120, 160, 3)
    assert [state.position.tolist() for state in decoded(again, "/joint_states")][-1] == [1.0, 2.0]
    stamps = [image.header.stamp.sec * 10**9 + image.header.stamp.nanosec for image in images]
    assert stamps == [time_ns for time_ns, _ in messages(again)["/wrist/image/compressed"]]
    assert BagEpisode.find(again).description.task == "move the square to the right"


def test_a_disk_that_takes_no_more_is_a_sentence(tmp_path: Path) -> None:
    episode = BagEpisode.find(EpisodeBag(duration_s=6.0, raw=True).write(tmp_path))
    output = ScoredMcap.open(episode, tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(JudgeError, match=r"scored\.mcap cannot be written \(File too large\); make room"):
            judge_by_hand(episode, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        output.abandon()


def test_the_second_judge_has_a_topic_where_it_says_something(tmp_path: Path) -> None:
    episode = BagEpisode.find(EpisodeBag(duration_s=1.0).write(tmp_path))
    output = ScoredMcap.open(episode, tmp_path)
    output.review(update(), STARTED_NS + 10)
    judge_by_hand(episode, output)
    assert [time_ns for time_ns, _ in messages(tmp_path / FOLDER)[REVIEW]] == [STARTED_NS + 10]


def test_the_failure_says_all_that_it_knows(tmp_path: Path) -> None:
    (event,) = decoded(scored(EpisodeBag(duration_s=1.0).write(tmp_path), tmp_path / "out"), judge_topics.FAILURE)
    assert (event.event_id, event.status, event.severity) == (1, int(FAILURE.status), int(FAILURE.severity))
    assert event.confidence == 0.75
    assert event.evidence[0].mode == int(FINDING.mode)


def test_parts_of_a_bag_hold_together_every_message_once(tmp_path: Path) -> None:
    path = EpisodeBag(duration_s=3.0).write(tmp_path)
    whole = BagEpisode.find(path)
    middle_ns = STARTED_NS + 1_000_000_000
    last_ns = STARTED_NS + 4_000_000_000
    parts = []
    for number, part in enumerate((Part(STARTED_NS, middle_ns), Part(middle_ns, last_ns))):
        episode = replace(whole, part=part)
        (tmp_path / str(number)).mkdir()
        judge_by_hand(episode, ScoredMcap.open(episode, tmp_path / str(number)))
        parts.append(messages(tmp_path / str(number) / FOLDER))
    for topic, found in messages(path).items():
        assert [one for part in parts for one in part.get(topic, [])] == found


@needs_recordings
@pytest.mark.parametrize("name", ["test_bag_mcap", "test_bag_sqlite3"])
def test_a_bag_of_others_with_many_types_is_copied_whole(tmp_path: Path, name: str) -> None:
    writer = BagWriter(tmp_path / "again")
    copy = RecordedCopy(Stretch(BAGS / name), writer, BagMessages(), set())
    copy.finish()
    copy.close()
    writer.close({})
    assert messages(tmp_path / "again") == messages(BAGS / name)
    with Reader(tmp_path / "again") as reader:
        assert len({connection.msgtype for connection in reader.connections}) > 90
    with (tmp_path / "again" / "again.mcap").open("rb") as file:
        found = list(make_reader(file, validate_crcs=True).iter_messages())
    assert len(found) == sum(map(len, messages(BAGS / name).values()))
