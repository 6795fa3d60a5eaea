from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from judges.example_material import clip, jpeg

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.context import ContextWords, content_of
from vlm_judge_ros.judges.example_bank import ExampleBank, NewExample
from vlm_judge_ros.judges.example_choice import TokenEstimate
from vlm_judge_ros.judges.example_context import ExampleSource, open_examples
from vlm_judge_ros.judges.example_store import FILE

TASK = "close the drawer"
WORDS = ContextWords(
    reference="good: {task}. {note}",
    failure="bad ({mode}): {task}. {note}",
    label="{camera} {seconds}",
    reward="= {percent} %",
    cues="signs:",
    episode="now:",
)
GOOD = clip(mode=FailureMode.NONE, rewards=(0.0, 0.5, 1.0), text="It goes well.")
BAD = clip(rewards=(0.0, 0.3, 0.3), text="It stops.")
CUE = NewExample(TASK, FailureMode.SPILL, "Water on\nthe table.")


def filled(folder: Path, *examples: NewExample) -> ExampleBank:
    bank = ExampleBank(folder)
    for example in examples:
        bank.add(example, 0)
    return bank


def source(bank: ExampleBank, tokens: int = 4000) -> ExampleSource:
    return ExampleSource(bank, tokens, TokenEstimate({"": 64}), WORDS.label_of)


def test_each_kind_of_example_has_its_place_in_what_a_model_is_told(tmp_path: Path) -> None:
    bank = filled(tmp_path, GOOD, BAD, CUE, NewExample(TASK, FailureMode.NONE, "The drawer is flush."))
    context = source(bank)(TASK)
    assert [(one.note, one.rewards) for one in context.reference if one.frames] == [
        ("It goes well.", (0.0, 0.0, 0.5, 0.5, 1.0, 1.0))
    ]
    assert [one.note for one in context.reference if not one.frames] == ["The drawer is flush."]
    assert context.cues == ("spill: Water on the table.",)
    assert [(one.note, one.failure_mode) for one in context.failures] == [("It stops.", FailureMode.STALL)]


def test_a_model_reads_labels_images_and_rewards_in_the_order_of_time(tmp_path: Path) -> None:
    content = content_of(source(filled(tmp_path, BAD))(TASK), WORDS)
    read = [f"<{piece.camera}>" if isinstance(piece, Frame) else piece.strip() for piece in content]
    assert read[0] == "bad (stall): close the drawer. It stops."
    assert read[1:7] == ["front 0.0", "<front>", "= 0 %", "wrist 0.0", "<wrist>", "= 0 %"]
    assert read[7:10] == ["front 1.0", "<front>", "= 30 %"] and read[-1] == "now:"


def test_the_same_task_is_told_the_same_frames_again(tmp_path: Path) -> None:
    told = source(filled(tmp_path, GOOD, BAD))
    assert told(TASK) is told(TASK)


def test_a_task_without_near_examples_is_told_nothing(tmp_path: Path) -> None:
    assert source(filled(tmp_path, GOOD, BAD))("water the plants").empty


def test_what_is_added_later_changes_nothing_for_a_running_judge(tmp_path: Path) -> None:
    bank = filled(tmp_path, GOOD)
    told = source(bank)
    names = told.names("critique-v1", "0" * 16)
    bank.add(BAD, 0)
    assert told(TASK).failures == () and told.names("critique-v1", "0" * 16) == names
    assert source(bank).names("critique-v1", "0" * 16) != names


def test_an_example_that_changes_while_a_judge_runs_is_an_error(tmp_path: Path) -> None:
    bank = filled(tmp_path, BAD)
    told = source(bank)
    (example,) = bank.read().examples
    (tmp_path / example.id / "front_000.jpg").write_bytes(jpeg(3))
    with pytest.raises(JudgeError, match="not the file that was added"):
        told(TASK)


def test_bank_and_budget_are_part_of_the_instrument(tmp_path: Path) -> None:
    bank = filled(tmp_path, BAD)
    names = source(bank).names("critique-v1", "0" * 16)
    assert names.prompt_set == f"critique-v1 examples {bank.read().content_hash}"
    assert len(names.prompt_hash) == 16
    others = [
        source(bank).names("critique-v1", "1" * 16),
        source(bank, 3999).names("critique-v1", "0" * 16),
        ExampleSource(bank, 4000, TokenEstimate(), WORDS.label_of).names("critique-v1", "0" * 16),
    ]
    assert len({names.prompt_hash, *(other.prompt_hash for other in others)}) == 4


def test_no_choice_has_more_images_than_the_source_says(tmp_path: Path) -> None:
    bank = filled(tmp_path, *(clip(mode=FailureMode(mode), count=6, grey=20 * mode) for mode in range(1, 7)))
    for tokens in (0, 300, 1000, 4000, 20_000):
        told = source(bank, tokens)
        shown = content_of(told(TASK), WORDS)
        assert sum(isinstance(piece, Frame) for piece in shown) <= told.most_images


def test_words_alone_need_no_images(tmp_path: Path) -> None:
    assert source(filled(tmp_path, CUE)).most_images == 0


def test_options_without_a_bank_have_no_examples() -> None:
    assert open_examples("", 4000, {}, WORDS.label_of) is None


def test_a_bank_that_cannot_serve_is_refused_when_the_judge_is_made(tmp_path: Path) -> None:
    with pytest.raises(JudgeError, match="cannot be read"):
        open_examples(str(tmp_path / "missing"), 4000, {}, WORDS.label_of)
    bank = filled(tmp_path / "bank", BAD)
    (example,) = bank.read().examples
    (bank.folder / example.id / FILE).write_text("nonsense")
    with pytest.raises(JudgeError, match=r"holds no example that can be used \(The example .*\)"):
        open_examples(str(bank.folder), 4000, {}, WORDS.label_of)


def test_a_broken_example_is_told_in_the_status(tmp_path: Path) -> None:
    bank = filled(tmp_path, BAD, dataclasses.replace(CUE))
    broken = next(example for example in bank.read().examples if example.frames)
    (bank.folder / broken.id / "front_001.jpg").unlink()
    status = source(bank).status
    assert "): 1." in status and broken.id in status
