"""Distillation with a model of known behaviour, asked through the judge `frame_ordering`."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from judges.known_writers import Answer, KnownWriter
from replay.episode_bag import EpisodeBag
from replay.square import square_place

from vlm_judge_ros import cli
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.judges.example import ExampleKind
from vlm_judge_ros.judges.example_bank import ExampleBank
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.frame_ordering import DEFAULT_PROMPT, FrameOrderingJudge
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.ordering_prompt import FrameOrderingPrompt
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.writer import Writing

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

PROMPT = load(FrameOrderingPrompt, "prompt", DEFAULT_PROMPT, SHIPPED_FOLDER)
WRITERS: dict[str, KnownWriter] = {}


def answered(writing: Writing, value_of: Any) -> Answer:
    places: dict[int, float] = {}
    for label, piece in pairwise(writing.content):
        found = re.search(r"Moment (\d+), front camera:$", str(label))
        if isinstance(piece, Frame) and found is not None and found[1] != "0":
            places[int(found[1])] = value_of(square_place(piece.image.rgb()))
    return {"moments": [{"moment": n, "description": "a square", "percent": p} for n, p in sorted(places.items())]}


def seeing(writing: Writing) -> Answer:
    return answered(writing, lambda place: place)


def blind(writing: Writing) -> Answer:
    return answered(writing, lambda place: 50.0)


def moody(writing: Writing) -> Answer:
    """Right, upside down or mute, as the seed has it."""
    mood = writing.seed % 3
    if mood == 2:
        return "I would rather not say."
    return answered(writing, lambda place: place if mood else 100.0 - place)


def create(options: JudgeOptions) -> FrameOrderingJudge:
    """The judge `frame_ordering` with the model of a name of this file, as `vlm-judge` finds it by import path."""
    writer = KnownWriter({"seeing": seeing, "blind": blind, "moody": moody}[options.model])
    WRITERS[options.model] = writer
    return FrameOrderingJudge(
        writer, PROMPT, moments=options.images_per_camera, seed=options.seed, samples=options.samples
    )


class Mute:
    provenance = None


def create_other(options: JudgeOptions) -> Mute:
    return Mute()


@pytest.fixture
def bags(tmp_path: Path) -> tuple[Path, Path]:
    better = EpisodeBag(name="done", duration_s=2.0).write(tmp_path)
    worse = EpisodeBag(name="stalled", duration_s=2.0, failure_mode="STALL", onset_s=0.6).write(tmp_path)
    return better, worse


@pytest.fixture
def bank(tmp_path: Path) -> ExampleBank:
    return ExampleBank(tmp_path / "bank")


def distil(bank: ExampleBank, *words: object, model: str = "seeing", samples: int = 3) -> int:
    judge = ("--judge", f"{__name__}:create", "--model", model, "--samples", samples, "--frames", 5)
    return cli.main(["examples", "distil", *(str(word) for word in (*words, *judge, "--bank", bank.folder))])


def test_the_worse_episode_is_stored_with_the_curve_of_a_model_that_agrees(
    bank: ExampleBank, bags: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert distil(bank, *bags, "--note", "The square stops.", "--seed", 4) == 0
    assert (
        "Of 3 draws 3 put done above stalled; dropped: 0 that do not, 0 that cannot be read." in capsys.readouterr().out
    )
    (example,) = bank.read().examples
    assert (example.kind, example.is_negative, example.failure_mode.name) == (ExampleKind.REWARDED, True, "STALL")
    assert (example.task, example.text) == ("move the square to the right", "The square stops.")
    assert example.origin == "stalled, below done"
    assert "frame_ordering of known, 3 of 3 draws right, temperature 0.7, seeds 4 and" in example.made_by
    for camera in ("front", "wrist"):
        rewards = [frame.reward for frame in example.frames if frame.camera == camera]
        assert rewards == pytest.approx([0.0, 0.25, 0.3, 0.3, 0.3], abs=0.06)


def test_every_draw_has_a_seed_and_a_temperature(bank: ExampleBank, bags: tuple[Path, Path]) -> None:
    assert distil(bank, *bags, "--temperature", 0.9) == 0
    writings = WRITERS["seeing"].writings
    assert len(writings) == 6 and {writing.temperature for writing in writings} == {0.9}
    for episode in (writings[:3], writings[3:]):
        assert len({writing.seed for writing in episode}) == 3
    (example,) = bank.read().examples
    seed = int(example.made_by.rsplit(" ", 1)[1])
    assert seed & 0x7FFFFFFF in {writing.seed for writing in writings[3:]}


def test_draws_that_disagree_or_cannot_be_read_are_counted_and_dropped(
    bank: ExampleBank, bags: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert distil(bank, *bags, model="moody", samples=24) == 0
    counts = re.search(r"Of 24 draws (\d+) put .* dropped: (\d+) that do not, (\d+) that", capsys.readouterr().out)
    assert counts is not None
    right, wrong, unreadable = (int(count) for count in counts.groups())
    assert right + wrong + unreadable == 24 and min(right, wrong, unreadable) > 0
    (example,) = bank.read().examples
    rewards = [frame.reward for frame in example.frames if frame.camera == "front"]
    assert rewards[0] == 0.0 and all(reward is not None for reward in rewards)


def test_the_same_seed_and_answers_give_the_same_example(bags: tuple[Path, Path], tmp_path: Path) -> None:
    banks = [ExampleBank(tmp_path / name) for name in ("one", "two")]
    for bank in banks:
        assert distil(bank, *bags, "--seed", 7, model="moody", samples=12) == 0
    one, two = (bank.read() for bank in banks)
    assert one.content_hash == two.content_hash
    assert one.examples[0].made_by == two.examples[0].made_by


@pytest.mark.parametrize("model", ["blind", "seeing"])
def test_where_no_draw_agrees_nothing_is_stored(
    bank: ExampleBank, bags: tuple[Path, Path], model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # A model that sees does not agree with a person who has it the wrong way round.
    better, worse = bags if model == "blind" else bags[::-1]
    assert distil(bank, better, worse, "--mode", "UNKNOWN", model=model) == 1
    assert "No draw agrees with you, so nothing was added" in capsys.readouterr().out
    assert not bank.folder.exists()


def test_a_model_on_board_that_writes_gibberish_adds_nothing(
    bank: ExampleBank, bags: tuple[Path, Path], tiny_models: TinyModels, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--model", tiny_models.get("smolvlm").folder, "--samples", 2, "--frames", 2, "--bank", bank.folder)
    assert cli.main(["examples", "distil", *map(str, (*bags, *words))]) == 1
    assert "dropped: 0 that do not, 2 that cannot be read" in capsys.readouterr().out
    assert not bank.folder.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--margin", "0"], "margin of 0"),
        (["--temperature", "0"], "nothing is drawn"),
        (["--samples", "0"], "at least 1 sample"),
        (["--mode", "NONE"], "give --mode"),
        (["--mode", "HICCUP"], "no failure mode"),
        (["--judge", f"{__name__}:create_other"], "draws no curves; use --judge frame_ordering"),
        (["--judge", "token"], "no judge called 'token'"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    bank: ExampleBank, bags: tuple[Path, Path], words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["examples", "distil", *map(str, bags), "--bank", str(bank.folder)]
    given += ["--judge", f"{__name__}:create", "--model", "seeing", *words]
    assert cli.main(given) == 1
    told = capsys.readouterr().err
    assert says in told and told.count("\n") == 1


def test_episodes_of_two_tasks_or_cameras_do_not_compare(
    bank: ExampleBank, bags: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = EpisodeBag(name="other", duration_s=2.0, task="move it", failure_mode="STALL", onset_s=0.6)
    one_eyed = EpisodeBag(name="one-eyed", duration_s=2.0, cameras=("front",), failure_mode="STALL", onset_s=0.6)
    assert distil(bank, bags[0], other.write(tmp_path)) == 1
    assert "only episodes of one task compare" in capsys.readouterr().err
    assert distil(bank, bags[0], one_eyed.write(tmp_path)) == 1
    assert "have other cameras" in capsys.readouterr().err
