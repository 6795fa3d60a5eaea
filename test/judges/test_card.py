"""The judge card as a file, and which judge it belongs to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import CardFigure, JudgeCard, QualifiedJudge, read_card
from vlm_judge_ros.judges.opinion import JudgeProvenance

PROVENANCE = JudgeProvenance("model", "abc", "cpu", "token_reward", "words-v1", "def", "fit-v1 123")


def card(**changes: object) -> JudgeCard:
    return JudgeCard(
        name="card",
        judge=QualifiedJudge.of(PROVENANCE),
        software_version="1",
        episodes=2,
        tasks=("push",),
        figures={"voc": CardFigure(value=0.9, low=0.8, high=0.95, n=2)},
    ).model_copy(update=changes)


def test_a_card_is_read_as_it_was_written() -> None:
    written = card()
    assert JudgeCard.model_validate_json(written.model_dump_json()) == written


def test_another_name_is_the_same_card_and_another_figure_is_not() -> None:
    assert card(name="other").content_hash == card().content_hash
    assert card(figures={"voc": CardFigure(value=0.8, n=2)}).content_hash != card().content_hash


def test_another_provider_is_the_same_judge_and_another_prompt_is_not() -> None:
    judge = QualifiedJudge.of(PROVENANCE)
    assert judge.differences(QualifiedJudge.of(replace(PROVENANCE, provider="cuda"))) == ()
    assert judge.differences(QualifiedJudge.of(replace(PROVENANCE, prompt_hash="0"))) == ("prompt_hash",)


def test_another_folder_of_the_same_files_is_the_same_judge() -> None:
    judge = QualifiedJudge.of(PROVENANCE)
    assert judge.differences(QualifiedJudge.of(replace(PROVENANCE, model="elsewhere"))) == ()
    nameless = QualifiedJudge.of(replace(PROVENANCE, model_hash=""))
    assert nameless.differences(QualifiedJudge.of(replace(PROVENANCE, model="m", model_hash=""))) == ("model",)


@pytest.mark.parametrize("content", [None, "{", "{}", '{"schema_version": 2}'])
def test_a_card_that_cannot_be_read_is_one_sentence(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "judge_card.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(JudgeError, match=r"^The judge card .*vlm-judge qualify"):
        read_card(path)
