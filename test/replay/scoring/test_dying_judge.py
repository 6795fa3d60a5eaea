"""What a judge whose process dies costs: nothing where it answers when it is asked again, else its episode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from replay.scoring.dying_judge import ALWAYS_DIES, CANNOT_SAY, DIES_ONCE, EXIT_CODE, HANGS_ONCE
from replay.scoring.judged_lines import judged_lines

from vlm_judge_ros import cli
from vlm_judge_ros.errors import JudgeError, JudgeLost
from vlm_judge_ros.parameters.given import GivenParameters
from vlm_judge_ros.replay.outputs.episode_file import read_episode
from vlm_judge_ros.replay.scoring import episode_judge
from vlm_judge_ros.replay.scoring import scorer as scoring
from vlm_judge_ros.replay.scoring.episode_judge import EpisodeJudge
from vlm_judge_ros.replay.scoring.scorer import KeepsDying, Scorer, ScoringSettings
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.verdict.verdict import State

JUDGE = "replay.scoring.dying_judge:create"


def bag(folder: Path, name: str, task: str = "move the square") -> Path:
    return EpisodeBag(name=name, truth=False, task=task, duration_s=1.6).write(folder)


def test_a_question_that_the_judge_died_of_is_asked_again_and_leaves_no_trace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    notes = tmp_path / "notes"
    notes.mkdir()
    given = GivenParameters({"judge": JUDGE, "model": str(notes), "hang_timeout_s": 2.0})
    judge = EpisodeJudge(given.for_cameras(("front", "wrist")))
    try:
        for name, task in (("crash", DIES_ONCE), ("hang", HANGS_ONCE)):
            path = bag(tmp_path, name, task)
            disturbed = judged_lines(judge, path, tmp_path / f"{name}_disturbed")
            assert (notes / task).exists()
            assert judged_lines(judge, path, tmp_path / f"{name}_undisturbed") == disturbed
            assert disturbed.count(b"\n") > 2
    finally:
        judge.close()


def test_an_episode_that_the_judge_always_dies_of_fails_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    bags = [bag(tmp_path, "deadly", ALWAYS_DIES), bag(tmp_path, "dark", CANNOT_SAY)]
    words = ["--judge", JUDGE, "--set", f"model={tmp_path}", "--with", "verdicts"]
    assert cli.main(["score", *map(str, bags), "--out", str(out), *words]) == 1
    assert f"(exit code {EXIT_CODE})" in capsys.readouterr().err
    assert {path.name for path in out.iterdir() if path.is_dir()} == {"dark"}
    (failed,) = map(json.loads, (out / "failed.jsonl").read_text().splitlines())
    assert failed["episode"] == "deadly"
    assert "asked 3 times" in failed["reason"]
    assert read_episode(out / "dark").trace.final_state is State.UNKNOWN


def test_a_judge_that_dies_in_one_episode_after_the_other_is_not_tried_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "MOST_LOST", 2)
    monkeypatch.setattr(episode_judge, "TRIES", 1)
    deadly = BagEpisode.find(bag(tmp_path, "deadly", ALWAYS_DIES))
    scorer = Scorer(ScoringSettings(tmp_path, (), GivenParameters({"judge": JUDGE, "model": str(tmp_path)})))
    errors: list[JudgeError] = []
    try:
        for _ in range(2):
            with pytest.raises(JudgeError) as error:
                scorer.score(deadly)
            errors.append(error.value)
    finally:
        scorer.close()
    assert [type(error) for error in errors] == [JudgeLost, KeepsDying]
    assert list(tmp_path.glob(".unfinished*")) == []
