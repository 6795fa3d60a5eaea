from __future__ import annotations

from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from replay.judged import trace

from vlm_judge_ros import cli
from vlm_judge_ros.judges.example_bank import ExampleBank
from vlm_judge_ros.replay.examples_pseudo import most_confident
from vlm_judge_ros.replay.outputs.episode_file import EpisodeFile, read_episode
from vlm_judge_ros.replay.outputs.pseudo_labels import PseudoLabel
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode
from vlm_judge_ros.verdict.verdict import State


def label(episode: str, **other: object) -> PseudoLabel:
    known = {
        "episode": episode,
        "origin": "",
        "task": "stack",
        "outcome": "success",
        "failure_mode": "NONE",
        "onset_s": None,
        "progress": None,
        "confidence": 0.95,
        "agreement": 1.0,
        "samples": 3,
    }
    return PseudoLabel.model_validate({**known, **other})


@pytest.fixture
def judged(tmp_path: Path) -> list[PseudoLabel]:
    """Two judged episodes in `results`, and a label for each."""
    labels = []
    for name, failed in (("good", False), ("bad", True)):
        episode = BagEpisode.find(EpisodeBag(name=name, duration_s=6.0).write(tmp_path))
        folder = tmp_path / "results" / episode.description.key
        folder.mkdir(parents=True)
        output = EpisodeFile.open(episode, folder)
        for event in episode.events():
            output.see(event)
        output.finish(trace((5.0, State.FAILED if failed else State.SUCCEEDED)))
        read = read_episode(folder)
        told = {"origin": read.origin, "task": read.trace.task}
        if failed:
            told |= {"outcome": "failure", "failure_mode": "STALL", "onset_s": 5.0}
        labels.append(label(read.key, **told))
    return labels


def add(folder: Path, labels: list[PseudoLabel], *words: str) -> int:
    path = folder / "labels.jsonl"
    path.write_text("".join(f"{one.model_dump_json()}\n" for one in labels))
    bank = ["--bank", str(folder / "bank")]
    return cli.main(["examples", "add-pseudo", str(path), str(folder / "results"), *bank, *words])


def test_judged_episodes_become_examples_that_say_who_labelled_them(
    judged: list[PseudoLabel], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(tmp_path, judged, "--frames", "4") == 0
    assert "2 added" in capsys.readouterr().out
    examples = {one.failure_mode.name: one for one in ExampleBank(tmp_path / "bank").read().examples}
    assert set(examples) == {"NONE", "STALL"}
    for one in examples.values():
        assert one.made_by == (
            "pseudo-label, judged and seen by no person: confidence 0.950, agreement 1.00 of 3 samples"
        )
        assert one.text == ""
    # From three seconds before the failure began.
    assert min(frame.time_s for frame in examples["STALL"].frames) == pytest.approx(2.0, abs=0.5)
    assert min(frame.time_s for frame in examples["NONE"].frames) == 0.0
    assert add(tmp_path, judged, "--frames", "4") == 0
    assert "0 added" in (told := capsys.readouterr().out) and "2 there already" in told


def test_what_is_not_sure_enough_is_left_out(
    judged: list[PseudoLabel], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(tmp_path, judged, "--confidence", "0.96") == 1
    assert "0 added" in capsys.readouterr().out


def test_of_each_kind_the_most_confident_are_taken() -> None:
    labels = [label(f"e{index}", confidence=0.9 + index / 100) for index in range(5)]
    failed = label("failed", outcome="failure", failure_mode="SLIP", confidence=0.91)
    chosen = most_confident([*labels, failed], 0.9, 2)
    assert [one.episode for one in chosen] == ["e4", "e3", "failed"]


def test_labels_of_other_results_are_refused(
    judged: list[PseudoLabel], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(tmp_path, [judged[0].model_copy(update={"origin": "elsewhere"})]) == 1
    assert "is another one" in capsys.readouterr().err
    assert add(tmp_path, [label("../bank")]) == 1
    assert "has no episode ../bank" in capsys.readouterr().err
    (tmp_path / "labels.jsonl").write_text('{"label_source": "people"}\n')
    words = [str(tmp_path / "labels.jsonl"), str(tmp_path / "results"), "--bank", str(tmp_path / "bank")]
    assert cli.main(["examples", "add-pseudo", *words]) == 1
    assert "Line 1 of" in capsys.readouterr().err
