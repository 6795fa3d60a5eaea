from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from models.remote.kinds import answered
from models.remote.misbehaving_server import serving
from replay.episode_bag import EpisodeBag

from vlm_judge_ros import cli
from vlm_judge_ros.judges.card import JudgeCard, read_card
from vlm_judge_ros.qualify.control_answers import CONTROLS, read_control_answers
from vlm_judge_ros.qualify.kept import read_kept
from vlm_judge_ros.qualify.qualified_episode import Control
from vlm_judge_ros.replay.labels.label import Label
from vlm_judge_ros.replay.labels.labels import LabelFile

SQUARE = ["--judge", "node.square_judge:create", "--set", "success_hold_s=0.1"]
LEFT = "move the square to the left"


def qualify(*words: str | Path) -> int:
    return cli.main(["qualify", *map(str, words)])


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bags")
    return [
        EpisodeBag(name="good", duration_s=4.0).write(folder),
        EpisodeBag(
            name="bad", duration_s=5.0, task="fail to move the square", failure_mode="OBJECT_DROPPED", onset_s=1.0
        ).write(folder),
        EpisodeBag(name="nobody-knows", truth=False).write(folder),
    ]


@pytest.fixture(scope="module")
def qualified(bags: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("qualified") / "square"
    assert qualify(*bags, "--out", out, "--wrong-task", LEFT, *SQUARE) == 0
    return out


def copied(qualified: Path, folder: Path) -> Path:
    return Path(shutil.copytree(qualified, folder / "copy"))


def test_a_judge_that_looks_follows_the_pictures_and_not_the_time(qualified: Path) -> None:
    figures = read_card(qualified / "judge_card.json").figures
    assert figures["voc"].value == pytest.approx(1.0, abs=0.02)
    assert figures["voc_static"].value == 0.0
    assert figures["voc_reversed"].value is not None
    assert figures["voc_reversed"].value < -0.9
    assert figures["voc_wrong_task"].value == pytest.approx(1.0, abs=0.1)  # this judge reads no task
    assert figures["success_auroc"].value == 1.0


def test_the_controls_are_kept_beside_the_episode_and_asked_about_at_the_same_moments(qualified: Path) -> None:
    for episode in read_kept(qualified).episodes:
        assert set(episode.controls) == set(Control)
        times_s = [answer.time_s for answer in episode.trace.answers]
        for answers in episode.controls.values():
            assert [answer.time_s for answer in answers] == pytest.approx(times_s)
    told = read_control_answers(qualified / "good")
    assert told is not None
    assert told.wrong_task == LEFT


def test_episodes_of_which_nothing_is_known_are_named_and_not_judged(qualified: Path) -> None:
    card = read_card(qualified / "judge_card.json")
    assert (card.episodes, card.unlabelled) == (2, ("nobody-knows",))
    assert not (qualified / "nobody-knows").exists()


def test_labels_make_an_episode_count_and_the_card_anew_asks_no_judge(
    bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, labels = tmp_path / "out", tmp_path / "labels.csv"
    LabelFile(labels).put(Label(episode="nobody-knows", success=True, score=1.0, rater="Ada"))
    words = [str(bags[2]), "--out", str(out), "--controls", "none", *SQUARE]
    assert qualify(*words, "--labels", labels) == 0
    assert (out / "labels.csv").read_bytes() == labels.read_bytes()
    assert read_card(out / "judge_card.json").episodes == 1
    LabelFile(labels).put(Label(episode="nobody-knows", success=False, score=0.5, rater="Ada"))
    capsys.readouterr()
    assert qualify("--from", out, "--labels", labels, "--json") == 0
    card = json.loads(capsys.readouterr().out)
    assert card["success_recall"]["value"] is None
    assert qualify("--from", out) == 0  # the labels of the folder are read again
    assert read_card(out / "judge_card.json").figures["success_recall"].value is None


def test_a_preference_alone_makes_an_episode_count(
    bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, labels = tmp_path / "out", tmp_path / "labels.csv"
    other = EpisodeBag(name="nobody-either", duration_s=1.0, truth=False).write(tmp_path)
    LabelFile(labels).put(Label(episode="nobody-knows", preferred_over="nobody-either", rater="Ada"))
    words = ["--out", str(out), "--controls", "none", "--labels", str(labels), "--json", *SQUARE]
    assert qualify(bags[2], other, *words) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["episodes"] == 2
    assert card["preference_accuracy_of_people"]["n"] == 1


def test_the_card_of_judged_episodes_can_go_into_a_folder_of_its_own(qualified: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in qualified.iterdir()}
    out, labels = tmp_path / "new" / "card", tmp_path / "labels.csv"
    LabelFile(labels).put(Label(episode="good", success=False, rater="Ada"))
    assert qualify("--from", qualified, "--out", out, "--labels", labels) == 0
    assert {path.name for path in out.iterdir()} == {"judge_card.json", "judge_card.html", "labels.csv"}
    assert read_card(out / "judge_card.json").name == "card"
    assert read_card(out / "judge_card.json").figures["success_recall"].value is None
    assert {path: path.stat().st_mtime_ns for path in qualified.iterdir()} == before
    assert qualify("--from", qualified, "--out", out) == 0  # the labels of that folder are read again
    assert read_card(out / "judge_card.json").figures["success_recall"].value is None


def test_an_episode_that_does_not_tell_its_judge_in_parts_is_to_be_scored_again(
    qualified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(qualified, tmp_path)
    for name in ("good", "bad"):
        path = out / name / "episode.json"
        content = json.loads(path.read_text())
        content["schema_version"] = 2
        del content["trace"]["instrument"]
        path.write_text(json.dumps(content))
    assert qualify("--from", out) == 0  # the controls tell it
    (out / "good" / CONTROLS).unlink()
    assert qualify("--from", out) == 1
    assert "The episode good was judged by an older version" in capsys.readouterr().err


def test_what_a_server_costs_stands_in_the_card(
    bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "server.yaml"
    with serving() as server:
        server.usual = answered
        prices = "budget: {input_price: 2.0, output_price: 10.0}"
        file.write_text(f"kind: other\nbase_url: {server.base_url}\n{prices}\n")
        judge = ["--judge", "token_reward", "--set", f"server={file}", "--set", "prompts=three-v1"]
        assert qualify(bags[0], "--out", out, "--controls", "none", "--json", *judge) == 0
    card = json.loads(capsys.readouterr().out)
    assert (card["input_tokens_per_answer"]["value"], card["output_tokens_per_answer"]["value"]) == (300.0, 3.0)
    answers = read_kept(out).episodes[0].trace.answers
    assert card["cost_per_hour"]["value"] == pytest.approx(len(answers) * 0.00063 * 3600.0 / 4.0, rel=0.05)
    assert [answer.money for answer in answers] == pytest.approx([0.00063] * len(answers))


def test_the_card_for_programs_has_its_figures_at_the_top_level(
    qualified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(qualified, tmp_path)
    assert qualify("--from", out, "--json", "--name", "named") == 0
    card = json.loads(capsys.readouterr().out)
    assert card["name"] == "named"
    assert card["judge"]["model_hash"] == "0123456789abcdef"
    assert set(card["voc"]) >= {"value", "low", "high", "n"}
    assert len(card["fit_for"]) + len(card["not_fit_for"]) == 5


def test_what_score_has_judged_can_be_qualified_and_set_beside_another_judge(
    bags: list[Path], qualified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scored"
    assert cli.main(["score", *map(str, bags[:2]), "--out", str(out), "--with", "verdicts", *SQUARE]) == 0
    assert qualify("--from", out) == 0
    card, other = read_card(out / "judge_card.json"), read_card(qualified / "judge_card.json")
    assert card.judge == other.judge
    assert card.figures["voc_static"].value is None
    assert card.figures["mae"] == other.figures["mae"]
    capsys.readouterr()
    assert qualify("--compare", qualified, out, "--out", tmp_path / "both") == 0
    table = capsys.readouterr().out
    assert "| square " in table
    assert (tmp_path / "both" / "comparison.md").read_text() == table
    both = json.loads((tmp_path / "both" / "comparison.json").read_text())
    assert both["episodes"] == 2
    assert both["figures"]["mae"]["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 2, "reason": ""}


def test_a_run_goes_on_where_it_ended_and_not_with_another_question(
    bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["--out", str(out), "--controls", "static", *SQUARE]
    assert qualify(bags[0], *words) == 0
    before = (out / "good" / CONTROLS).stat().st_mtime_ns
    assert qualify(bags[0], bags[1], *words, "--resume") == 0
    assert (out / "good" / CONTROLS).stat().st_mtime_ns == before
    assert read_card(out / "judge_card.json").episodes == 2
    assert qualify(bags[0], "--out", out, *SQUARE, "--resume") == 1
    assert "other settings (controls was" in capsys.readouterr().err


def test_other_labels_of_one_episode_are_not_compared(
    qualified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, labels = copied(qualified, tmp_path), tmp_path / "labels.csv"
    LabelFile(labels).put(Label(episode="good", success=False, rater="Ada"))
    assert qualify("--from", other, "--labels", labels) == 0
    assert qualify("--compare", qualified, other) == 1
    assert "The episode good is not the same for both judges" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Name one of"),
        (["BAG"], "give it with --out"),
        (["--from", "missing"], "There is no judged episode in missing"),
        (["--from", "missing", "--out", "OUT"], "There is no judged episode in missing"),
        (["--compare", "missing", "missing"], "cannot be read"),
        (["BAG", "--out", "OUT", "--controls", "upside_down"], "no control 'upside_down'"),
        (["BAG", "--out", "OUT", "--thresholds", "missing.yaml"], '"missing.yaml" cannot be read'),
        (["BAG", "--out", "OUT", "--labels", "missing.csv"], "no file of labels"),
        (["UNKNOWN", "--out", "OUT"], "Nothing is known of any"),
        (["BAG", "--out", "OUT", "--judge", "oracle"], "No episode could be judged"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    words: list[str], reason: str, bags: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"BAG": str(bags[0]), "UNKNOWN": str(bags[2]), "OUT": str(tmp_path / "out")}
    assert qualify(*(places.get(word, word) for word in words)) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert "Traceback" not in error


def test_a_damaged_record_of_controls_is_said_in_a_sentence(
    qualified: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(qualified, tmp_path)
    for content in ("{", "{}", '{"answers": 3}'):
        (out / "good" / CONTROLS).write_text(content)
        assert qualify("--from", out) == 1
        assert "is damaged" in capsys.readouterr().err


def test_a_written_card_is_read_again_as_it_was(qualified: Path) -> None:
    text = (qualified / "judge_card.json").read_text()
    assert JudgeCard.model_validate_json(text).model_dump_json(indent=1) + "\n" == text
