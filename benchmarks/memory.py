"""What key/values of the known models take at most, from the published shapes of the models and the frame budget.

    python benchmarks/memory.py

Nothing is loaded or measured: the bound follows from the numbers. `vlm-judge doctor --model MODEL` says what a model on
this machine really takes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from vlm_judge_ros.models.vlm.known import KnownModel, known_models
from vlm_judge_ros.models.vlm.limits import Limits
from vlm_judge_ros.models.vlm.precision import parse_precision

HALF, SINGLE = 2, 4


@dataclass(frozen=True)
class Shape:
    """What config.json of a model says of its decoder (`text_config`).

    Attributes:
        layers: `num_hidden_layers`.
        key_value_heads: `num_key_value_heads`.
        head_dim: `head_dim`, or `hidden_size` divided by `num_attention_heads`.
        context_length: `max_position_embeddings`.
    """

    layers: int
    key_value_heads: int
    head_dim: int
    context_length: int

    def bytes_per_token(self, number_bytes: int) -> int:
        """Bytes of the keys and values of one token."""
        return 2 * self.layers * self.key_value_heads * self.head_dim * number_bytes


# As published with the weights.
SHAPES = {
    "qwen2-vl-2b": Shape(28, 2, 128, 32768),
    "qwen2.5-vl-3b": Shape(36, 2, 128, 128000),
    "qwen3-vl-2b": Shape(28, 8, 128, 262144),
    "smolvlm2-2.2b": Shape(24, 32, 64, 8192),
    "smolvlm2-256m": Shape(30, 3, 64, 8192),
    "smolvlm2-500m": Shape(32, 5, 64, 8192),
}


def key_value_number_bytes(model: KnownModel) -> int:
    """Bytes of a number in the key/values: 2 where the decoder computes in half precision, else 4."""
    precision = parse_precision(model.precision)["decoder"]
    return HALF if precision in ("fp16", "q4f16") else SINGLE


def row(model: KnownModel, frames: int) -> str:
    """One line of the table."""
    shape = SHAPES[model.name]
    limits = Limits(frames, {"": model.image_tokens}, shape.context_length)
    per_token = shape.bytes_per_token(key_value_number_bytes(model))
    precision = next(iter(model.size_bytes), "") if model.precision not in model.size_bytes else model.precision
    weights = f"{model.size_bytes[precision] / 1e9:.2f} GB" if precision else "not published"
    cells = (
        f"`{model.name}`",
        model.precision,
        weights,
        f"{shape.layers} x {shape.key_value_heads} x {shape.head_dim}",
        f"{per_token / 1e3:.0f} kB",
        str(limits.tokens),
        f"{per_token * limits.tokens / 1e6:.0f} MB",
        f"{per_token * limits.key_value_tokens / 1e6:.0f} MB",
    )
    return f"| {' | '.join(cells)} |"


def table(frames: int) -> str:
    """The table of all known models, in Markdown."""
    heading = (
        "| model | precision | weights | layers x heads x length | a token | tokens | key/values | at most at once |"
    )
    lines = [heading, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    return "\n".join([*lines, *(row(model, frames) for model in known_models().values())])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=16, help="the frame budget: keyframes times cameras")
    print(table(parser.parse_args().frames))


if __name__ == "__main__":
    main()
