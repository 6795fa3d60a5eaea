"""The card of a judge that judges recordings: its name in what is told, and a warning where it is of another one."""

from __future__ import annotations

from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.card import JudgeCard, QualifiedJudge
from vlm_judge_ros.judges.embedded import EmbeddedJudge
from vlm_judge_ros.parameters.judge_node import parameters_for
from vlm_judge_ros.parameters.settings import judge_card
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.verdict.verdict import Verdict

SQUARE = QualifiedJudge(model="square", model_hash="0123456789abcdef", method="scripted")


def card_of(judge: QualifiedJudge, folder: Path) -> Path:
    card = JudgeCard(name="square-card", judge=judge, software_version="1", episodes=1, tasks=("square",), figures={})
    path = folder / "judge_card.json"
    path.write_text(card.model_dump_json())
    return path


@pytest.mark.parametrize(
    ("judge", "warning"),
    [
        (SQUARE, ""),
        (
            SQUARE.model_copy(update={"model_hash": "f" * 16, "prompt_hash": "0" * 16}),
            "The judge card square-card is of another judge: model_hash, prompt_hash differ",
        ),
    ],
)
def test_the_card_stands_in_every_verdict_and_another_judge_is_noticed(
    judge: QualifiedJudge, warning: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = card_of(judge, tmp_path)
    bag = EpisodeBag(name="square", duration_s=2.0).write(tmp_path)
    words = ["--judge", "node.square_judge:create", "--set", f"judge_card={path}", "--with", "verdicts"]
    assert cli.main(["score", str(bag), "--out", str(tmp_path / "out"), *words]) == 0
    told = capsys.readouterr().err
    assert warning in told
    assert warning or "judge card" not in told
    lines = (tmp_path / "out" / "square" / "verdicts.jsonl").read_text().splitlines()
    verdicts = [Verdict.model_validate_json(line) for line in lines]
    judged = [verdict.provenance for verdict in verdicts if verdict.provenance.model]
    assert judged
    assert all(provenance.judge_card.startswith("square-card ") for provenance in judged)
    trace = read_episode(tmp_path / "out" / "square", pictures=False).trace
    assert trace.provenance["judge card"] == judged[0].judge_card


def test_the_embedded_judge_ships_a_card_of_its_own() -> None:
    card = judge_card({name: entry.default for name, entry in parameters_for(("front", "wrist")).items()})
    assert card is not None
    assert card.judge == QualifiedJudge.of(EmbeddedJudge().provenance)


def test_no_other_card_is_named_unless_one_is_given_and_a_broken_one_is_one_sentence(tmp_path: Path) -> None:
    values = {name: entry.default for name, entry in parameters_for(("front",)).items()}
    assert judge_card({**values, "judge": "token_reward"}) is None
    assert judge_card({**values, "model": "a/folder/of/mine"}) is None
    path = tmp_path / "judge_card.json"
    path.write_text("{}")
    with pytest.raises(JudgeError, match=r"^The judge card .*cannot be used: name: Field required"):
        judge_card({**values, "judge_card": str(path)})
