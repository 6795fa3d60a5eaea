"""The checklist with models of known behaviour."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judges.known_checklist import CHECKLIST, LINEAR, TASK, answer, judge_of, prompt, said, step
from judges.known_contexts import KnownContexts
from judges.known_scorers import BrightnessScorer, brightness
from judges.known_writers import Answer, KnownWriter, frames, texts
from judges.shown_episode import evidence as seen

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.checklist_answers import ChecklistAnswer, StepAnswer, succession, tally
from vlm_judge_ros.judges.checklist_file import as_yaml, load_checklists
from vlm_judge_ros.judges.checklist_prompt import PlanPrompt
from vlm_judge_ros.judges.context import ExampleContext
from vlm_judge_ros.judges.named_file import load
from vlm_judge_ros.judges.opinion import Cancellable, SubtaskState
from vlm_judge_ros.judges.written_answer import schema_of
from vlm_judge_ros.judges.written_prompt import SHIPPED_FOLDER
from vlm_judge_ros.models.writer import Writing


def test_progress_is_the_weighted_sum_of_the_steps() -> None:
    opinion = judge_of(KnownWriter([said("done", "active 0.5", "pending")])).ask(seen([0.1, 0.2]))
    assert opinion.progress == pytest.approx(0.25 * 1.0 + 0.25 * 0.5)
    assert [(entry.name, entry.weight, entry.progress, entry.state) for entry in opinion.subtasks] == [
        ("reach", 0.25, 1.0, SubtaskState.DONE),
        ("grasp", 0.25, 0.5, SubtaskState.ACTIVE),
        ("lift", 0.5, 0.0, SubtaskState.PENDING),
    ]
    assert opinion.reason == '1 of 3 steps are done; "grasp" is active.'
    assert not opinion.calibrated


def test_a_step_that_was_done_becomes_undone_when_it_is_seen_undone() -> None:
    judge = judge_of(KnownWriter([said("done", "done", "active 0.5"), said("active 0.2", "pending", "pending")]))
    before, after = judge.ask(seen([0.5])), judge.ask(seen([0.5, 0.1]))
    assert before.progress == pytest.approx(0.75)
    assert after.progress == pytest.approx(0.05)
    assert after.subtasks[1].state is SubtaskState.PENDING


def test_the_same_evidence_and_answers_give_the_same_opinion_whatever_came_before() -> None:
    def of_brightness(writing: Writing) -> Answer:
        level = brightness(frames(writing)[-1])
        return said("done", f"active {level:.2f}", "pending")

    judge = judge_of(KnownWriter(of_brightness))
    question = seen([0.2, 0.4])
    first = judge.ask(question)
    judge.ask(seen([0.9, 0.9]))
    assert repr(judge.ask(question)) == repr(first)  # NaN equals nothing, not even itself


def test_what_is_not_seen_widens_the_interval_and_is_neither_done_nor_undone() -> None:
    opinion = judge_of(KnownWriter([said("done", "unknown", "pending")])).ask(seen([0.1]))
    assert opinion.progress == pytest.approx(0.375)
    assert (opinion.progress_low, opinion.progress_high) == (pytest.approx(0.25), pytest.approx(0.5))
    assert math.isnan(opinion.subtasks[1].progress)
    assert opinion.subtasks[1].state is SubtaskState.UNKNOWN


def test_where_most_of_the_task_is_not_seen_the_judge_declines_and_names_the_steps() -> None:
    opinion = judge_of(KnownWriter([said("done", "unknown", "unknown")])).ask(seen([0.1]))
    assert opinion.declined
    assert not opinion.unparsable
    assert '75% of the task: "grasp", "lift"' in opinion.reason
    assert math.isnan(opinion.success_probability)
    assert len(opinion.subtasks) == 3


def test_success_and_failure_take_several_answers_that_agree() -> None:
    alone = judge_of(KnownWriter([said("done", "done", "done")])).ask(seen([1.0]))
    assert alone.progress == 1.0
    assert alone.success_probability == pytest.approx(2 / 3)
    judge = judge_of(KnownWriter([said("done", "done", "done")]), samples=3, seed=7)
    three = judge.ask(seen([1.0]))
    assert three.success_probability == pytest.approx(0.8)
    assert three.failure_probability == pytest.approx(0.2)
    assert three.provenance.seed == 7
    failing = judge_of(KnownWriter([said("done", "failed 0.5", "pending")]), samples=3).ask(seen([1.0]))
    assert failing.failure_probability == pytest.approx(0.8)
    assert '"grasp" is failed' in failing.reason


def test_samples_are_drawn_with_seeds_of_their_own_and_their_spread_is_told() -> None:
    writer = KnownWriter([said("done", "done", "active 0.2"), said("done", "pending", "pending")])
    opinion = judge_of(writer, samples=2, seed=40).ask(seen([0.5]))
    assert [writing.seed for writing in writer.writings] == [40, 41]
    assert all(writing.temperature > 0.0 for writing in writer.writings)
    assert opinion.progress == pytest.approx(0.425)
    assert opinion.progress_high - opinion.progress_low == pytest.approx(0.35)
    assert opinion.subtasks[1].state is SubtaskState.UNKNOWN  # one says done, one says pending


def test_one_answer_is_asked_for_at_temperature_zero_about_all_steps_and_the_newest_image_last() -> None:
    writer = KnownWriter([said("done", "pending", "pending")])
    judge_of(writer).ask(seen([0.1, 0.5, 0.9]))
    writing = writer.writings[0]
    assert writing.temperature == 0.0
    assert writing.schema == schema_of(ChecklistAnswer)
    assert len(frames(writing)) == 6
    judge_of(writer).ask(seen([0.1]))
    assert len(frames(writer.writings[1])) == 2
    assert brightness(frames(writing)[-1]) == pytest.approx(0.9, abs=0.01)
    told = texts(writing)
    assert "3. lift: the cube is in the air" in told
    assert TASK in told
    assert "2.0 s" in told
    assert "wrist camera, 0.0 s:" in told


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (said("done", "pending"), r"the steps are \[1, 2\], and each of 1 to 3 is asked for once"),
        (said("done", "active", "pending"), "step 2 is active and has no progress"),
        (said("done", "active 7.0", "pending"), "less than or equal to 1"),
        ({"steps": "all fine"}, "valid list"),
        ("I would say that all is well.", "no JSON object"),
    ],
)
def test_an_answer_that_does_not_fit_is_asked_for_again_once_and_then_unparsable(wrong: Answer, words: str) -> None:
    repaired = KnownWriter([wrong, said("done", "pending", "pending")])
    assert judge_of(repaired).ask(seen([0.1])).progress == pytest.approx(0.25)
    assert len(repaired.writings) == 2
    opinion = judge_of(KnownWriter([wrong])).ask(seen([0.1]))
    assert opinion.unparsable
    assert opinion.declined
    assert math.isnan(opinion.success_probability)
    assert re.search(words, opinion.reason)


def test_samples_that_cannot_be_read_are_left_out_as_long_as_half_can() -> None:
    good = said("done", "pending", "pending")
    kept = judge_of(KnownWriter(["?", "?", good]), samples=2).ask(seen([0.1]))
    assert kept.progress == pytest.approx(0.25)
    lost = judge_of(KnownWriter([good, "?", "?", "?", "?"]), samples=3).ask(seen([0.1]))
    assert lost.unparsable
    assert lost.reason.startswith("2 of 3 answers of the model cannot be read")


def test_what_the_model_says_it_saw_reaches_the_reason_shortened_and_on_one_line() -> None:
    told = {"steps": [step(1, "active", 0.5, "A\nB\x1b[31m" + "x" * 500), step(2, "pending"), step(3, "pending")]}
    reason = judge_of(KnownWriter([told])).ask(seen([0.1])).reason
    assert reason.isprintable()
    assert "A B" in reason
    assert len(reason) < 200


states = st.sampled_from(["pending", "done", "unknown", "active 0.3", "failed 0.6"])


@given(st.lists(st.tuples(states, states, states), min_size=1, max_size=4))
def test_a_tally_is_a_share_inside_its_interval_and_its_order_does_not_matter(rows: list[tuple[str, ...]]) -> None:
    answers = [answer(*row) for row in rows]
    found = tally(CHECKLIST, answers)
    if not math.isnan(found.progress):
        assert 0.0 <= found.progress <= 1.0
        if not math.isnan(found.low):
            assert found.low <= found.progress + 1e-9
            assert found.progress <= found.high + 1e-9
    turned = tally(CHECKLIST, answers[::-1])
    assert turned.progress == pytest.approx(found.progress, nan_ok=True)
    assert turned.success_probability == pytest.approx(found.success_probability, nan_ok=True)


@given(st.integers(0, 2), st.tuples(states, states, states))
def test_a_step_that_is_done_instead_of_pending_never_lowers_progress(index: int, row: tuple[str, str, str]) -> None:
    better, worse = list(row), list(row)
    better[index], worse[index] = "done", "pending"
    one, other = tally(CHECKLIST, [answer(*better)]), tally(CHECKLIST, [answer(*worse)])
    if not math.isnan(one.progress):
        assert one.progress > other.progress


@given(st.integers(0, 20), st.integers(1, 20))
def test_no_number_of_answers_makes_certain(count: int, of: int) -> None:
    assert 0.0 < succession(min(count, of), of) < 1.0


def test_the_state_says_all_where_it_can() -> None:
    assert StepAnswer(step=1, seen="", state="done", progress=0.3).share == 1.0
    assert StepAnswer(step=1, seen="", state="pending", progress=0.3).share == 0.0


@pytest.mark.parametrize("model", [KnownWriter([said("done", "pending", "pending")]), BrightnessScorer()])
def test_examples_are_told_before_the_episode(model: Any) -> None:
    cue = ExampleContext(cues=("The cube lies on its side.",))
    judge = judge_of(model, context_of=KnownContexts({TASK: cue}))
    opinion = judge.ask(seen([0.1, 0.2]))
    content = model.writings[-1].content if isinstance(model, KnownWriter) else model.contents[-1]
    assert "The cube lies on its side." in content[0]
    assert opinion.provenance.prompt_set == f"checklist-v1 known, steps {CHECKLIST.content_hash}"
    assert opinion.provenance.prompt_hash == prompt().content_hash[::-1]


def test_the_provenance_of_an_opinion_names_the_steps_by_their_hash() -> None:
    judge = judge_of(KnownWriter([said("done", "pending", "pending")]))
    assert judge.provenance.prompt_set == "checklist-v1"
    source = judge.ask(seen([0.1])).provenance
    assert source.prompt_set == f"checklist-v1, steps {CHECKLIST.content_hash}"
    assert (source.method, source.prompt_hash, source.seed) == ("checklist", prompt().content_hash, -1)


def test_the_two_shipped_prompts_differ_only_in_how_they_ask() -> None:
    one, other = prompt(), prompt("checklist-scored-v1")
    assert other.model_copy(update={"name": one.name, "scored": False}) == one


def test_shipped_prompts_do_not_change_under_their_names() -> None:
    hashes = {name: prompt(name).content_hash for name in ("checklist-v1", "checklist-scored-v1")}
    hashes["plan"] = load(PlanPrompt, "prompt", "checklist-plan-v1", SHIPPED_FOLDER).content_hash
    assert hashes == {
        "checklist-v1": "6a3433484c88e452",
        "checklist-scored-v1": "ed721e3f2594d6ae",
        "plan": "8d8d8fc32792ea98",
    }


def test_a_calibration_for_written_answers_is_refused() -> None:
    with pytest.raises(JudgeError, match="needs no calibration linear for written answers"):
        judge_of(KnownWriter([""]), calibration=LINEAR)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("task: lift\n", "subtasks: Field required"),
        ("task: lift\nsubtasks: [{name: a, done_when: b}]\n", "at least 2"),
        ("task: lift\nsubtasks: [{name: a, done_when: b}, {name: a, done_when: c}]\n", 'two steps are called "a"'),
        ("task: lift\nsubtasks: [{name: a, done_when: b}, {name: c, done_when: d, weight: -1}]\n", "greater than 0"),
        ("task: [\n", "is no YAML"),
    ],
)
def test_a_checklist_that_cannot_be_used_says_where(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(JudgeError, match=words):
        load_checklists(str(path))


def test_a_folder_has_a_checklist_for_each_task(tmp_path: Path) -> None:
    for name, task in (("a", TASK), ("b", "open the drawer")):
        (tmp_path / f"{name}.yaml").write_text(as_yaml(CHECKLIST.model_copy(update={"task": task})))
    assert load_checklists(str(tmp_path)).keys() == {TASK, "open the drawer"}
    (tmp_path / "c.yaml").write_text(as_yaml(CHECKLIST))
    with pytest.raises(JudgeError, match='are for the task "lift the cube"; remove one'):
        load_checklists(str(tmp_path))


@pytest.mark.parametrize("name", ["nothing.yaml", "nothing", "empty"])
def test_a_checklist_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(JudgeError, match=name):
        load_checklists(str(tmp_path / name))


def test_it_can_be_cancelled() -> None:
    writer = KnownWriter([json.dumps(said("done", "pending", "pending"))])
    judge = judge_of(writer)
    assert isinstance(judge, Cancellable)
    judge.cancel()
    assert writer.cancelled == 1


def test_the_example_in_the_documentation_can_be_used(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
    path = tmp_path / "example.yaml"
    path.write_text(page.partition("```yaml\ntask:")[2].partition("```")[0].join(["task:", ""]))
    assert load_checklists(str(path))[TASK].shares == [0.25, 0.25, 0.5]
