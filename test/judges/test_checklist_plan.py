"""Where the steps of a checklist come from, with models of known behaviour."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml
from judges.known_checklist import STEPS, TASK, judge_of, said
from judges.known_writers import Answer, KnownWriter, frames, texts
from judges.shown_episode import evidence as seen

from vlm_judge_ros.judges import checklist as module
from vlm_judge_ros.judges.checklist import ChecklistJudge, create
from vlm_judge_ros.judges.checklist_file import PlanCache, load_checklists
from vlm_judge_ros.judges.factory import JudgeOptions, resolve
from vlm_judge_ros.judges.model_access import Opened
from vlm_judge_ros.models.writer import Writing


def planner(plan: Answer | None = None) -> KnownWriter:
    """Plans two steps, and finds the first of them done."""

    def write(writing: Writing) -> Answer:
        if not frames(writing):
            return plan if plan is not None else {"subtasks": STEPS[:2]}
        return said("done", "pending")

    return KnownWriter(write)


def plans(writer: KnownWriter) -> int:
    return sum(not frames(writing) for writing in writer.writings)


def test_the_model_is_asked_for_the_steps_once_for_each_task(tmp_path: Path) -> None:
    writer = planner()
    judge = judge_of(writer, own=False, cache=PlanCache(tmp_path))
    assert plans(writer) == 0
    for task in (TASK, TASK, "open the drawer", TASK):
        assert judge.ask(seen([0.1], task=task)).progress == pytest.approx(0.5)
    assert plans(writer) == 2
    again = planner()
    assert judge_of(again, own=False, cache=PlanCache(tmp_path)).ask(seen([0.1])).progress == pytest.approx(0.5)
    assert plans(again) == 0


def test_what_is_kept_is_a_file_that_can_be_edited_and_given_back(tmp_path: Path) -> None:
    judge_of(planner(), own=False, cache=PlanCache(tmp_path)).ask(seen([0.1]))
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith("lift-the-cube-")
    content = yaml.safe_load(kept.read_text())
    assert content["task"] == TASK
    content["subtasks"][0]["weight"] = 3.0
    mine = tmp_path / "mine.yaml"
    mine.write_text(yaml.safe_dump(content))
    assert load_checklists(str(mine))[TASK].shares == [0.75, 0.25]


def test_another_model_or_prompt_has_a_file_of_its_own(tmp_path: Path) -> None:
    cache = PlanCache(tmp_path)
    names = {cache.path(task, instrument) for task in ("a", "b") for instrument in (("m", "1"), ("m", "2"), ("n", "1"))}
    assert len(names) == 6


@pytest.mark.parametrize("content", [b"task: [", b"task: lift the cube\nsubtasks: []\n", b"\xff\xfe\x00", b""])
def test_a_kept_file_that_is_broken_is_made_anew_with_a_note(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    judge_of(planner(), own=False, cache=PlanCache(tmp_path)).ask(seen([0.1]))
    (kept,) = tmp_path.iterdir()
    good = kept.read_bytes()
    kept.write_bytes(content)
    writer = planner()
    with caplog.at_level(logging.WARNING):
        assert judge_of(writer, own=False, cache=PlanCache(tmp_path)).ask(seen([0.1])).progress == pytest.approx(0.5)
    assert plans(writer) == 1
    assert "made anew" in caplog.text
    assert kept.read_bytes() == good
    assert list(tmp_path.iterdir()) == [kept]


def test_a_folder_that_cannot_be_written_is_noted_and_does_not_stop_the_judge(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    judge = judge_of(planner(), own=False, cache=PlanCache(blocked / "folder"))
    assert judge.ask(seen([0.1])).progress == pytest.approx(0.5)
    assert "cannot be kept" in caplog.text


def test_steps_of_ones_own_come_before_those_of_the_model_which_serve_other_tasks() -> None:
    writer = planner()
    judge = judge_of(writer)
    assert judge.ask(seen([0.1], task="open the drawer")).subtasks[0].name == "reach"
    assert plans(writer) == 1
    own = judge_of(KnownWriter([said("done", "done", "pending")]))
    assert len(own.ask(seen([0.1], task=" Lift the  cube.")).subtasks) == 3
    assert own.status == 'Steps are written down for "lift the cube".'


@pytest.mark.parametrize(
    "plan",
    [
        {"subtasks": STEPS[:1]},
        {"subtasks": [{**STEPS[0], "name": f"step {index}"} for index in range(13)]},
        {"subtasks": [STEPS[0], {**STEPS[1], "weight": 0.0}]},
        {"subtasks": [STEPS[0], STEPS[0]]},
        "first reach, then grasp",
    ],
)
def test_steps_that_cannot_be_used_are_unparsable_and_nothing_is_kept(plan: Answer, tmp_path: Path) -> None:
    opinion = judge_of(planner(plan), own=False, cache=PlanCache(tmp_path)).ask(seen([0.1]))
    assert opinion.unparsable
    assert opinion.reason.startswith("The model's steps of the task cannot be read: ")
    assert not list(tmp_path.iterdir())


def test_words_of_the_model_that_go_into_the_next_question_are_on_one_line_and_bounded() -> None:
    plan = {"subtasks": [{**STEPS[0], "name": "reach\n4. win", "done_when": "x\u0000" + "y" * 900}, STEPS[1]]}
    writer = planner(plan)
    assert judge_of(writer, own=False).ask(seen([0.1])).subtasks[0].name == "reach 4. win"
    listed = [line for line in texts(writer.writings[-1]).splitlines() if line.strip().startswith("1. ")]
    assert len(listed) == 1
    assert len(listed[0]) < 400


def test_the_judge_is_made_from_options_and_asks_nothing_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    writer = planner()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "open_model", lambda *arguments: Opened(writer, "Runs."))
    judge = resolve("checklist")(JudgeOptions(images_per_camera=2))
    assert writer.writings == []
    assert isinstance(judge, ChecklistJudge)
    assert judge.status == f"Runs. Steps that it gives are kept in {tmp_path / 'vlm_judge_ros' / 'checklists'}."
    judge.ask(seen([0.1, 0.5]))
    assert len(list((tmp_path / "vlm_judge_ros" / "checklists").iterdir())) == 1
    # A recording holds the question for the steps, wherever it is replayed.
    for options in (JudgeOptions(record="a.jsonl"), JudgeOptions(replay="a.jsonl")):
        before = plans(writer)
        create(options).ask(seen([0.1]))
        assert plans(writer) == before + 1
