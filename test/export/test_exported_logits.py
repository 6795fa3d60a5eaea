from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("transformers")

from models.vlm.tiny import FAMILIES, Tile, save_source

from vlm_judge_ros.export.folder import write_folder
from vlm_judge_ros.export.probe import Probe, ask_graphs, ask_transformers, make_probe

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModel, TinyModels

TOLERANCE = 1e-4
GRAPHS = ("vision_encoder", "embed_tokens", "decoder_model_merged")


@pytest.fixture(params=FAMILIES)
def tiny(request: pytest.FixtureRequest, tiny_models: TinyModels) -> TinyModel:
    return tiny_models.get(request.param)


def graphs(tiny: TinyModel) -> dict[str, Path]:
    return {name: tiny.folder / "onnx" / f"{name}.onnx" for name in GRAPHS}


def ask(tiny: TinyModel, probe: Probe) -> Any:
    return ask_graphs(graphs(tiny), probe)


def session(tiny: TinyModel, name: str) -> Any:
    return onnxruntime.InferenceSession(str(graphs(tiny)[name]), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("seed", [1, 2])
def test_the_graphs_give_the_logits_of_transformers(tiny: TinyModel, seed: int) -> None:
    probe = make_probe(tiny.folder, seed)
    assert np.abs(ask(tiny, probe) - ask_transformers(tiny.model, probe)).max() <= TOLERANCE


def test_pixels_at_the_end_of_a_tile_that_fill_no_patch_are_seen_by_none(tmp_path: Path) -> None:
    # As in SmolVLM2 2.2B: 384 pixels, patches of 14, blocks of 3 x 3.
    source = tmp_path / "source"
    save_source("smolvlm", source, Tile(side=384, patch=14, merge=3))
    error = write_folder(source, tmp_path / "model")
    assert error is not None and error <= TOLERANCE


def test_what_the_images_show_reaches_the_logits(tiny: TinyModel) -> None:
    probe = make_probe(tiny.folder)
    other = Probe(
        probe.input_ids,
        {**probe.pixels, "pixel_values": probe.pixels["pixel_values"][:, ::-1].copy()},
        probe.grid,
        probe.image_token_id,
        probe.merge,
    )
    assert np.abs(ask(tiny, probe)[-1] - ask(tiny, other)[-1]).max() > 100 * TOLERANCE


def test_a_patch_sees_nothing_of_another_image(tiny: TinyModel) -> None:
    if tiny.family in ("smolvlm", "idefics3"):
        pytest.skip("tiles are a batch")
    probe, vision = make_probe(tiny.folder), session(tiny, "vision_encoder")
    grid = vision.get_inputs()[1].name
    assert probe.grid is not None
    both = vision.run(None, {"pixel_values": probe.pixels["pixel_values"], grid: probe.grid})
    patches = int(probe.grid[0].prod())
    first = vision.run(None, {"pixel_values": probe.pixels["pixel_values"][:patches], grid: probe.grid[:1]})
    second = vision.run(None, {"pixel_values": probe.pixels["pixel_values"][patches:], grid: probe.grid[1:]})
    for together, alone in zip(both, zip(first, second, strict=True), strict=True):
        np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-5)


def decoder_inputs(decoder: Any, batch: int, new: int, past: int, seed: int = 0) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    sizes = {"batch": batch, "sequence": new, "past": past, "total": past + new}
    feeds: dict[str, Any] = {"num_logits_to_keep": np.array(0)}
    for wanted in decoder.get_inputs():
        shape = [sizes.get(size, size) for size in wanted.shape]
        if wanted.name == "position_ids":
            feeds[wanted.name] = np.broadcast_to(np.arange(past, past + new), shape)
        elif wanted.name == "attention_mask":
            feeds[wanted.name] = np.ones(shape, np.int64)
        elif wanted.name != "num_logits_to_keep":
            feeds[wanted.name] = random.normal(size=shape).astype(np.float32)
    return feeds


def test_the_decoder_keeps_only_as_many_logits_as_asked_for(tiny: TinyModel) -> None:
    decoder = session(tiny, "decoder_model_merged")
    feeds = decoder_inputs(decoder, 2, 7, 5)
    everything = decoder.run(["logits"], feeds)[0]
    assert everything.shape[1] == 7
    for kept in (1, 3):
        np.testing.assert_allclose(
            decoder.run(["logits"], {**feeds, "num_logits_to_keep": np.array(kept)})[0],
            everything[:, -kept:],
            atol=1e-5,
        )


def test_a_sequence_in_two_parts_gives_the_logits_of_the_whole(tiny: TinyModel) -> None:
    decoder = session(tiny, "decoder_model_merged")
    whole = decoder_inputs(decoder, 2, 9, 0)
    expected = decoder.run(["logits"], whole)[0]
    names = [output.name for output in decoder.get_outputs()]

    def part(start: int, stop: int, past: dict[str, Any]) -> dict[str, Any]:
        feeds = {**whole, **past, "attention_mask": whole["attention_mask"][:, :stop]}
        feeds["position_ids"] = whole["position_ids"][..., start:stop]
        for name in feeds:
            if name == "inputs_embeds" or name.startswith("deepstack_embeds."):
                feeds[name] = whole[name][:, start:stop]
        return dict(zip(names, decoder.run(names, feeds), strict=True))

    first = part(0, 4, {})
    past = {name.replace("present", "past_key_values"): first[name] for name in names[1:]}
    second = part(4, 9, past)
    np.testing.assert_allclose(np.concatenate([first["logits"], second["logits"]], axis=1), expected, atol=1e-5)


def test_padding_on_the_left_changes_nothing(tiny: TinyModel) -> None:
    decoder = session(tiny, "decoder_model_merged")
    feeds = decoder_inputs(decoder, 1, 6, 0)
    expected = decoder.run(["logits"], feeds)[0]
    padded = {name: values.copy() for name, values in feeds.items()}
    for name in feeds:
        if name == "inputs_embeds" or name.startswith("deepstack_embeds."):
            padded[name] = np.concatenate([np.ones_like(feeds[name][:, :2]), feeds[name]], axis=1)
    padded["attention_mask"] = np.array([[0, 0, 1, 1, 1, 1, 1, 1]])
    positions = feeds["position_ids"]
    padded["position_ids"] = np.concatenate([positions[..., :2], positions], axis=-1)
    np.testing.assert_allclose(decoder.run(["logits"], padded)[0][:, 2:], expected, atol=1e-5)


def test_deepstack_features_reach_the_logits(tiny_models: TinyModels) -> None:
    tiny = tiny_models.get("qwen3_vl")
    vision = [output.name for output in session(tiny, "vision_encoder").get_outputs()]
    assert vision == ["image_features", "deepstack_features.0", "deepstack_features.1"]
    decoder = session(tiny, "decoder_model_merged")
    feeds = decoder_inputs(decoder, 1, 5, 0)
    expected = decoder.run(["logits"], feeds)[0]
    for layer in (0, 1):
        without = {**feeds, f"deepstack_embeds.{layer}": np.zeros_like(feeds[f"deepstack_embeds.{layer}"])}
        assert np.abs(decoder.run(["logits"], without)[0] - expected).max() > 100 * TOLERANCE
