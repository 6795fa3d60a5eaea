"""The same numbers in every way of asking, on tiny models of all families."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from models.vlm.shown import PROMPTS, Parts, frame, labelled, parts_of, transformers_logits

from vlm_judge_ros.models.vlm.graphs import Call

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm")
# Of different shapes and cameras, so that rows, columns and their larger one matter.
CONTENT = labelled([frame(0), frame(1, "wrist", 112, 84), frame(2), frame(3, "wrist", 56, 140)])


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def parts(family: str, tiny_models: TinyModels) -> Parts:
    return parts_of(tiny_models.get(family).folder)


def test_logits_are_those_of_transformers(family: str, parts: Parts, tiny_models: TinyModels) -> None:
    ours = parts.whole(parts.pieces(CONTENT))
    theirs = [transformers_logits(tiny_models.get(family).model, parts, CONTENT, prompt) for prompt in PROMPTS]
    np.testing.assert_allclose(ours, np.stack(theirs), atol=1e-4, rtol=0)


def test_a_shared_prefix_gives_the_logits_of_the_whole(parts: Parts) -> None:
    pieces, engine = parts.pieces(CONTENT), parts.engine
    shared = engine.logits(engine.append(engine.empty(), pieces, Call()), parts.suffixes(), Call())
    np.testing.assert_allclose(shared, parts.whole(pieces), atol=1e-5, rtol=0)


def test_prompts_asked_at_once_give_the_logits_of_prompts_asked_in_turn(parts: Parts) -> None:
    engine = parts.engine
    prefix = engine.append(engine.empty(), parts.pieces(CONTENT), Call())
    in_turn = engine.logits(prefix, parts.suffixes(), Call())
    at_once = engine.logits(prefix, parts.suffixes(), Call(), at_once=len(PROMPTS))
    np.testing.assert_allclose(at_once, in_turn, atol=1e-5, rtol=0)


def test_reading_frame_by_frame_gives_the_logits_of_reading_all(parts: Parts) -> None:
    pieces, engine = parts.pieces(CONTENT), parts.engine
    streamed = engine.empty()
    for piece in pieces:
        streamed = engine.append(streamed, [piece], Call())
    at_once = engine.append(engine.empty(), pieces, Call())
    assert (streamed.length, streamed.next_position) == (at_once.length, at_once.next_position)
    np.testing.assert_allclose(
        engine.logits(streamed, parts.suffixes(), Call()),
        engine.logits(at_once, parts.suffixes(), Call()),
        atol=1e-5,
        rtol=0,
    )


def test_reading_in_small_steps_changes_nothing(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces, engine = parts.pieces(CONTENT), parts.engine
    monkeypatch.setattr("vlm_judge_ros.models.vlm.prefix.CHUNK_TOKENS", 7)
    prefix = engine.append(engine.empty(), pieces, Call())
    np.testing.assert_allclose(engine.logits(prefix, parts.suffixes(), Call()), parts.whole(pieces), atol=1e-5, rtol=0)


def test_forgetting_the_end_leaves_what_was_there_before_it(parts: Parts) -> None:
    pieces, engine = parts.pieces(CONTENT), parts.engine
    begun = engine.append(engine.empty(), pieces[:4], Call())
    longer = engine.append(begun, pieces[4:], Call())
    cut = engine.truncate(longer, begun.length, begun.next_position)
    np.testing.assert_allclose(
        engine.logits(cut, parts.suffixes(), Call()), engine.logits(begun, parts.suffixes(), Call()), atol=1e-5, rtol=0
    )


def test_branches_do_not_disturb_each_other(parts: Parts) -> None:
    pieces, engine = parts.pieces(CONTENT), parts.engine
    trunk = engine.append(engine.empty(), pieces[:4], Call())
    before = engine.logits(trunk, parts.suffixes(), Call())
    one = engine.append(trunk, pieces[4:6], Call())
    other = engine.append(trunk, pieces[6:], Call())
    for branch, read in ((one, [*pieces[:4], *pieces[4:6]]), (other, [*pieces[:4], *pieces[6:]])):
        logits = engine.logits(branch, parts.suffixes(), Call())
        np.testing.assert_allclose(logits, parts.whole(read), atol=1e-5, rtol=0)
    np.testing.assert_array_equal(engine.logits(trunk, parts.suffixes(), Call()), before)


def test_tokens_of_the_pieces_are_those_of_the_whole_text(parts: Parts) -> None:
    markers = parts.folder.family.markers
    images = [piece for piece in parts.pieces(CONTENT) if piece.image is not None]
    text = ""
    for item in CONTENT:
        if isinstance(item, str):
            text += item
        else:
            image = images.pop(0).image
            assert image is not None
            text += markers.before + markers.image * len(image.features) + markers.after
    joined = np.concatenate([piece.ids for piece in parts.pieces(CONTENT)])
    np.testing.assert_array_equal(joined, parts.folder.tokens._ids(text))


# What follows has to fail where the above passes: else the above proves nothing.


def test_frames_in_reverse_give_other_logits(parts: Parts) -> None:
    frames = [item for item in CONTENT if not isinstance(item, str)]
    labels = [item for item in CONTENT if isinstance(item, str)]
    swapped = [item for pair in zip(labels, reversed(frames), strict=True) for item in pair]
    assert np.abs(parts.whole(parts.pieces(swapped)) - parts.whole(parts.pieces(CONTENT))).max() > 1e-2


def test_a_position_that_is_off_by_one_gives_other_logits(parts: Parts) -> None:
    pieces, engine = parts.pieces(CONTENT), parts.engine
    prefix = engine.append(engine.empty(), pieces, Call())
    shifted = replace(prefix, next_position=prefix.next_position + 1)
    moved = engine.logits(shifted, parts.suffixes(), Call()) - parts.whole(pieces)
    assert np.abs(moved).max() > 1e-3


def test_counting_tokens_in_place_of_positions_gives_other_logits(parts: Parts) -> None:
    pieces, engine = parts.pieces(CONTENT), parts.engine
    prefix = engine.append(engine.empty(), pieces, Call())
    if not parts.folder.family.is_qwen:
        assert prefix.next_position == prefix.length
        return
    moved = engine.logits(replace(prefix, next_position=prefix.length), parts.suffixes(), Call()) - parts.whole(pieces)
    assert np.abs(moved).max() > 1e-2


def test_deepstack_features_count(tiny_models: TinyModels) -> None:
    parts = parts_of(tiny_models.get("qwen3_vl").folder)
    pieces = parts.pieces(CONTENT)
    bare = [
        piece
        if piece.image is None
        else replace(piece, image=replace(piece.image, deepstack=tuple(0 * extra for extra in piece.image.deepstack)))
        for piece in pieces
    ]
    assert np.abs(parts.whole(bare) - parts.whole(pieces)).max() > 1e-2
