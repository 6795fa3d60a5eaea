"""A model that keeps what it has read gives what a model that reads everything anew gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models.vlm.interrupting import in_another_thread, wrap_session
from models.vlm.shown import PROMPTS, Parts, Picture, frame, labelled, parts_of

from vlm_judge_ros.episode.fault import BrokenImage, FrameFault
from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.scorer import AnswerScorer, Content
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.vlm.prefix import log_probabilities

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

POOL = [frame(seed, ("front", "wrist")[seed % 2], 84, 84 + 28 * (seed % 3)) for seed in range(4)]


class Acting(Picture):
    """A picture that does something when it is looked at."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(99)
        self._act = act

    def rgb(self) -> Any:
        self._act()
        return super().rgb()


def acting(act: Callable[[], None]) -> Frame:
    return Frame("front", 99, Acting(act), np.zeros((24, 32), np.uint8))


def scores(model: LocalModel, content: Sequence[Content], prompts: Sequence[str] = PROMPTS) -> list[float]:
    return [score.log_probability for score in model.score(content, prompts, "True")]


def anew(parts: Parts, content: Sequence[Content], prompts: Sequence[str] = PROMPTS) -> list[float]:
    logits = parts.whole(parts.pieces(content), prompts)
    return log_probabilities(logits, parts.folder.tokens.answer_id("True"))


def decoded(frames: Sequence[Frame]) -> list[int]:
    return [shown.image.decoded for shown in frames]  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def parts(tiny_models: TinyModels) -> Parts:
    return parts_of(tiny_models.get("qwen2_5_vl").folder)


@pytest.fixture
def model(parts: Parts) -> LocalModel:
    return LocalModel(parts.folder, LocalSettings(max_images=4))


def test_it_is_a_scorer(model: LocalModel) -> None:
    scorer: AnswerScorer = model
    assert scorer.name == "model"
    assert len(scorer.file_hash) == 16
    assert scorer.provider == "cpu"


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm"])
def test_scores_are_those_of_reading_everything_for_each_prompt(family: str, tiny_models: TinyModels) -> None:
    parts = parts_of(tiny_models.get(family).folder)
    model = LocalModel(parts.folder)
    for count in (1, 3):
        content = labelled(POOL[:count])
        assert scores(model, content) == pytest.approx(anew(parts, content), abs=1e-5)


def test_a_new_frame_is_all_that_is_looked_at(model: LocalModel) -> None:
    frames = [frame(seed) for seed in range(4)]
    for count in (2, 2, 3, 4):
        scores(model, labelled(frames[:count]))
    assert decoded(frames) == [1, 1, 1, 1]


def test_a_frame_that_is_left_out_costs_no_other_frame(model: LocalModel, parts: Parts) -> None:
    frames = [frame(seed) for seed in range(4)]
    scores(model, labelled(frames))
    kept = labelled([frames[0], *frames[2:]])
    left = scores(model, kept)
    assert decoded(frames) == [1, 1, 1, 1]
    assert left == pytest.approx(anew(parts, kept), abs=1e-5)


def test_replacing_the_newest_frame_again_and_again_copies_nothing(
    model: LocalModel, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(model, labelled([POOL[0], POOL[1]]))
    scores(model, labelled([POOL[0], POOL[2]]))
    monkeypatch.setattr(type(model.engine), "truncate", None)
    for newest in (POOL[3], POOL[1]):
        content = labelled([POOL[0], newest])
        assert scores(model, content) == pytest.approx(anew(parts, content), abs=1e-5)


def test_a_frame_that_is_no_longer_shown_is_dropped(model: LocalModel) -> None:
    frames = [frame(seed) for seed in range(2)]
    scores(model, labelled(frames))
    scores(model, labelled(frames[1:]))
    scores(model, labelled(frames))
    assert decoded(frames) == [2, 1]


@given(st.lists(st.lists(st.sampled_from(range(len(POOL))), max_size=4), min_size=2, max_size=4), st.booleans())
@settings(max_examples=8)
def test_whatever_was_asked_before_does_not_count(
    tiny_models: TinyModels, questions: list[list[int]], with_labels: bool
) -> None:
    folder = open_folder(tiny_models.get("qwen3_vl").folder)
    parts = parts_of(folder.path)
    model = LocalModel(folder)
    for question in questions:
        frames = [POOL[index] for index in question]
        content = labelled(frames) if with_labels else list[Content](frames)
        assert scores(model, content) == pytest.approx(anew(parts, content), abs=1e-5)


def test_text_after_the_last_frame_is_one_with_the_prompt(model: LocalModel) -> None:
    content = labelled(POOL[:2])
    whole = scores(model, content, ["The robot opened the drawer. True or not?"])
    assert scores(model, [*content, "The robot ope"], ["ned the drawer. True or not?"]) == whole
    assert scores(model, [*content, "The robot", " ope"], ["ned the drawer. True or not?"]) == whole


def test_neighbouring_texts_are_one_text(model: LocalModel) -> None:
    whole = scores(model, ["front camera:", POOL[0]])
    assert scores(model, ["front ca", "mera:", POOL[0]]) == whole


def test_the_budget_of_image_tokens_goes_by_camera(parts: Parts) -> None:
    frames = [frame(0, "front", 224, 224), frame(0, "wrist", 224, 224)]
    model = LocalModel(parts.folder, LocalSettings(image_tokens={"": 36, "wrist": 16}))
    front, wrist = (
        parts.folder.prepare(shown.image.rgb(), tokens) for shown, tokens in zip(frames, (36, 16), strict=True)
    )
    assert (front.token_count, wrist.token_count) == (36, 16)
    assert scores(model, frames[:1]) != pytest.approx(scores(model, frames[1:]), abs=1e-3)


def test_more_frames_than_the_budget_are_refused_with_both_limits(model: LocalModel, parts: Parts) -> None:
    content = labelled(POOL)
    expected = scores(model, content)
    limit = parts.folder.config.context_length
    with pytest.raises(JudgeError, match=rf"5 frames.*frame budget of 4.*{limit} tokens"):
        scores(model, [*content, frame(7)])
    assert scores(model, content) == expected


def test_more_tokens_than_the_budget_are_refused_with_both_limits(parts: Parts) -> None:
    model = LocalModel(parts.folder, LocalSettings(max_images=2, image_tokens={"": 64}))
    limit = 2 * (64 + 48) + 1024
    with pytest.raises(JudgeError, match=rf"2 frames \(frame budget 2\).*the {limit} that"):
        scores(model, labelled(POOL[:2]), ["drawer " * 2000])
    assert scores(model, labelled(POOL[:2])) == pytest.approx(anew(parts, labelled(POOL[:2])), abs=1e-5)


def test_key_values_stay_within_the_bound(parts: Parts) -> None:
    model = LocalModel(parts.folder, LocalSettings(max_images=4, image_tokens={"": 64}))
    longest = 4 * (64 + 48) + 1024
    assert model.key_value_bytes_per_token == 2 * 2 * 2 * 16 * 4
    assert model.memory_bound_bytes >= 4 * longest * model.key_value_bytes_per_token
    unbounded = LocalModel(parts.folder, LocalSettings(max_images=4))
    assert unbounded.memory_bound_bytes > model.memory_bound_bytes


@pytest.mark.parametrize("prompts", [[""], ["true?", ""]])
def test_an_empty_prompt_is_refused(model: LocalModel, prompts: list[str]) -> None:
    with pytest.raises(JudgeError, match="empty"):
        scores(model, [], prompts)


def test_no_prompts_have_no_scores(model: LocalModel) -> None:
    assert scores(model, labelled(POOL[:1]), []) == []


def test_a_prompt_needs_no_frames(model: LocalModel, parts: Parts) -> None:
    assert scores(model, []) == pytest.approx(anew(parts, []), abs=1e-5)


def test_a_cancelled_question_stops_between_graphs_and_the_next_is_answered(model: LocalModel, parts: Parts) -> None:
    scores(model, labelled(POOL[:2]))
    with pytest.raises(Cancelled):
        scores(model, [*labelled(POOL[:2]), acting(model.cancel), *labelled(POOL[2:3])])
    content = labelled(POOL[:3])
    assert scores(model, content) == pytest.approx(anew(parts, content), abs=1e-5)


@pytest.mark.parametrize("graph", ["vision", "decoder"])
def test_a_cancelled_question_stops_inside_a_graph_and_the_next_is_answered(
    graph: str, model: LocalModel, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores(model, labelled(POOL[:1]))
    with monkeypatch.context() as patched:
        wrap_session(patched, model, graph, lambda: in_another_thread(model.cancel))
        with pytest.raises(Cancelled):
            scores(model, labelled(POOL[:3]))
    content = labelled(POOL[:3])
    assert scores(model, content) == pytest.approx(anew(parts, content), abs=1e-5)


def test_cancelling_where_nothing_runs_does_nothing(model: LocalModel) -> None:
    model.cancel()
    assert len(scores(model, labelled(POOL[:1]))) == len(PROMPTS)


@pytest.mark.parametrize("graph", ["vision", "decoder"])
def test_a_runtime_that_gives_up_is_an_error_with_its_cause_and_the_next_question_is_answered(
    graph: str, model: LocalModel, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory() -> None:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 42\nstack trace")

    scores(model, labelled(POOL[:1]))
    with monkeypatch.context() as patched:
        wrap_session(patched, model, graph, out_of_memory)
        with pytest.raises(JudgeError, match="Failed to allocate memory") as raised:
            scores(model, labelled(POOL[:3]))
    assert "\n" not in str(raised.value)
    content = labelled(POOL[:3])
    assert scores(model, content) == pytest.approx(anew(parts, content), abs=1e-5)


def test_memory_that_runs_out_outside_the_runtime_is_an_error_of_its_own(model: LocalModel, parts: Parts) -> None:
    def out_of_memory() -> None:
        raise MemoryError

    with pytest.raises(JudgeError, match="Memory ran out"):
        scores(model, [POOL[0], acting(out_of_memory)])
    assert scores(model, labelled(POOL[:1])) == pytest.approx(anew(parts, labelled(POOL[:1])), abs=1e-5)


def test_a_broken_image_is_told_as_such_and_the_next_question_is_answered(model: LocalModel, parts: Parts) -> None:
    def broken() -> None:
        raise BrokenImage(next(iter(FrameFault)), "The image is cut short.")

    with pytest.raises(BrokenImage):
        scores(model, [*labelled(POOL[:1]), acting(broken)])
    assert scores(model, labelled(POOL[:1])) == pytest.approx(anew(parts, labelled(POOL[:1])), abs=1e-5)
