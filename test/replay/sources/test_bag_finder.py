from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from replay.episode_bag import STARTED_NS, EpisodeBag
from replay.storage.bag_files import FORMS, Form, one_after_the_other, rewrite
from rosbags.rosbag2 import StoragePlugin

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.replay.sources.bag_options import BagOptions
from vlm_judge_ros.replay.sources.find import FindOptions, Found, find_episodes
from vlm_judge_ros.replay.sources.recorded_episode import RecordedEpisode
from vlm_judge_ros.replay.sources.split import parse_split
from vlm_judge_ros.replay.sources.topics_file import RobotTopics

SECOND_NS = 1_000_000_000


def find(*paths: Path, split: str | None = None, task: str = "", **robots: RobotTopics) -> Found:
    options = BagOptions(task, robots or {"": RobotTopics()}, parse_split(split) if split else None)
    return find_episodes(paths, FindOptions(task=task, bags=options))


def names(found: Found) -> list[str]:
    return [episode.description.name for episode in found.episodes]


def frames(episode: RecordedEpisode) -> list[Frame]:
    return [event.content for event in episode.events() if isinstance(event.content, Frame)]


def seconds(episode: RecordedEpisode) -> list[float]:
    return sorted({round((frame.stamp_ns - STARTED_NS) * 1e-9, 3) for frame in frames(episode)})


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bag of three episodes of 1 s, with pauses of 2 s, without ground truth; two of them have the same task."""
    folder = tmp_path_factory.mktemp("three")
    one = EpisodeBag(name="one", duration_s=1.0, truth=False)
    two = replace(one, name="two", started_ns=STARTED_NS + 3 * SECOND_NS)
    three = replace(one, name="three", started_ns=STARTED_NS + 6 * SECOND_NS, task="move it back")
    return one_after_the_other([bag.write(folder) for bag in (one, two, three)], folder / "day")


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_bag_is_an_episode_however_it_is_stored(tmp_path: Path, form: Form) -> None:
    found = find(form.write(tmp_path, EpisodeBag(duration_s=1.0, truth=False)))
    assert (names(found), found.unreadable) == (["stored"], ())
    assert len(frames(found.episodes[0])) == 22
    assert found.episodes[0].description.duration_s == pytest.approx(1.0)


def test_the_files_of_a_split_bag_are_one_episode(tmp_path: Path) -> None:
    bag = EpisodeBag(duration_s=1.0, truth=False)
    later = replace(bag, name="later", started_ns=STARTED_NS + SECOND_NS + 100_000_000)
    first, second = bag.write(tmp_path), later.write(tmp_path)
    shutil.copy(next(second.glob("*.mcap")), first / "later.mcap")
    metadata = (first / "metadata.yaml").read_text()
    name = next(first.glob("square*.mcap")).name
    (first / "metadata.yaml").write_text(metadata.replace(f"  - {name}\n", f"  - {name}\n  - later.mcap\n", 1))
    with Bag(first) as opened:
        assert opened.counts["/joint_states"] == 22
    [episode] = find(first).episodes
    assert seconds(episode) == [round(step / 10, 3) for step in range(22)]


def test_a_folder_is_searched_and_what_is_broken_in_it_is_told(tmp_path: Path) -> None:
    bag = EpisodeBag(duration_s=0.3, truth=False)
    for place in ("b", "a", "deep/er"):
        (tmp_path / place).mkdir(parents=True)
        bag.write(tmp_path / place)
    shutil.copy(next((tmp_path / "a").rglob("*.mcap")), tmp_path / "single.mcap")
    (tmp_path / "broken.mcap").write_bytes(b"\x89MCAP0\r\nand no more")
    (tmp_path / "notes.txt").write_text("nothing to see")
    (tmp_path / "scored").mkdir()
    (tmp_path / "scored" / "episode.json").write_text("{}")
    shutil.copy(tmp_path / "single.mcap", tmp_path / "scored" / "scored.mcap")
    found = find(tmp_path)
    assert names(found) == ["a_square-moved", "b_square-moved", "deep_er_square-moved", "single"]
    [broken] = found.unreadable
    assert broken.origin.endswith("broken.mcap")
    assert broken.reason.count(". ") == 0


def test_links_in_circles_end_and_what_is_there_twice_counts_once(tmp_path: Path) -> None:
    EpisodeBag(duration_s=0.3).write(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "square-moved")
    (tmp_path / "round").symlink_to(tmp_path)
    assert len(find(tmp_path).episodes) == 1


def test_a_folder_that_is_too_deep_is_told(tmp_path: Path) -> None:
    deep = tmp_path / Path(*"abcdefghijklmnopqrst")
    deep.mkdir(parents=True)
    EpisodeBag(duration_s=0.3).write(deep)
    [told] = find(tmp_path).unreadable
    assert "folders deep; name it itself" in told.reason


def test_a_folder_without_bags_is_told(tmp_path: Path) -> None:
    [told] = find(tmp_path).unreadable
    assert "There is no bag in the folder" in told.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    EpisodeBag(duration_s=0.3).write(tmp_path)
    (tmp_path / "locked").mkdir(mode=0)
    found = find(tmp_path)
    assert len(found.episodes) == len(found.unreadable) == 1


def test_bags_of_the_same_name_get_keys_of_their_own(tmp_path: Path) -> None:
    paths = []
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        paths.append(EpisodeBag(duration_s=0.3).write(tmp_path / place))
    assert [one.description.key for one in find(*paths).episodes] == ["square-moved", "square-moved-2"]


def test_gaps_part_a_bag(three: Path) -> None:
    found = find(three, split="gap=1s", task="move")
    assert names(found) == ["day_001", "day_002", "day_003"]
    assert [one.description.duration_s for one in found.episodes] == [1.0, 1.0, 1.0]
    assert seconds(found.episodes[1]) == [round(3 + step / 10, 3) for step in range(11)]
    assert found.episodes[1].description.origin.endswith("day, 3.000 s to 4.000 s")


def test_new_tasks_part_a_bag(three: Path) -> None:
    found = find(three, split="task")
    assert [one.description.task for one in found.episodes] == ["move the square to the right", "move it back"]
    assert [len(frames(one)) for one in found.episodes] == [44, 22]


def test_chunks_that_begin_anew_part_a_bag(tmp_path: Path) -> None:
    long = [EpisodeBag(name=name, duration_s=3.0, truth=False) for name in ("a", "b")]
    long[1] = replace(long[1], started_ns=STARTED_NS + 10 * SECOND_NS)
    path = one_after_the_other([bag.write(tmp_path) for bag in long], tmp_path / "long")
    assert [len(frames(one)) for one in find(path, split="chunks").episodes] == [62, 62]


def test_markers_part_a_bag_and_name_its_episodes(tmp_path: Path, three: Path) -> None:
    store = EpisodeBag(duration_s=0.1, task="start second try", started_ns=STARTED_NS + 3 * SECOND_NS)
    stop = replace(store, task="stop", started_ns=STARTED_NS + 5 * SECOND_NS)
    markers = [
        replace(bag, name=f"m{n}", truth=False, cameras=()).write(tmp_path) for n, bag in enumerate((store, stop))
    ]
    told = one_after_the_other(
        [three, *(rewrite(path, tmp_path / f"r{path.name}", rename={"/task": "/marker"}) for path in markers)],
        tmp_path / "told",
    )
    found = find(told, split="markers=/marker")
    assert names(found) == ["second try"]
    assert seconds(found.episodes[0])[:2] == [3.0, 3.1]
    assert found.episodes[0].description.task == "move the square to the right"


def test_a_table_parts_bags_and_what_it_names_in_vain_is_told(tmp_path: Path, three: Path) -> None:
    table = tmp_path / "e.csv"
    table.write_text(
        "bag,start_s,end_s,name,task\nday,0,0.55,../../half,push it\nday,6,,last,\nday,1.5,2.5,pause,\nother,0,1,,\n"
    )
    found = find(three, split=str(table))
    assert [(one.description.key, one.description.task) for one in found.episodes] == [
        ("_.._half", "push it"),
        ("last", "move it back"),
    ]
    assert [len(frames(one)) for one in found.episodes] == [12, 22]
    [told] = found.unreadable
    assert told.origin == f"{table}, line 5"


def test_a_bag_that_tells_several_tasks_asks_how_to_part_it(three: Path) -> None:
    [told] = find(three).unreadable
    assert "tells 2 tasks on /task" in told.reason
    assert "--split task" in told.reason
    assert len(find(three, task="move").episodes) == 1


@pytest.mark.parametrize("split", ["chunks", "markers=/nothing", "task"])
def test_a_bag_without_what_it_is_parted_by_says_what_it_has(tmp_path: Path, split: str) -> None:
    source = EpisodeBag(duration_s=0.3, truth=False, task="").write(tmp_path)
    bag = rewrite(source, tmp_path / "bare", change=lambda *one: [one] if one[0] != "/chunk" else [])
    [told] = find(bag, split=split, task="move").unreadable
    assert "bare" in told.reason


def test_robots_in_one_bag_are_episodes_of_their_own(tmp_path: Path) -> None:
    bag = EpisodeBag(duration_s=0.3, truth=False).write(tmp_path)
    left = RobotTopics(cameras={"front": "front/image/compressed"})
    right = RobotTopics(cameras={"front": "/wrist/image/compressed"}, joint_states="/joint_states")
    other = RobotTopics(cameras={"front": "/elsewhere"})
    found = find(bag, left=left, right=right, other=other)
    assert names(found) == ["square-moved_left", "square-moved_right"]
    episode = found.episodes[1]
    assert isinstance(episode, BagEpisode)
    assert [camera.topic for camera in episode.topics.cameras] == ["/wrist/image/compressed"]


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (RobotTopics(cameras={"front": "/cam9"}), "has no topic /cam9 for camera front; it has /chunk (vlm_judge"),
        (RobotTopics(cameras={"front": "/task"}), "/task of .* holds std_msgs/msg/String, and camera front needs"),
        (RobotTopics(joint_states="/task"), "joint_states needs sensor_msgs/msg/JointState"),
        (RobotTopics(task="/absent"), "has no topic /absent for task"),
    ],
)
def test_topics_that_were_named_wrongly_are_told(tmp_path: Path, told: RobotTopics, sentence: str) -> None:
    [unreadable] = find(EpisodeBag(duration_s=0.3).write(tmp_path), robot=told).unreadable
    assert re.search(sentence.replace("(", r"\("), unreadable.reason)


def test_an_episode_from_sqlite_and_from_mcap_is_the_same(tmp_path: Path) -> None:
    stamps = []
    for storage in StoragePlugin:
        bag = EpisodeBag(name=storage.name.lower(), duration_s=1.0, truth=False, storage=storage).write(tmp_path)
        [episode] = find(bag, split="gap=5s").episodes
        stamps.append([(frame.camera, frame.stamp_ns) for frame in frames(episode)])
    assert stamps[0] == stamps[1]
