from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("av")

from recorded import DATA, needs_recordings
from replay.made_dataset import FPS, level, write_video

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.video_episode import VideoEpisode, videos_together

TASK = "Pick up the cube."


def frames(episode: VideoEpisode) -> list[Frame]:
    return [event.content for event in episode.events() if isinstance(event.content, Frame)]


def seconds(episode: VideoEpisode, frame: Frame) -> float:
    return (frame.stamp_ns - episode.description.started_ns) * 1e-9


def test_two_videos_are_told_side_by_side_though_their_lengths_differ(tmp_path: Path) -> None:
    front, wrist = tmp_path / "a.mp4", tmp_path / "b.mp4"
    write_video(front, [level(0, index, False) for index in range(10)])
    write_video(wrist, [level(0, index, True) for index in range(6)])
    episode = VideoEpisode.find({"front": front, "wrist": wrist}, TASK)
    assert episode.description.cameras == ("front", "wrist")
    assert episode.description.duration_s == pytest.approx(1.0, abs=0.11)
    told = frames(episode)
    assert [frame.camera for frame in told] == ["front", "wrist"] * 6 + ["front"] * 4
    assert [frame.stamp_ns for frame in told] == sorted(frame.stamp_ns for frame in told)
    assert [seconds(episode, frame) for frame in told if frame.camera == "front"] == pytest.approx(
        [index / FPS for index in range(10)], abs=1e-3
    )
    assert told[3].image.rgb().mean() == pytest.approx(level(0, 1, True), abs=2)


def test_times_are_those_of_the_container(tmp_path: Path) -> None:
    times_s = [0.5, 0.6, 1.3, 1.35, 4.0]
    write_video(tmp_path / "a.mkv", [50] * 5, times_s=times_s)
    episode = VideoEpisode.find({"front": tmp_path / "a.mkv"}, TASK)
    told = [seconds(episode, frame) for frame in frames(episode)]
    assert told == pytest.approx([0.0, 0.1, 0.8, 0.85, 3.5], abs=2e-3)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is cut off or damaged"), (b"no video at all", "is cut off or damaged"), (None, "no video at")],
)
def test_files_that_are_no_videos_are_one_sentence(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "a.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(JudgeError, match=said) as error:
        VideoEpisode.find({"front": path}, TASK)
    assert "\n" not in str(error.value)


def test_damage_in_the_middle_is_told_after_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    write_video(path, [level(0, index % 20, False) for index in range(200)])
    episode = VideoEpisode.find({"front": path}, TASK)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    told = 0
    try:
        for _ in episode.events():
            told += 1
    except JudgeError as error:
        assert "cut off or damaged" in str(error)
    assert 20 < told < 190


def test_a_task_is_needed(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [50] * 3)
    with pytest.raises(JudgeError, match="give the instruction with --task"):
        VideoEpisode.find({"front": tmp_path / "a.mp4"}, "")


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))
    with pytest.raises(JudgeError, match="holds no video"):
        VideoEpisode.find({"front": tmp_path / "a.wav"}, TASK)


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def paired(folder: Path, cameras: dict[str, str] | None = None) -> dict[str, list[str]]:
    return {name: sorted(videos) for name, videos in videos_together(folder, cameras or {})}


def test_pairs_are_found_by_name(tmp_path: Path) -> None:
    touch(tmp_path, "try1_front.mp4", "try1_wrist.mp4", "wrist-try2.MKV", "front-try2.mkv", "notes.txt")
    assert paired(tmp_path) == {"try1": ["front", "wrist"], "try2": ["front", "wrist"]}


def test_pairs_may_lie_in_a_folder_of_each_episode(tmp_path: Path) -> None:
    touch(tmp_path, "one/cam_high.mp4", "one/cam_left_wrist.mp4", "one/cam_right_wrist.mp4", "two/cam_high.mp4")
    with pytest.raises(JudgeError, match="cannot be paired by their names"):
        paired(tmp_path)
    assert paired(tmp_path, {"front": "cam_high", "wrist": "cam_left_wrist"}) == {
        "one": ["front", "wrist"],
        "two": ["front"],
    }


def test_files_without_a_camera_in_their_names_are_episodes_of_one_camera(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.mp4")
    assert paired(tmp_path) == {"a": ["front"], "b": ["front"]}


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="holds no video"):
        paired(tmp_path)


@needs_recordings
def test_a_real_recording_is_read_whole() -> None:
    folder = DATA / "robo_dopamine" / "dataset" / "example_raw_data"
    found = dict(videos_together(folder, {"front": "cam_high", "wrist": "cam_left_wrist"}))
    assert sorted(found) == ["episode_001", "episode_002"]
    episode = VideoEpisode.find(found["episode_001"], "clean the table")
    assert episode.description.duration_s == pytest.approx(42.6, abs=0.1)
    first = [event for event, _ in zip(episode.events(), range(8), strict=False)]
    assert [event.content.camera for event in first if isinstance(event.content, Frame)] == ["front", "wrist"] * 4
