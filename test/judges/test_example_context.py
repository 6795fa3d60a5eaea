from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from judges.example_material import clip, jpeg
from judges.known_writers import KnownWriter, frames, texts
from judges.shown_episode import evidence

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges import critique, frame_ordering
from vlm_judge_ros.judges.context import ContextWords, PromptNames, content_of
from vlm_judge_ros.judges.example_bank import ExampleBank, NewExample
from vlm_judge_ros.judges.example_choice import TokenEstimate
from vlm_judge_ros.judges.example_context import ExampleSource, most_images, open_examples
from vlm_judge_ros.judges.example_store import FILE
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.model_access import Opened
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Reporting
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

PROMPT = PromptNames("critique-v1", "0" * 16)
TASK = "close the drawer"
CRITIQUE = load(critique.CritiquePrompt, "prompt", critique.DEFAULT_PROMPT, SHIPPED_FOLDER)
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
    names = told.names(PROMPT)
    bank.add(BAD, 0)
    assert told(TASK).failures == () and told.names(PROMPT) == names
    assert source(bank).names(PROMPT) != names


def test_an_example_that_changes_while_a_judge_runs_is_an_error(tmp_path: Path) -> None:
    bank = filled(tmp_path, BAD)
    told = source(bank)
    (example,) = bank.read().examples
    (tmp_path / example.id / "front_000.jpg").write_bytes(jpeg(3))
    with pytest.raises(JudgeError, match="not the file that was added"):
        told(TASK)


def test_bank_and_budget_are_part_of_the_instrument(tmp_path: Path) -> None:
    bank = filled(tmp_path, BAD)
    names = source(bank).names(PROMPT)
    assert names.prompt_set == f"critique-v1 examples {bank.read().content_hash}"
    assert len(names.prompt_hash) == 16
    others = [
        source(bank).names(PromptNames("critique-v1", "1" * 16)),
        source(bank, 3999).names(PROMPT),
        ExampleSource(bank, 4000, TokenEstimate(), WORDS.label_of).names(PROMPT),
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
    assert open_examples(JudgeOptions(), "critique", CRITIQUE) is None


def test_a_bank_that_cannot_serve_is_refused_before_a_model_is_loaded(tmp_path: Path) -> None:
    options = JudgeOptions(model=str(tmp_path), examples=str(tmp_path / "missing"))
    for create in (critique.create, frame_ordering.create):
        with pytest.raises(JudgeError, match="missing cannot be read"):
            create(options)
    bank = filled(tmp_path / "bank", BAD)
    (example,) = bank.read().examples
    (bank.folder / example.id / FILE).write_text("nonsense")
    with pytest.raises(JudgeError, match=r"holds no example that can be used \(The example .*\)"):
        critique.create(replace(options, examples=str(bank.folder)))


def test_a_prompt_without_words_for_examples_is_refused(tmp_path: Path) -> None:
    options = JudgeOptions(model=str(tmp_path), examples=str(filled(tmp_path / "bank", BAD).folder))
    with pytest.raises(JudgeError, match="has no words for examples"):
        open_examples(options, "critique", CRITIQUE.model_copy(update={"context": None}))


def test_images_are_counted_as_the_options_and_the_known_model_have_them(tmp_path: Path) -> None:
    bank = filled(tmp_path / "bank", BAD)
    options = JudgeOptions(model=str(tmp_path), examples=str(bank.folder), example_tokens=1000)
    usual = open_examples(options, "critique", CRITIQUE)
    told = open_examples(replace(options, image_tokens={"front": 76, "wrist": 76}), "critique", CRITIQUE)
    assert usual is not None and told is not None
    assert (usual.most_images, told.most_images) == (1000 // (256 + 24), 10)
    assert (most_images(options, None), most_images(options, told)) == (16, 26)


@pytest.mark.parametrize("method", ["critique", "frame_ordering"])
def test_a_judge_is_made_with_its_examples(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bank = filled(tmp_path / "bank", BAD, GOOD, CUE)
    writer = KnownWriter(["no answer"])
    room: list[int] = []

    def open_model(options: JudgeOptions, method: str, most_images: int, text_tokens: int) -> Opened:
        room.append(most_images)
        return Opened(writer, "It runs.")  # type: ignore[arg-type]

    module = {"critique": critique, "frame_ordering": frame_ordering}[method]
    monkeypatch.setattr(module, "open_model", open_model)
    options = JudgeOptions(
        model=str(tmp_path), examples=str(bank.folder), images_per_camera=2, image_tokens={"front": 64, "wrist": 64}
    )
    with_examples, without = resolve(method)(options), resolve(method)(replace(options, examples=""))
    shown = evidence([0.0, 0.5, 1.0], task=TASK)
    opinion = with_examples.ask(shown)
    assert opinion.unparsable
    told = texts(writer.writings[0])
    assert "It stops." in told and "It goes well." in told and "spill: Water on the table." in told
    assert len(frames(writer.writings[0])) <= room[0]
    assert with_examples.provenance.prompt_set == f"{without.provenance.prompt_set} examples {bank.read().content_hash}"
    assert with_examples.provenance.prompt_hash != without.provenance.prompt_hash
    assert isinstance(with_examples, Reporting) and with_examples.status.startswith(
        "It runs. Examples that can be shown"
    )


@pytest.mark.parametrize("method", ["critique", "frame_ordering"])
@pytest.mark.parametrize("family", ["qwen2_vl", "smolvlm"])
def test_a_model_on_board_has_room_for_the_examples(
    method: str, family: str, tiny_models: TinyModels, tmp_path: Path
) -> None:
    bank = filled(tmp_path / "bank", BAD, GOOD, CUE)
    options = JudgeOptions(
        model=str(tiny_models.get(family).folder), examples=str(bank.folder), images_per_camera=2, example_tokens=900
    )
    # Random weights write gibberish, and get that far only if everything that they are told fits.
    opinion = resolve(method)(options).ask(evidence([0.0, 0.5, 1.0], task=TASK))
    assert opinion.unparsable
    assert opinion.provenance.prompt_set.endswith(f"examples {bank.read().content_hash}")


def test_a_broken_example_is_told_in_the_status(tmp_path: Path) -> None:
    bank = filled(tmp_path, BAD, CUE)
    broken = next(example for example in bank.read().examples if example.frames)
    (bank.folder / broken.id / "front_001.jpg").unlink()
    status = source(bank).status
    assert "): 1." in status and broken.id in status
