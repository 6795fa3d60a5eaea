"""A model on board writes what the original writes, beside what it has read."""

from __future__ import annotations

import json
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from models.vlm import altered
from models.vlm.interrupting import in_another_thread, wrap_session
from models.vlm.shown import PROMPTS, Parts, frame, labelled, parts_of
from numpy.typing import NDArray

from vlm_judge_ros.errors import Cancelled, JudgeError
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.vlm import prefix
from vlm_judge_ros.models.vlm.chat import Chat
from vlm_judge_ros.models.vlm.decoder import DecoderGraph
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.graphs import Call, Graph
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.vlm.prefix import Piece
from vlm_judge_ros.models.vlm.sampling import Sampler
from vlm_judge_ros.models.writer import VisionLanguageModel, Writing, Written

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModel, TinyModels

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "smolvlm", "idefics3")
FRAMES = [frame(0), frame(1, "wrist", 112, 84), frame(2, "front", 56, 140)]
QUESTION = "\nHow far is the task «open the drawer»? Answer in words."
CONTENT = (*labelled(FRAMES), QUESTION)
WRITING = Writing(CONTENT, "You judge robots.", most_tokens=24)


@pytest.fixture(params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tiny_models: TinyModels) -> TinyModel:
    return tiny_models.get(str(request.param))


@pytest.fixture(scope="module")
def parts(tiny_models: TinyModels) -> Parts:
    return parts_of(tiny_models.get("qwen2_5_vl").folder)


@pytest.fixture
def model(parts: Parts) -> LocalModel:
    return LocalModel(parts.folder, LocalSettings(max_images=4))


def generated(tiny: TinyModel, writing: Writing) -> tuple[list[int], str]:
    """Ids and text that the original writes, asked by way of its own tokenizer and template."""
    import torch
    import transformers

    parts = parts_of(tiny.folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny.source)
    shown: list[dict[str, str]] = [
        {"type": "text", "text": item} if isinstance(item, str) else {"type": "image"} for item in writing.content
    ]
    messages: list[dict[str, Any]] = [{"role": "user", "content": shown}]
    if writing.instruction:
        messages.insert(0, {"role": "system", "content": [{"type": "text", "text": writing.instruction}]})
    text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    images = [parts.folder.prepare(item.image.rgb()) for item in writing.content if not isinstance(item, str)]
    markers = parts.folder.family.markers
    is_qwen = parts.folder.family.is_qwen
    for image in images:
        expanded = "\0" * image.token_count
        if not is_qwen:
            expanded = f"{markers.before}{expanded}{markers.after}"
        text = text.replace(markers.image, expanded, 1)
    ids = torch.tensor([tokenizer(text.replace("\0", markers.image), add_special_tokens=False).input_ids])
    pixels = torch.from_numpy(np.concatenate([image.pixel_values for image in images]))
    given: dict[str, Any] = {"pixel_values": pixels}
    if is_qwen:
        given["image_grid_thw"] = torch.tensor([image.grid for image in images])
        given["mm_token_type_ids"] = (ids == parts.folder.tokens.image_id).int()
    else:
        values = pixels[None]
        mask = torch.ones(*values.shape[:2], *values.shape[3:]).bool()
        given = {"pixel_values": values, "pixel_attention_mask": mask}
    written = tiny.model.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=writing.most_tokens,
        do_sample=False,
        suppress_tokens=[parts.folder.tokens.image_id],
        **given,
    )[0, ids.shape[1] :].tolist()
    return written, tokenizer.decode(written, skip_special_tokens=True)


def asked_of(parts: Parts, writing: Writing) -> tuple[list[Piece], NDArray[np.int64]]:
    """All up to the last frame, and the tokens after it."""
    chat = Chat(parts.folder.path, parts.folder.family, parts.folder.tokens)
    *shown, question = chat.content(writing.content, writing.instruction)
    assert isinstance(question, str)
    return parts.pieces(shown), parts.folder.tokens.encode(question)


def test_what_it_writes_is_what_transformers_writes(tiny: TinyModel) -> None:
    model = LocalModel(open_folder(tiny.folder))
    different: set[int] = set()
    for writing in (WRITING, replace(WRITING, instruction=""), replace(WRITING, content=(FRAMES[2], "Done? "))):
        ids, text = generated(tiny, writing)
        assert model.write(writing).text == text
        different |= set(ids)
    assert len(different) > 4, "the original repeats itself, so this proves little"


def test_it_says_that_it_writes_and_that_no_schema_holds_it(model: LocalModel) -> None:
    asked: VisionLanguageModel = model
    assert Capability.TEXT in asked.capabilities
    assert Capability.SCHEMA not in asked.capabilities
    assert asked.write(replace(WRITING, schema={"type": "object"})) == asked.write(WRITING)


def test_a_model_without_a_chat_template_scores_and_says_that_it_writes_none(parts: Parts, tmp_path: Path) -> None:
    folder = tmp_path / "mute"
    shutil.copytree(parts.folder.path, folder)
    (folder / "chat_template.jinja").unlink()
    mute = LocalModel(open_folder(folder))
    assert Capability.TEXT not in mute.capabilities
    assert "has no chat template" in mute.status
    with pytest.raises(JudgeError, match="has no chat template, so the model can score answers but writes none"):
        mute.write(WRITING)
    assert len(mute.score(CONTENT, PROMPTS, "True")) == len(PROMPTS)


@pytest.fixture
def tokens_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Tokens of each run of a decoder."""
    read: list[int] = []
    run = Graph.run

    def counted(graph: Graph, feeds: Any, *others: Any, **named: Any) -> Any:
        if "attention_mask" in feeds:
            read.append(feeds["inputs_embeds"].shape[1])
        return run(graph, feeds, *others, **named)

    monkeypatch.setattr(Graph, "run", counted)
    return read


def test_a_token_costs_one_run_and_a_further_question_about_the_same_frames_reads_only_itself(
    parts: Parts, model: LocalModel, tokens_read: list[int]
) -> None:
    model.write(replace(WRITING, most_tokens=5))
    del tokens_read[:]
    written = model.write(replace(WRITING, most_tokens=5))
    assert not written.complete
    assert tokens_read == [len(asked_of(parts, WRITING)[1]), 1, 1, 1, 1]
    del tokens_read[:]
    model.write(replace(WRITING, content=(*CONTENT, "\nShorter, please."), most_tokens=1))
    assert len(tokens_read) == 1


def test_what_was_written_is_not_in_what_is_asked_next(parts: Parts) -> None:
    fresh = LocalModel(parts.folder)
    other = replace(WRITING, content=(*labelled(FRAMES[:2]), "Is it open?"))
    expected = [fresh.score(CONTENT, PROMPTS, "True"), LocalModel(parts.folder).write(other)]
    model = LocalModel(parts.folder)
    model.write(WRITING)
    assert [model.score(CONTENT, PROMPTS, "True"), model.write(other)] == expected
    assert model.write(WRITING) == LocalModel(parts.folder).write(WRITING)


def test_a_frame_is_encoded_once_for_scores_and_written_answers(model: LocalModel) -> None:
    frames = [frame(seed) for seed in range(2)]
    for content in (labelled(frames), labelled(frames)):
        model.score(content, PROMPTS, "True")
        model.write(Writing((*content, "?"), most_tokens=2))
    assert [shown.image.decoded for shown in frames] == [1, 1]  # type: ignore[attr-defined]


def test_a_question_longer_than_a_step_is_read_in_steps(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch, tokens_read: list[int]
) -> None:
    expected = model.write(WRITING)
    monkeypatch.setattr(prefix, "CHUNK_TOKENS", 8)
    del tokens_read[:]
    assert model.write(WRITING) == expected
    assert max(tokens_read) == 8


def test_an_answer_ends_at_most_tokens_and_says_so(model: LocalModel) -> None:
    whole = model.write(WRITING)
    cut = model.write(replace(WRITING, most_tokens=3))
    assert not cut.complete
    assert whole.text.startswith(cut.text)
    with pytest.raises(JudgeError, match="may have 0 tokens"):
        model.write(replace(WRITING, most_tokens=0))


@pytest.mark.parametrize("as_list", [False, True])
def test_an_answer_ends_where_the_original_ends_it(
    as_list: bool, parts: Parts, tiny_models: TinyModels, tmp_path: Path
) -> None:
    ids, text = generated(tiny_models.get("qwen2_5_vl"), WRITING)
    end = next(token_id for token_id in ids if ids.index(token_id) >= 2)
    folder = tmp_path / "ended"
    shutil.copytree(parts.folder.path, folder)
    fields = {"eos_token_id": [end, 0] if as_list else end}
    (folder / "generation_config.json").write_text(json.dumps(fields), encoding="utf-8")
    written = LocalModel(open_folder(folder)).write(WRITING)
    assert written == Written(parts.folder.tokens.decode(ids[: ids.index(end)]), complete=True)
    assert text.startswith(written.text)


@pytest.fixture
def dictate(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sequence[int]], None]:
    """Choose these tokens, whatever the model says."""

    def begin(ids: Sequence[int]) -> None:
        rest: Iterator[int] = iter(ids)
        monkeypatch.setattr(Sampler, "choose", lambda *_: next(rest))

    return begin


def test_letters_of_several_tokens_and_special_tokens_come_out_right(
    tiny: TinyModel, dictate: Callable[[Sequence[int]], None]
) -> None:
    model = LocalModel(open_folder(tiny.folder))
    tokens = open_folder(tiny.folder).tokens
    text = " Fertig: 日本語 🤖 ölig"
    ids = tokens.encode(text).tolist()
    assert len(ids) > len(text)
    special = int(tokens.encode("<|endoftext|>")[0])
    end = int(tokens.encode(open_folder(tiny.folder).family.markers.end_of_turn)[0])
    dictate([*ids[:9], special, *ids[9:], end, 5])
    assert model.write(replace(WRITING, most_tokens=200)) == Written(text, complete=True)
    dictate([end])
    assert model.write(WRITING) == Written("", complete=True)


def test_a_seed_repeats_an_answer_and_another_gives_another(model: LocalModel) -> None:
    warm = replace(WRITING, temperature=1.5, seed=7)
    first = model.write(warm)
    assert model.write(warm) == first
    assert model.write(replace(warm, seed=8)) != first
    assert model.write(replace(WRITING, seed=8)) == model.write(WRITING)


def test_images_are_never_written_whatever_the_temperature(model: LocalModel, parts: Parts) -> None:
    """At this temperature nearly every token is as probable as any other, of 390 with one that stands for an image."""
    written = model.write(replace(WRITING, temperature=1e6, most_tokens=1000))
    assert len(written.text) > 100 or written.complete
    logits = np.zeros(500, np.float32)
    left = np.flatnonzero(np.isfinite(parts.folder.tokens.only_writable(logits)))
    assert parts.folder.tokens.image_id not in left
    assert left.max() < 390


def test_question_and_answer_have_to_fit_together(parts: Parts) -> None:
    model = LocalModel(parts.folder, LocalSettings(max_images=3, image_tokens={"": 64}))
    room = 3 * (64 + 48) + 1024 + 1024
    with pytest.raises(JudgeError, match=rf"\(3 frames\) and the answer may have 4000, .*the {room} that.*lower most"):
        model.write(replace(WRITING, most_tokens=4000))
    with pytest.raises(JudgeError, match="more than the frame budget of 3"):
        model.write(replace(WRITING, content=(*CONTENT, *labelled([frame(3)]))))
    unbounded = LocalModel(parts.folder)
    with pytest.raises(JudgeError, match="more than the 4096 that the model may read and write"):
        unbounded.write(replace(WRITING, most_tokens=4000))
    assert model.write(WRITING) == unbounded.write(WRITING)


def test_key_values_stay_within_the_bound_to_the_last_token(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest question with the longest answer, and all key/values that are alive at any token of it."""
    import onnxruntime

    monkeypatch.setattr("vlm_judge_ros.models.vlm.limits.TOKENS_OF_ANSWER", 60)
    values: weakref.WeakSet[Any] = weakref.WeakSet()
    made, most = onnxruntime.OrtValue.__init__, 0

    def remembered(value: Any, *given: Any, **named: Any) -> None:
        made(value, *given, **named)
        values.add(value)

    monkeypatch.setattr(onnxruntime.OrtValue, "__init__", remembered)
    model = LocalModel(parts.folder, LocalSettings(max_images=3, image_tokens={"": 12}, text_tokens=200, pack=False))

    def alive(run: Callable[..., Any]) -> Callable[..., Any]:
        def measured(*given: Any) -> Any:
            nonlocal most
            result = run(*given)
            # Key/values have four axes and the length of a head at their end; nothing else has.
            shapes = [value.shape() for value in values]
            most = max(most, sum(4 * int(np.prod(shape)) for shape in shapes if len(shape) == 4 and shape[3] == 16))
            return result

        return measured

    for name in ("extend", "follow"):
        monkeypatch.setattr(DecoderGraph, name, alive(getattr(DecoderGraph, name)))
    filler = "front camera wrist " * 20
    for shown in (FRAMES[:2], FRAMES):
        model.write(Writing((*labelled(shown), filler), most_tokens=150, temperature=3.0))
    assert 0.6 * model.memory_bound_bytes < most <= model.memory_bound_bytes


@pytest.mark.parametrize("graph", ["vision", "decoder"])
def test_an_answer_is_cancelled_inside_a_graph(
    graph: str, model: LocalModel, parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        wrap_session(patched, model, graph, lambda: in_another_thread(model.cancel))
        with pytest.raises(Cancelled):
            model.write(WRITING)
    assert model.write(WRITING) == LocalModel(parts.folder).write(WRITING)


def test_an_answer_is_cancelled_between_two_tokens_and_what_was_read_stays(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch, tokens_read: list[int]
) -> None:
    expected = model.write(WRITING)
    del tokens_read[:]
    asked = 0

    def third_time_cancel(sampler: Sampler, logits: Any) -> int:
        nonlocal asked
        asked += 1
        if asked == 3:
            model.cancel()
        return int(np.argmax(logits))

    with monkeypatch.context() as patched:
        patched.setattr(Sampler, "choose", third_time_cancel)
        with pytest.raises(Cancelled):
            model.write(WRITING)
    assert asked == 3
    assert tokens_read[1:] == [1, 1]
    assert model.write(WRITING) == expected


def test_a_runtime_that_gives_up_amid_an_answer_is_told_and_the_next_is_written(
    model: LocalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = model.write(WRITING)
    runs = 0

    def out_of_memory() -> None:
        nonlocal runs
        runs += 1
        if runs == 4:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 42\nstack trace")

    with monkeypatch.context() as patched:
        wrap_session(patched, model, "decoder", out_of_memory)
        with pytest.raises(JudgeError, match="Failed to allocate memory"):
            model.write(WRITING)
    assert model.write(WRITING) == expected


@pytest.mark.parametrize(
    "alteration",
    [altered.with_all_logits, altered.four_bits, altered.with_grouped_queries],
    ids=["all logits", "four bits", "grouped queries"],
)
def test_other_exports_write_what_reading_everything_anew_for_each_token_gives(
    alteration: Callable[[onnx.ModelProto], onnx.ModelProto], tiny_models: TinyModels, tmp_path: Path
) -> None:
    path = altered.with_decoder(tiny_models.get("smolvlm").folder, tmp_path / "model", alteration)
    model, parts = LocalModel(open_folder(path)), parts_of(path)
    model.write(replace(WRITING, content=(*labelled(FRAMES[:2]), "?")))
    pieces, question = asked_of(parts, WRITING)
    ids: list[int] = []
    for _ in range(8):
        logits = parts.engine.whole_logits(pieces, np.concatenate([question, np.array(ids, np.int64)]), Call())
        ids.append(int(np.argmax(parts.folder.tokens.only_writable(logits))))
    assert model.write(replace(WRITING, most_tokens=8)).text == parts.folder.tokens.decode(ids)


def test_where_a_prefix_cannot_be_shared_the_question_is_read_whole_and_the_answer_goes_on(
    tiny_models: TinyModels, tmp_path: Path, tokens_read: list[int]
) -> None:
    path = altered.with_decoder(tiny_models.get("qwen2_vl").folder, tmp_path / "model", altered.dynamic_int8)
    model = LocalModel(open_folder(path))
    assert not model.proof.shares_prefix
    parts = parts_of(path)
    pieces, question = asked_of(parts, WRITING)
    del tokens_read[:]
    written = model.write(replace(WRITING, most_tokens=3))
    assert tokens_read == [sum(len(piece.ids) for piece in pieces) + len(question), 1, 1]
    first = int(np.argmax(parts.engine.whole_logits(pieces, question, Call())))
    assert written.text.startswith(parts.folder.tokens.decode([first]))
    model.write(replace(WRITING, content=("Something else",)))
    assert model.write(replace(WRITING, most_tokens=3)) == written
