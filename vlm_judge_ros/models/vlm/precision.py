"""Which of the graphs in a folder are used: one of each kind, told apart by the precision in the file name."""

from __future__ import annotations

from collections.abc import Collection
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
        precision: see `choose`.

    Returns:
        Per graph, its precision and its file.

    Raises:
        ModelBroken: a graph, or the wanted precision of one, is not there.
        JudgeError: the words cannot be understood.
    """
    place = folder / "onnx" if (folder / "onnx").is_dir() else folder
    try:
        names = {path.name for path in place.iterdir() if path.is_file()}
    except OSError as error:
        raise ModelBroken(f"{place} cannot be read ({error.strerror}); mend its permissions.") from error
    chosen = choose(names, str(place), precision)
    return {graph: (name, place / graph_file(graph, name)) for graph, name in chosen.items()}


def choose(files: Collection[str], place: str, precision: str = "") -> dict[str, str]:
    """Choose a precision for each graph among the files that there are.

    Args:
        files: names of files.
        place: where they lie, for messages.
        precision: one word for all graphs ("q4"), or words per graph ("vision=fp16,embed=fp16,decoder=q4"). For graphs
            that are not named, and where it is empty, the first of `PREFERRED` that is there.

    Raises:
        ModelBroken: a graph, or the wanted precision of one, is not there.
        JudgeError: the words cannot be understood.
    """
    wanted = parse_precision(precision)
    present = {graph: [name for name in PREFERRED[graph] if graph_file(graph, name) in files] for graph in STEMS}
    for graph, names in present.items():
        if not names:
            raise ModelBroken(
                f"{place} has no {STEMS[graph]}.onnx in any precision; download the ONNX files of the model, or make "
                "them with `vlm-judge export`."
            )
    nearest = {graph: wanted[graph] if wanted.get(graph) in names else names[0] for graph, names in present.items()}
    for graph, name in wanted.items():
        if name not in present[graph]:
            advice = ",".join(f"{graph}={name}" for graph, name in nearest.items())
            raise ModelBroken(
                f"{place} has no {graph_file(graph, name)}; set the precision to what is there: {advice}."
            )
    return nearest


def graph_file(graph: str, precision: str) -> str:
    """Name of the file of a graph in one precision."""
    suffix = "" if precision == FULL else f"_{precision}"
    return f"{STEMS[graph]}{suffix}.onnx"


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
