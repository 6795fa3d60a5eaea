"""The card of the judge of a node: in the provenance of its verdicts, and a warning where it is of another judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import Bench, Robot
from diagnostic_msgs.msg import DiagnosticStatus
from judge_process import JudgeProcess

from vlm_judge_ros import msg
from vlm_judge_ros.judges.card import JudgeCard, QualifiedJudge


@pytest.fixture
def robot(bench: Bench) -> Iterator[Robot]:
    robot = Robot(bench, "carded")
    yield robot
    robot.close()


def test_the_node_tells_its_card_and_warns_that_it_is_of_another_judge(
    start: Callable[..., JudgeProcess], robot: Robot, tmp_path: Path
) -> None:
    judge = QualifiedJudge(model="elsewhere", model_hash="f" * 16, method="scripted")
    card = JudgeCard(name="of-the-node", judge=judge, software_version="1", episodes=1, tasks=("one",), figures={})
    path = tmp_path / "judge_card.json"
    path.write_text(card.model_dump_json())
    node = start("carded", task="watch", period_s=0.3, judge_card=str(path))
    verdict = node.await_verdict(msg.Verdict.STATE_PROGRESSING)
    assert verdict.provenance.judge_card == card.label
    warning = "The judge card of-the-node is of another judge: model_hash differs"
    node.await_status("judge", DiagnosticStatus.WARN, warning)
    assert node.values("judge")["judge card"] == card.label
    assert warning in node.said()


def test_a_broken_card_is_told_in_one_sentence(start: Callable[..., JudgeProcess], tmp_path: Path) -> None:
    path = tmp_path / "judge_card.json"
    path.write_text("{")
    node = start("broken_card", ready=False, judge_card=str(path))
    assert node.process.wait(90) == 1
    assert f"The judge card {path} cannot be used" in node.said()
    assert "Traceback" not in node.said()
