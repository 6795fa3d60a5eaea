"""Which of the graphs in a folder are used: one of each kind, told apart by the precision in the file name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vlm_judge_ros.errors import JudgeError, ModelBroken

STEMS = {"vision": "vision_encoder", "embed": "embed_tokens", "decoder": "decoder_model_merged"}
"""The three graphs and the beginning of their file names."""

FULL = "fp32"
"""What the precision without a suffix is called."""

# Images and embeddings are a small part of the work and lose most by rounding; the decoder's weights are what fills the
# memory. The last three compute in integers that depend on the input, so that a shared prefix is not exact with them.
PREFERRED = {
    "vision": ("fp16", FULL, "q8", "q4f16", "q4", "bnb4", "int8", "uint8", "quantized"),
    "embed": ("fp16", FULL, "q8", "q4f16", "q4", "bnb4", "int8", "uint8", "quantized"),
    "decoder": ("q4f16", "q4", "bnb4", "q8", "fp16", FULL, "int8", "uint8", "quantized"),
}
"""Per graph, the precisions that are understood, the one to take first where several are there."""


def choose_graphs(folder: Path, precision: str = "") -> dict[str, tuple[str, Path]]:
    """Choose one file for each graph, in `onnx/` or beside config.json.

    Args:
        folder: of the model.
        precision: one word for all graphs ("q4"), or words per graph ("vision=fp16,embed=fp16,decoder=q4"). For graphs
            that are not named, and where it is empty, the first of `PREFERRED` that is there.

    Returns:
        Per graph, its precision and its file.

    Raises:
        ModelBroken: a graph, or the wanted precision of one, is not there.
        JudgeError: the words cannot be understood.
    """
    wanted = parse_precision(precision)
    place = folder / "onnx" if (folder / "onnx").is_dir() else folder
    present = {graph: _present(place, graph) for graph in STEMS}
    chosen = {}
    for graph, files in present.items():
        if not files:
            raise ModelBroken(
                f"{place} has no {STEMS[graph]}.onnx in any precision; download the ONNX files of the model, or make "
                "them with `vlm-judge export`."
            )
        name = wanted.get(graph) or next(name for name in PREFERRED[graph] if name in files)
        if name not in files:
            raise ModelBroken(
                f"{place} has no {STEMS[graph]}{_suffix(name)}.onnx; set the precision to what is there: "
                f"{_advice(present, wanted)}."
            )
        chosen[graph] = (name, files[name])
    return chosen


def parse_precision(precision: str) -> dict[str, str]:
    """Precisions per graph from a text such as "q4" or "vision=fp16,decoder=q4".

    Raises:
        JudgeError: a graph or precision is not known, or a graph is named twice.
    """
    text = precision.strip()
    if not text:
        return {}
    if "=" not in text:
        return {graph: _known(graph, text) for graph in STEMS}
    wanted: dict[str, str] = {}
    for part in text.split(","):
        graph, _, name = (word.strip() for word in part.partition("="))
        if graph not in STEMS or graph in wanted:
            raise JudgeError(
                f"The precision {precision!r} is not understood at {part.strip()!r}; write one word such as q4, or "
                "vision=fp16,embed=fp16,decoder=q4."
            )
        wanted[graph] = _known(graph, name)
    return wanted


def _known(graph: str, name: str) -> str:
    if name not in PREFERRED[graph]:
        raise JudgeError(f"The precision {name!r} is not known; use one of {', '.join(PREFERRED[graph])}.")
    return name


def _present(place: Path, graph: str) -> dict[str, Path]:
    paths = {name: place / f"{STEMS[graph]}{_suffix(name)}.onnx" for name in PREFERRED[graph]}
    return {name: path for name, path in paths.items() if path.is_file()}


def _suffix(name: str) -> str:
    return "" if name == FULL else f"_{name}"


def _advice(present: Mapping[str, Mapping[str, Path]], wanted: Mapping[str, str]) -> str:
    """A precision that can be had, as near to the wanted one as possible."""
    nearest = {
        graph: wanted[graph] if wanted.get(graph) in files else next(name for name in PREFERRED[graph] if name in files)
        for graph, files in present.items()
        if files
    }
    return ",".join(f"{graph}={name}" for graph, name in nearest.items())
