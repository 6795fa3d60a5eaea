"""The shipped judge on two bundled episodes, with controls."""

from __future__ import annotations

from pathlib import Path

from vlm_judge_ros import cli
from vlm_judge_ros.judges.card import read_card
from vlm_judge_ros.replay.bundled import bundled_episode

EPISODES = ("pick-place_none_900006", "drawer-open_none_900005")


def test_the_shipped_judge_follows_the_pictures_and_reads_the_task(tmp_path: Path) -> None:
    out = tmp_path / "card"
    words = [str(bundled_episode(name)) for name in EPISODES]
    assert cli.main(["qualify", *words, "--out", str(out), "--controls", "reversed,wrong_task"]) == 0
    card = read_card(out / "judge_card.json")
    voc, reversed_voc = card.figures["voc"].value, card.figures["voc_reversed"].value
    assert voc is not None
    assert reversed_voc is not None
    assert voc > 0.8
    assert reversed_voc < 0.0
    assert card.figures["wrong_task_lower"].value == 1.0
    assert card.fit_for == ()  # two episodes suffice for nothing
    assert (out / "judge_card.html").stat().st_size > 10_000
