"""Writes smaller variants of all graphs of a model folder, and measures what they cost."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.export.compress import PRECISIONS, write_variant
from vlm_judge_ros.export.probe import GRAPHS, Array, Probe, ask_graphs, largest_error, make_probe


@dataclass(frozen=True, slots=True)
class Cost:
    """What a precision costs and saves.

    Attributes:
        precision: its name.
        size: bytes of its three graphs.
        largest_error: of a logit against single precision.
        mean_error: the mean of these errors.
    """

    precision: str
    size: int
    largest_error: float
    mean_error: float


def write_variants(
    folder: Path, precisions: Sequence[str], say: Callable[[str], None] = lambda line: None
) -> list[Cost]:
    """Write variants of the three graphs beside them: of a precision all three or none.

    Args:
        folder: of the model, with graphs in single precision.
        precisions: which variants to write.
        say: told one line about each precision.

    Returns:
        What each precision costs, in the order asked for.

    Raises:
        JudgeError: a precision is not known, a variant exists already, or cannot be written.
        ModelBroken: a graph is missing or cannot be quantized.
    """
    place = folder / "onnx" if (folder / "onnx").is_dir() else folder
    sources = {name: place / f"{name}.onnx" for name in GRAPHS}
    _check(sources, precisions)
    probe = make_probe(folder)
    expected = ask_graphs(sources, probe)
    say(f"fp32   {_size(sources.values()) / 1e6:9.1f} MB   logits from {expected.min():.2f} to {expected.max():.2f}")
    costs = []
    for precision in precisions:
        try:
            cost = _write(sources, precision, probe, expected)
        except OSError as error:
            raise JudgeError(f"{place} cannot be written ({error.strerror}); free some space there.") from error
        say(
            f"{precision:<6} {cost.size / 1e6:9.1f} MB   error of a logit: largest {cost.largest_error:.2g}, "
            f"mean {cost.mean_error:.2g}"
        )
        costs.append(cost)
    return costs


def _check(sources: Mapping[str, Path], precisions: Sequence[str]) -> None:
    for path in sources.values():
        if not path.is_file():
            raise ModelBroken(f"{path} is missing; make it with `vlm-judge export`, or download it too.")
    for precision in precisions:
        if precision not in PRECISIONS:
            raise JudgeError(f"The precision {precision!r} is not known; use some of {', '.join(PRECISIONS)}.")
        for path in sources.values():
            variant = path.with_name(f"{path.stem}_{precision}.onnx")
            if variant.exists():
                raise JudgeError(f"{variant} exists already; remove it, or leave {precision} out of --to.")


def _write(sources: Mapping[str, Path], precision: str, probe: Probe, expected: Array) -> Cost:
    place = next(iter(sources.values())).parent
    temporary = Path(tempfile.mkdtemp(prefix=f".{precision}.", dir=place))
    try:
        files = {name: temporary / f"{path.stem}_{precision}.onnx" for name, path in sources.items()}
        for name, path in files.items():
            write_variant(sources[name], path, precision)
        logits = ask_graphs(files, probe)
        cost = Cost(
            precision, _size(files.values()), largest_error(logits, expected), float(np.abs(logits - expected).mean())
        )
        # The graphs last: without them the weights beside them are nothing.
        for path in sorted(temporary.iterdir(), key=lambda path: path.suffix == ".onnx"):
            path.rename(place / path.name)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return cost


def _size(paths: Iterable[Path]) -> int:
    """Bytes of graphs and of the weights beside them."""
    return sum(file.stat().st_size for path in paths for file in path.parent.glob(f"{path.name}*"))
