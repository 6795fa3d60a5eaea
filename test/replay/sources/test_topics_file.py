from __future__ import annotations

from pathlib import Path

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.replay.sources.topics_file import read_topics_file


def written(folder: Path, text: str) -> Path:
    path = folder / "topics.yaml"
    path.write_text(text)
    return path


def test_a_file_names_the_topics_of_a_robot(tmp_path: Path) -> None:
    text = "cameras:\n  front: /cam0/image_raw\n  wrist: cam1/image_raw\njoint_states: /arm/joints\n"
    robots = read_topics_file(written(tmp_path, text)).robots
    assert robots[""].cameras == {"front": "/cam0/image_raw", "wrist": "cam1/image_raw"}
    assert (robots[""].joint_states, robots[""].task) == ("/arm/joints", None)


def test_a_file_may_name_several_robots(tmp_path: Path) -> None:
    text = "robots:\n  left:\n    cameras: {front: /l/image}\n  right:\n    cameras: {front: /r/image}\n"
    assert list(read_topics_file(written(tmp_path, text)).robots) == ["left", "right"]


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("cameras:\n  front: /cam0\ntopic: /a\n", 3, "topic is not known; write cameras, joint_states"),
        ("joint_states: /a\n", 1, "cameras is missing; name it"),
        ("cameras: {}\n", 1, "cameras is empty; name at least one"),
        ("cameras:\n  front: 5\n", 2, "cameras.front is 5; a topic such as"),
        ("cameras:\n  front: ../../etc/passwd\n", 2, "'../../etc/passwd' does not fit"),
        ("cameras:\n  ../x: /a\n", 2, "'../x' does not fit"),
        ("cameras: [/a]\n", 1, "a mapping such as"),
        ("- a\n", 1, "a mapping such as"),
        ("robots:\n  left:\n    cameras: {}\n", 3, "robots.left.cameras is empty"),
        ("a: [\n", 2, "no YAML"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path: Path, text: str, line: int, sentence: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(JudgeError) as caught:
        read_topics_file(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert sentence in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match=r"absent\.yaml cannot be read"):
        read_topics_file(tmp_path / "absent.yaml")
