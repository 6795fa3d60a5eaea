from __future__ import annotations

import json
import pickle
import sys
import tracemalloc
from pathlib import Path

import pytest

pytest.importorskip("av")
pytest.importorskip("pyarrow")

from replay.made_dataset import FPS, HEIGHT, HIGH, JOINTS, WIDTH, WRIST, MadeDataset, level, write_video

from vlm_judge_ros.episode.chunk import Chunk
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.episode.joint import JointSample
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.episode_selection import EpisodeSelection
from vlm_judge_ros.replay.sources.joint_unit import JointUnit
from vlm_judge_ros.replay.sources.lerobot_dataset import DatasetOptions, dataset_episodes, is_dataset
from vlm_judge_ros.replay.sources.lerobot_episode import LeRobotEpisode
from vlm_judge_ros.replay.sources.recorded_episode import DatasetPlace, Unreadable
from vlm_judge_ros.replay.sources.score_column import ScoreColumn

VERSIONS = ("v2.1", "v3.0")


def episodes(root: Path, options: DatasetOptions | None = None) -> list[LeRobotEpisode]:
    found = list(dataset_episodes(root, options))
    assert all(isinstance(episode, LeRobotEpisode) for episode in found), found
    return [episode for episode in found if isinstance(episode, LeRobotEpisode)]


def frames(episode: LeRobotEpisode) -> list[Frame]:
    return [event.content for event in episode.events() if isinstance(event.content, Frame)]


def grey(frame: Frame) -> float:
    return float(frame.image.rgb().mean())


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("codec", ["libx264", "libsvtav1"])
def test_every_row_is_told_with_its_own_frames(tmp_path: Path, version: str, codec: str) -> None:
    import av

    if codec not in av.codecs_available:
        pytest.skip(f"this build of av has no {codec}")
    made = MadeDataset(tmp_path / "cubes", version, codec=codec)
    made.write()
    assert is_dataset(made.root)
    first, second = episodes(made.root)
    assert [first.description.task, second.description.task] == ["Pick up the cube.", "Open the drawer."]
    assert second.description.cameras == ("front", "wrist")
    assert second.description.place == DatasetPlace("cubes", 1, 12)
    assert second.description.duration_s == pytest.approx(0.8)
    for number, episode in enumerate((first, second)):
        told = frames(pickle.loads(pickle.dumps(episode)))
        assert len(told) == 2 * made.lengths[number]
        for index, frame in enumerate(told):
            row, is_wrist = divmod(index, 2)
            assert frame.camera == ("wrist" if is_wrist else "front")
            assert frame.stamp_ns - episode.description.started_ns == pytest.approx(row / FPS * 1e9, abs=100)
            assert grey(frame) == pytest.approx(level(number, row, bool(is_wrist)), abs=2)


@pytest.mark.parametrize("version", VERSIONS)
def test_joints_come_with_their_names_and_before_the_frames_of_their_row(tmp_path: Path, version: str) -> None:
    episode = episodes(MadeDataset(tmp_path / "cubes", version).write())[0]
    told = list(episode.events())
    joints = [event.content for event in told if isinstance(event.content, JointSample)]
    assert isinstance(told[0].content, JointSample)
    assert joints[0].names == JOINTS
    assert [sample.positions[0] for sample in joints] == pytest.approx([0.01 * row for row in range(12)])
    assert [event.time_ns for event in told] == sorted(event.time_ns for event in told)


def test_joints_without_names_are_numbered(tmp_path: Path) -> None:
    episode = episodes(MadeDataset(tmp_path / "cubes", state=None).write())[0]
    assert episode.signals.joints == ("state_0", "state_1", "state_2")


def test_numbers_that_are_no_rad_are_asked_about(tmp_path: Path) -> None:
    root = MadeDataset(tmp_path / "cubes", scale=900.0).write()
    with pytest.raises(JudgeError, match="no position of a joint in rad; say --joint-unit degree"):
        list(dataset_episodes(root))
    degrees = episodes(root, DatasetOptions(joint_unit=JointUnit.DEGREE))[0]
    samples = [event.content for event in degrees.events() if isinstance(event.content, JointSample)]
    assert samples[-1].positions[0] == pytest.approx(99.0 * 3.14159265 / 180.0, rel=1e-4)
    ignored = episodes(root, DatasetOptions(joint_unit=JointUnit.NONE))[0]
    assert not any(isinstance(event.content, JointSample) for event in ignored.events())


def test_actions_are_announced_in_chunks_where_it_is_asked_for(tmp_path: Path) -> None:
    root = MadeDataset(tmp_path / "cubes").write()
    assert not any(isinstance(event.content, Chunk) for event in episodes(root)[0].events())
    episode = episodes(root, DatasetOptions(chunk_s=0.5))[0]
    chunks = [(event.time_ns, event.content) for event in episode.events() if isinstance(event.content, Chunk)]
    assert [(chunk.id, chunk.horizon) for _, chunk in chunks] == [(1, 5), (2, 5), (3, 2)]
    assert all(time_ns == chunk.stamp_ns for time_ns, chunk in chunks)
    assert chunks[1][1].actions[0, 0] == pytest.approx(0.05)
    assert chunks[1][1].action_names == JOINTS


@pytest.mark.parametrize("version", VERSIONS)
def test_episodes_can_be_chosen(tmp_path: Path, version: str) -> None:
    root = MadeDataset(tmp_path / "cubes", version, lengths=(3,) * 5, tasks=["Push."] * 5).write()
    chosen = episodes(root, DatasetOptions(episodes=EpisodeSelection.parse("0:2,4")))
    assert [episode.entry.number for episode in chosen] == [0, 1, 4]
    assert [episode.description.key for episode in chosen][-1] == "cubes_episode_000004"
    with pytest.raises(JudgeError, match="has no episode 7"):
        list(dataset_episodes(root, DatasetOptions(episodes=EpisodeSelection.parse("0,7"))))
    with pytest.raises(JudgeError, match="none of those that are wanted"):
        list(dataset_episodes(root, DatasetOptions(episodes=EpisodeSelection.parse("9:"))))


def test_it_is_asked_which_camera_is_which(tmp_path: Path) -> None:
    keys = (HIGH, "observation.images.cam_left_wrist", "observation.images.cam_right_wrist")
    root = MadeDataset(tmp_path / "cubes", cameras=keys, lengths=(3,)).write()
    with pytest.raises(JudgeError, match=r"cam_high.*cam_left_wrist.*cam_right_wrist; say which is which.*--camera"):
        list(dataset_episodes(root))
    options = DatasetOptions(cameras={"front": HIGH, "wrist": "cam_right_wrist"})
    assert episodes(root, options)[0].cameras == {"front": HIGH, "wrist": keys[2]}
    with pytest.raises(JudgeError, match="has no camera 'cam_low' for front"):
        list(dataset_episodes(root, DatasetOptions(cameras={"front": "cam_low"})))


@pytest.mark.parametrize("version", VERSIONS)
def test_what_people_wrote_becomes_the_truth(tmp_path: Path, version: str) -> None:
    done = [False] * 11 + [True] + [False] * 9
    share = [row / 11 for row in range(12)] + [0.0] * 9
    made = MadeDataset(
        tmp_path / "cubes", version, columns={"next.success": done, "share": share}, further={"score": [0.9, 0.2]}
    )
    first, second = episodes(made.write())
    assert first.description.truth is not None and first.description.truth.outcome == "success"
    assert second.description.truth is not None and second.description.truth.failure_mode == "UNKNOWN"
    assert first.description.true_progress.values == ()
    along, _ = episodes(made.root, DatasetOptions(truth_columns=("share",)))
    assert along.description.truth is None
    assert along.description.true_progress.at(0.55) == pytest.approx(5 / 11)
    scored, _ = episodes(made.root, DatasetOptions(truth_columns=("score",)))
    assert scored.description.true_progress.values == (0.9,)
    assert scored.description.true_progress.times_s == (pytest.approx(1.1),)


@pytest.mark.parametrize("version", VERSIONS)
def test_columns_in_which_people_scored_are_read_beside_the_truth(tmp_path: Path, version: str) -> None:
    stars = [2.0] * 12 + [4.0] * 9
    made = MadeDataset(
        tmp_path / "cubes",
        version,
        columns={"next.success": [True] * 21, "stars": stars},
        further={"score": [0.9, 0.2], "episode_success": ["success", "failure"]},
    )
    first, second = episodes(made.write())
    assert first.description.truth is not None and first.description.truth.outcome == "success"
    assert [(one.column, one.score, one.success) for one in first.description.scores] == [
        ("score", 0.9, None),
        ("episode_success", None, True),
    ]
    assert [(one.score, one.success) for one in second.description.scores] == [(0.2, None), (None, False)]
    _, scored = episodes(made.root, DatasetOptions(score_columns=(ScoreColumn("stars", 1.0, 5.0),)))
    assert [(one.column, one.score) for one in scored.description.scores] == [("stars", 0.75)]
    assert episodes(made.root, DatasetOptions(score_columns=()))[0].description.scores == ()


def test_a_column_that_is_no_score_is_refused_for_its_episode(tmp_path: Path) -> None:
    root = MadeDataset(tmp_path / "cubes", columns={"score": [0.5] * 12 + [70.0] * 9}).write()
    first, second = dataset_episodes(root, DatasetOptions(truth_columns=("score",)))
    assert isinstance(first, LeRobotEpisode)
    assert isinstance(second, Unreadable) and "'score' of episode 1 says 70.0" in second.reason


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_video_is_the_fault_of_its_episode_alone(tmp_path: Path, version: str) -> None:
    made = MadeDataset(tmp_path / "cubes", version)
    made.write()
    video = next(made.root.rglob("videos/**/episode_000001.mp4" if version == "v2.1" else "videos/**/*.mp4"))
    video.unlink()
    first, second = episodes(made.root)
    if version == "v2.1":
        assert len(frames(first)) == 24
    with pytest.raises(JudgeError, match=f"There is no video at .*{video.name}"):
        frames(second)


@pytest.mark.parametrize("version", VERSIONS)
def test_fewer_frames_than_rows_are_told_after_those_that_are_there(tmp_path: Path, version: str) -> None:
    made = MadeDataset(tmp_path / "cubes", version)
    made.write()
    for video in made.root.rglob("*.mp4"):
        if video.stem in ("file-000", "episode_000001"):
            kept = made.levels(0, HIGH) + made.levels(1, HIGH)[:5] if version == "v3.0" else made.levels(1, HIGH)[:5]
            write_video(video, kept)
    first, second = episodes(made.root)
    assert len(frames(first)) == 24
    told = []
    with pytest.raises(JudgeError, match="ends after 5 of 9 frames"):
        for event in second.events():
            told.append(event)
    assert sum(isinstance(event.content, Frame) for event in told) == 10


def test_a_damaged_video_is_one_sentence(tmp_path: Path) -> None:
    made = MadeDataset(tmp_path / "cubes", "v2.1")
    made.write()
    video = next(made.root.rglob("episode_000001.mp4"))
    video.write_bytes(video.read_bytes()[:200])
    first, second = episodes(made.root)
    assert len(frames(first)) == 24
    with pytest.raises(JudgeError, match="is cut off or damaged"):
        frames(second)


def test_missing_and_damaged_tables_are_one_sentence(tmp_path: Path) -> None:
    made = MadeDataset(tmp_path / "cubes", "v2.1")
    made.write()
    data = made.root / "data/chunk-000/episode_000000.parquet"
    data.unlink()
    first, second = episodes(made.root)
    assert len(frames(second)) == 18
    with pytest.raises(JudgeError, match=r"There is no table at .*episode_000000"):
        frames(first)
    data.write_bytes(b"PAR1 and no more")
    with pytest.raises(JudgeError, match=r"The table .*episode_000000.parquet is damaged"):
        frames(episodes(made.root)[0])


def test_more_rows_than_promised_are_one_sentence(tmp_path: Path) -> None:
    made = MadeDataset(tmp_path / "cubes", "v2.1")
    made.write()
    lines = made.root / "meta/episodes.jsonl"
    lines.write_text(lines.read_text().replace('"length": 12', '"length": 10'))
    with pytest.raises(JudgeError, match=r"has 12 rows in .* and should have 10"):
        frames(episodes(made.root)[0])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"codebase_version": "v1.6"}, "says codebase_version 'v1.6'; v2.0, v2.1, v3.0 can be read"),
        ({"codebase_version": "v4.0"}, "says codebase_version 'v4.0'"),
        ({"data_path": "../../etc/passwd"}, "names the file '../../etc/passwd', which lies outside"),
        ({"data_path": "/etc/{episode_index:06d}"}, "lies outside of it; it is not read"),
        ({"video_path": "videos/../../{video_key}.mp4"}, "lies outside of it; it is not read"),
        ({"data_path": "data/{episode_number}.parquet"}, "with the unknown field 'episode_number'"),
        ({"data_path": "data/{episode_index.__class__}"}, "with the unknown field"),
        ({"data_path": "data/{episode_index:99999999d}"}, "numbers in it are written as :03d"),
        ({"data_path": "data/{episode_index"}, "is no template"),
        ({"fps": 0}, "fps"),
        ({"features": {}}, "has no camera"),
    ],
)
def test_a_description_that_cannot_be_followed_is_one_sentence(
    tmp_path: Path, other: dict[str, object], said: str
) -> None:
    made = MadeDataset(tmp_path / "cubes", "v2.1", lengths=(3,))
    made.write()
    made.write_info(**other)
    with pytest.raises(JudgeError, match=said.replace(".", r"\.")) as error:
        list(dataset_episodes(made.root))
    assert "\n" not in str(error.value)


def test_a_description_that_is_no_json_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta/info.json").write_text("{")
    with pytest.raises(JudgeError, match="is no description of a LeRobot dataset"):
        list(dataset_episodes(tmp_path))


def test_a_garbled_line_ends_the_dataset_after_the_episodes_before_it(tmp_path: Path) -> None:
    made = MadeDataset(tmp_path / "cubes", "v2.1")
    made.write()
    lines = made.root / "meta/episodes.jsonl"
    lines.write_text(lines.read_text().splitlines()[0] + "\n{no json\n")
    found = dataset_episodes(made.root)
    assert isinstance(next(found), LeRobotEpisode)
    with pytest.raises(JudgeError, match=r"Line 2 of .*episodes.jsonl is no JSON"):
        next(found)


def test_an_episode_with_several_tasks_is_asked_about(tmp_path: Path) -> None:
    made = MadeDataset(tmp_path / "cubes", "v2.1")
    made.write()
    lines = made.root / "meta/episodes.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    rows[0]["tasks"], rows[1]["tasks"] = ["Push.", "Pull."], []
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    several, none = dataset_episodes(made.root)
    assert isinstance(several, Unreadable) and "has 2 tasks (Push.; Pull.)" in several.reason
    assert isinstance(none, Unreadable) and "has no task" in none.reason
    assert [e.description.task for e in episodes(made.root, DatasetOptions(task="Push."))] == ["Push.", "Push."]


def test_pictures_inside_the_table_are_read(tmp_path: Path) -> None:
    import cv2
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as parquet

    made = MadeDataset(tmp_path / "cubes", "v2.1", lengths=(3,), cameras=(HIGH,))
    made.write()
    rows = made.rows(0)
    png = [cv2.imencode(".png", np.full((24, 32, 3), grey, np.uint8))[1].tobytes() for grey in (10, 20, 30)]
    png[1] = png[1][:40]
    rows[HIGH] = pa.array([{"bytes": data, "path": None} for data in png])
    parquet.write_table(pa.table(rows), made.root / "data/chunk-000/episode_000000.parquet")
    info = json.loads((made.root / "meta/info.json").read_text())
    info["features"][HIGH]["dtype"] = "image"
    (made.root / "meta/info.json").write_text(json.dumps(info))
    told = [event.content for event in episodes(made.root)[0].events() if not isinstance(event.content, JointSample)]
    assert [type(content).__name__ for content in told] == ["Frame", "BrokenFrame", "Frame"]
    assert isinstance(told[2], Frame) and grey(told[2]) == 30


def test_the_wrist_camera_is_known_by_its_name(tmp_path: Path) -> None:
    root = MadeDataset(tmp_path / "cubes", cameras=(WRIST,), lengths=(3,)).write()
    assert episodes(root)[0].description.cameras == ("wrist",)


@pytest.mark.parametrize("version", VERSIONS)
def test_memory_does_not_grow_with_the_length_of_an_episode(tmp_path: Path, version: str) -> None:
    peaks = []
    for length in (60, 1200):
        root = MadeDataset(tmp_path / str(length), version, lengths=(length,)).write()
        (episode,) = episodes(root, DatasetOptions(chunk_s=1.0))
        tracemalloc.start()
        assert sum(isinstance(event.content, Frame) for event in episode.events()) == 2 * length
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Numbers of many rows are read at once; pictures are not.
    assert peaks[1] - peaks[0] < 100 * WIDTH * HEIGHT * 3


@pytest.mark.parametrize(
    ("module", "said"), [("pyarrow", "'pyarrow', which is not installed"), ("av", "'av', which is")]
)
def test_what_is_not_installed_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, said: str
) -> None:
    root = MadeDataset(tmp_path / "cubes", lengths=(3,)).write()
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(JudgeError, match=said) as error:
        frames(episodes(root)[0])
    assert "vlm_judge_ros[datasets]" in str(error.value)
