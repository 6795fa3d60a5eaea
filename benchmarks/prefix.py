"""What many prompts about the same frames cost, in units of one prompt asked the naive way.

    python benchmarks/prefix.py --threads 2 --json

Each family stands for a published model at half its width and about a sixth of its depth (SmolVLM: a quarter), with
random weights, so that vision encoder, decoder and attention share the work nearly as they do there. Eight frames of
64 tokens from two cameras, a label before each, prompts of about 45 tokens. The naive way, which public implementations
go, encodes all frames and reads the whole text for each prompt. All ways are timed in turn, several times, in one
process. A figure is the median of the ratios within a turn. Its interval is their range, which holds the true median
with a probability of 1 - 2 ** (1 - turns): 97 % with six turns.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.export.folder import write_folder
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.vlm.folder import ModelFolder, open_folder
from vlm_judge_ros.models.vlm.graphs import Call
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.vlm.prefix import Piece, log_probabilities
from vlm_judge_ros.models.vlm.vision import ImageFeatures

# The tests make models of all families, with tokenizer and processor; here they only grow.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "test"))
from models.vlm.tiny import save_source

FRAMES = 8
FRAME_TOKENS = 64
LONG_FRAMES = 64
IMAGE_SIZE_PX = 512
PROMPT_TOKENS = 45
ANSWER = "True"
VOCABULARY = 49_152
CONTEXT = 16_384

TEXT_SIZES: dict[str, dict[str, int]] = {
    # Qwen2-VL-2B: 1536 wide, 28 layers.
    "qwen2_vl": {
        "hidden_size": 768,
        "intermediate_size": 4480,
        "num_hidden_layers": 5,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
    },
    # Qwen2.5-VL-3B: 2048 wide, 36 layers.
    "qwen2_5_vl": {
        "hidden_size": 1024,
        "intermediate_size": 5504,
        "num_hidden_layers": 6,
        "num_attention_heads": 16,
        "num_key_value_heads": 2,
    },
    # Qwen3-VL-2B: 2048 wide, 28 layers.
    "qwen3_vl": {
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 5,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
    },
    # SmolVLM2-500M: 960 wide, 32 layers.
    "smolvlm": {
        "hidden_size": 480,
        "intermediate_size": 1280,
        "num_hidden_layers": 8,
        "num_attention_heads": 6,
        "num_key_value_heads": 2,
    },
}
VISION_SIZES: dict[str, dict[str, Any]] = {
    # 1280 wide, 32 blocks.
    "qwen2_vl": {"embed_dim": 640, "hidden_size": 768, "mlp_ratio": 4, "depth": 5, "num_heads": 8},
    "qwen2_5_vl": {
        "hidden_size": 640,
        "intermediate_size": 1712,
        "out_hidden_size": 1024,
        "depth": 5,
        "num_heads": 8,
        "window_size": 112,
        "fullatt_block_indexes": [4],
    },
    # 1024 wide, 24 blocks.
    "qwen3_vl": {
        "hidden_size": 512,
        "intermediate_size": 2048,
        "out_hidden_size": 1024,
        "depth": 4,
        "num_heads": 8,
        "num_position_embeddings": 2304,
        "deepstack_visual_indexes": [0, 1, 2],
    },
    # 768 wide, 12 layers.
    "smolvlm": {"hidden_size": 384, "intermediate_size": 1536, "num_hidden_layers": 3, "num_attention_heads": 6},
}
ROTARY_SECTIONS = {"qwen2_vl": [8, 12, 12], "qwen2_5_vl": [8, 12, 12], "qwen3_vl": [12, 10, 10]}
FAMILIES = tuple(TEXT_SIZES)

Seconds: TypeAlias = NDArray[np.float64]
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


class Picture:
    """An image in memory."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self._rgb = random.integers(0, 256, (IMAGE_SIZE_PX, IMAGE_SIZE_PX, 3), dtype=np.uint8)

    @property
    def size_bytes(self) -> int:
        """Bytes held in memory."""
        return self._rgb.nbytes

    @property
    def form(self) -> str:
        """Size and encoding."""
        return f"{IMAGE_SIZE_PX}x{IMAGE_SIZE_PX} rgb8"

    def rgb(self) -> NDArray[np.uint8]:
        """The image."""
        return self._rgb


@dataclass(frozen=True)
class Scene:
    """A model, what it is shown, and what it is asked.

    Attributes:
        folder: its files.
        ours: the model as the judge runs it.
        long: the same once more, for an episode of many frames.
        theirs: the same model in PyTorch.
        content: labels and frames.
        prompts: ten of them.
    """

    folder: ModelFolder
    ours: LocalModel
    long: LocalModel
    theirs: Any
    content: list[Content]
    prompts: list[str]

    def shared(self, content: Sequence[Content], prompts: int) -> float:
        """Our log-probability of the first prompt, asked with others."""
        return self.ours.score(content, self.prompts[:prompts], ANSWER)[0].log_probability

    def forget(self) -> None:
        """Let the next question start from nothing."""
        self.ours.score([], self.prompts[:1], ANSWER)

    def naive(self) -> float:
        """One prompt with everything read anew, in the same graphs."""
        logits = self.ours.engine.whole_logits(self.pieces(self.see), self.suffixes(1)[0], Call())
        return log_probabilities(logits[None], self._answer())[0]

    def in_transformers(self) -> float:
        """One prompt with everything read anew, in PyTorch."""
        import torch

        frames = [item for item in self.content if isinstance(item, Frame)]
        images = [self.folder.prepare(frame.image.rgb(), FRAME_TOKENS) for frame in frames]
        read = [piece.ids for piece in self.pieces(lambda frame: None)]
        ids = torch.from_numpy(np.concatenate([*read, self.suffixes(1)[0]]))
        pixels = torch.from_numpy(np.concatenate([image.pixel_values for image in images]))
        if self.folder.family.is_qwen:
            shown = {"pixel_values": pixels, "image_grid_thw": torch.tensor([image.grid for image in images])}
            shown["mm_token_type_ids"] = (ids == self.folder.tokens.image_id).int()[None]
        else:
            mask = torch.ones(1, len(pixels), *pixels.shape[-2:], dtype=torch.bool)
            shown = {"pixel_values": pixels[None], "pixel_attention_mask": mask}
        with torch.inference_mode():
            logits = self.theirs(input_ids=ids[None], logits_to_keep=1, **shown).logits[0, -1:]
        return log_probabilities(np.asarray(logits), self._answer())[0]

    def see(self, frame: Frame) -> ImageFeatures:
        """Encode one frame."""
        return self.ours.vision.see(self.folder.prepare(frame.image.rgb(), FRAME_TOKENS), Call())

    def pieces(self, see: Callable[[Frame], ImageFeatures | None]) -> list[Piece]:
        """What stands before the prompts."""
        tokens = self.folder.tokens
        image = self.folder.prepare(np.zeros((IMAGE_SIZE_PX, IMAGE_SIZE_PX, 3), np.uint8), FRAME_TOKENS)
        return [
            Piece(tokens.encode(item)) if isinstance(item, str) else Piece(tokens.image_piece(image), see(item))
            for item in self.content
        ]

    def suffixes(self, count: int) -> list[NDArray[np.int64]]:
        """Tokens of the first prompts."""
        return [self.folder.tokens.encode(prompt) for prompt in self.prompts[:count]]

    def _answer(self) -> int:
        return self.folder.tokens.answer_id(ANSWER)


def grow(family: str, source: Path) -> Any:
    """Save a model of realistic proportions as transformers does, and return it."""
    import torch
    from transformers import AutoModelForImageTextToText

    shutil.rmtree(source, ignore_errors=True)
    configuration = save_source(family, source).config
    text = {**TEXT_SIZES[family], "vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
    for part, sizes in ((configuration.text_config, text), (configuration.vision_config, VISION_SIZES[family])):
        for name, size in {**sizes, "initializer_range": 0.02}.items():
            setattr(part, name, size)
    if hasattr(configuration.text_config, "layer_types"):
        configuration.text_config.layer_types = ["full_attention"] * text["num_hidden_layers"]
    if family in ROTARY_SECTIONS:
        configuration.text_config.rope_parameters["mrope_section"] = ROTARY_SECTIONS[family]
    configuration.text_config.head_dim = text["hidden_size"] // text["num_attention_heads"]
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(configuration).eval()
    model.save_pretrained(source)
    return model


def scene(family: str, folder: Path, threads: int) -> Scene:
    """Make the model of a family, or take the one that an earlier run left in `folder`."""
    from transformers import AutoModelForImageTextToText

    source, target = folder / family / "transformers", folder / family / "model"
    if target.exists():
        theirs = AutoModelForImageTextToText.from_pretrained(source, dtype="float32").eval()
    else:
        theirs = grow(family, source)
        write_folder(source, target)
    opened = open_folder(target)
    settings = LocalSettings(threads=threads, image_tokens={"": FRAME_TOKENS}, max_images=LONG_FRAMES)
    prompts = [prompt_of(opened, number) for number in range(10)]
    ours, long = LocalModel(opened, settings), LocalModel(opened, settings)
    return Scene(opened, ours, long, theirs, labelled(range(FRAMES)), prompts)


def prompt_of(folder: ModelFolder, number: int) -> str:
    """A prompt of about `PROMPT_TOKENS` tokens, unlike the others from its first word on."""
    words = ["the robot", "opened", "the drawer", "and", "the task", "is", "complete", "statement", "above", "video"]
    text = ""
    while len(folder.tokens.encode(text)) < PROMPT_TOKENS - 4:
        text += f" {words[(number + len(text)) % len(words)]}"
    return f"{text} The answer is:"


def labelled(numbers: Sequence[int]) -> list[Content]:
    """Frames of two cameras in turn, each after its label."""
    content: list[Content] = []
    for number in numbers:
        camera = ("front", "wrist")[number % 2]
        frame = Frame(camera, number * 10**9, Picture(number), np.zeros((24, 32), np.uint8))
        content += [f"{camera} camera, {number // 2:.1f} s:", frame]
    return content


def timed(
    ways: Mapping[str, tuple[Callable[[], object], Callable[[], object]]], turns: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each way, turn by turn: all of them in each turn, and before each what is not timed."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(turns + 1):
        for name, (before, way) in ways.items():
            before()
            began = clock()
            way()
            # The first turn is for what the runtimes set up.
            if turn:
                seconds[name].append(clock() - began)
    return seconds


def measure(scene: Scene, turns: int, clock: Callable[[], float]) -> dict[str, Seconds]:
    """Time every way `turns` times, interleaved; seconds of each, shape (turns,)."""
    one_more = labelled([FRAMES])
    # The same eight frames again and again: what counts is how much was read before the new one.
    long = [scene.content[index % len(scene.content)] for index in range(2 * LONG_FRAMES - 2)]

    def nothing() -> None:
        pass

    def in_long(content: Sequence[Content], prompts: int) -> None:
        scene.long.score(content, scene.prompts[:prompts], ANSWER)

    ways: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "naive": (nothing, scene.naive),
        "prompts_1": (scene.forget, lambda: scene.shared(scene.content, 1)),
        "prompts_3": (scene.forget, lambda: scene.shared(scene.content, 3)),
        "prompts_10": (scene.forget, lambda: scene.shared(scene.content, 10)),
        "stream": (
            lambda: scene.shared(scene.content, 1),
            lambda: scene.shared([*scene.content, *one_more], 3),
        ),
        "chunk_1": (scene.forget, lambda: scene.shared(one_more, 3)),
        "chunk_64": (lambda: in_long(long, 1), lambda: in_long([*long, *one_more], 3)),
        "transformers": (nothing, scene.in_transformers),
    }
    return {name: np.array(values) for name, values in timed(ways, turns, clock).items()}


def figures(scene: Scene, turns: int, clock: Callable[[], float]) -> dict[str, Any]:
    """Every figure of a family, and the intervals of those that were timed."""
    seconds = measure(scene, turns, clock)
    timed = {
        "prompts_1": seconds["prompts_1"] / seconds["naive"],
        "prompts_3": seconds["prompts_3"] / seconds["naive"],
        "prompts_10": seconds["prompts_10"] / seconds["naive"],
        "stream_1_frame_3_prompts": seconds["stream"] / seconds["naive"],
        "chunk_64_over_1": seconds["chunk_64"] / seconds["chunk_1"],
        # Three prompts: the published way has no other than to ask three times.
        "transformers_over_ours": 3 * seconds["transformers"] / seconds["prompts_3"],
        "naive_s": seconds["naive"],
        "transformers_s": seconds["transformers"],
    }
    pieces, engine = scene.pieces(scene.see), scene.ours.engine
    suffixes = scene.suffixes(3)
    naive = np.stack([engine.whole_logits(pieces, suffix, Call()) for suffix in suffixes])
    prefix = engine.append(engine.empty(), pieces, Call())
    at_once = engine.packing_limit(prefix, suffixes) if scene.ours.proof.packs_suffixes else 1
    shared = engine.logits(prefix, suffixes, Call(), at_once)
    return {
        **{name: float(np.median(values)) for name, values in timed.items()},
        "max_abs_logit_error": float(np.abs(shared - naive).max()),
        "answer_error_to_transformers": abs(scene.naive() - scene.in_transformers()),
        "turns": turns,
        "intervals": {name: [float(values.min()), float(values.max())] for name, values in timed.items()},
    }


def _cell(row: dict[str, Any], name: str) -> str:
    low, high = row["intervals"].get(name, (None, None))
    return f"{row[name]:.3g}" if low is None else f"{row[name]:.3g} ({low:.3g}-{high:.3g})"


def main() -> int:
    """Make the models, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", choices=FAMILIES, default=FAMILIES)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2, help="for ONNX Runtime and for PyTorch")
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: of all threads, for a busy machine")
    parser.add_argument("--models", type=Path, help="keep the models in this folder, and use what is there")
    parser.add_argument("--json", action="store_true", help="print one object with the figures of each family")
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(arguments.threads)
    results = {}
    with tempfile.TemporaryDirectory() as temporary:
        for family in arguments.families:
            print(f"{family} ...", file=sys.stderr, flush=True)
            made = scene(family, arguments.models or Path(temporary), arguments.threads)
            results[family] = figures(made, arguments.turns, CLOCKS[arguments.clock])
    if arguments.json:
        print(json.dumps(results))
        return 0
    print(f"{'':30}" + "".join(f"{family:>22}" for family in results))
    for name in next(iter(results.values())):
        if name != "intervals":
            print(f"{name:30}" + "".join(f"{_cell(row, name):>22}" for row in results.values()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
