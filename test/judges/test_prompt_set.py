"""Prompt sets: the shipped ones, and what is wrong with one's own."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.prompt_set import SHIPPED_FOLDER, PromptSet, load_prompt_set

SHIPPED = sorted(path.stem for path in SHIPPED_FOLDER.glob("*.json"))


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_set_carries_its_name_and_its_wordings_differ(name: str) -> None:
    prompts = load_prompt_set(name)
    assert prompts.name == name
    wordings = prompts.wordings("open {the} drawer", 3.2)
    assert all("open {the} drawer" in wording for wording in wordings)
    words = [set(wording.lower().split()) for wording in prompts.prompts]
    assert all(len(one & other) < 0.6 * len(one | other) for one, other in combinations(words, 2))


def test_a_set_that_was_shipped_does_not_change_under_its_name() -> None:
    hashes = {name: load_prompt_set(name).content_hash for name in SHIPPED}
    assert hashes == {
        "drawn-v1": "19db9cdf27d8838c",
        "one-v1": "a642404cc471bd22",
        "ten-v1": "b0788409815a0590",
        "three-v1": "ddf7a7a0eaf50418",
    }


def test_the_name_does_not_change_the_hash_and_everything_else_does() -> None:
    one = PromptSet(name="a", prompts=("Is {task} done? It is",))
    assert one.content_hash == one.model_copy(update={"name": "b"}).content_hash
    others = [
        one.model_copy(update={"label": "{camera}:"}),
        one.model_copy(update={"answer": " Yes"}),
        one.model_copy(update={"prompts": ("Has {task} been done? It has",)}),
    ]
    assert len({one.content_hash, *(other.content_hash for other in others)}) == 4


def test_a_set_is_about_drawn_paths_where_every_wording_says_how_long_the_motion_takes() -> None:
    assert [name for name in SHIPPED if load_prompt_set(name).about_drawn_paths] == ["drawn-v1"]
    assert all("2.5 s" in wording for wording in load_prompt_set("drawn-v1").wordings("open it", 3.2, 2.5))
    with pytest.raises(ValueError, match="some prompts are about a drawn path"):
        PromptSet(name="a", prompts=("Is {task} done?", "Is {task} done in {motion_s} s?"))


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({"name": "mine", "answer": " Yes", "prompts": ["{task}: done?"]}))
    assert load_prompt_set(str(path)).answer == " Yes"


def test_the_example_in_the_readme_can_be_used(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    path = tmp_path / "example.json"
    path.write_text(readme.partition("```json\n")[2].partition("```")[0])
    assert load_prompt_set(str(path)).name == "drawers-v1"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"name": "x", "prompts": []}, "prompts: "),
        ({"name": "x", "prompts": ["Is it done?"]}, "has no {task}"),
        ({"name": "x", "prompts": ["{task} {robot}"]}, "has {robot}; known are {elapsed_s}, {motion_s}, {task}"),
        ({"name": "x", "prompts": ["{task} done: "]}, "ends in white space"),
        ({"name": "x", "prompts": ["{task"]}, "prompts: "),
        ({"name": "x", "label": "{frame}", "prompts": ["{task}"]}, "known are {camera}, {seconds}"),
        ({"name": "x", "prompts": ["{task}"], "answers": "Yes"}, "answers: "),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, content: dict[str, object], words: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(content))
    with pytest.raises(JudgeError) as caught:
        load_prompt_set(str(path))
    assert str(caught.value).startswith(f"The prompt set {path} cannot be used: ")
    assert words in str(caught.value)


def test_a_set_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(JudgeError, match="name one of drawn-v1, one-v1, ten-v1, three-v1, or a "):
        load_prompt_set("eleven")
