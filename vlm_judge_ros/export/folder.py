"""Writes a whole model folder from one as transformers saves it."""

from __future__ import annotations

import gc
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.export import architecture
from vlm_judge_ros.export.probe import ask_graphs, ask_transformers, largest_error, make_probe
from vlm_judge_ros.models.vlm.configuration import read_fields

COPIED = (
    "config.json",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "video_preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.json",
    "chat_template.jinja",
    "LICENSE",
    "README.md",
)
"""Files that are taken over as they are, where they exist."""

TOLERANCE = 1e-3
"""Largest error of a logit against transformers, as a share of the largest logit.

Rounding stays far below it; anything that the graphs leave out or turn round does not.
"""

Say = Callable[[str], None]


def write_folder(source: Path, target: Path, say: Say = lambda line: None, *, check: bool = True) -> float | None:
    """Write the graphs of the model in `source`, and what belongs to them, to the new folder `target`.

    Nothing is left of a folder that could not be finished.

    Args:
        source: a folder with config.json, safetensors, processor and tokenizer files.
        target: must not exist yet.
        say: told one line about each step.
        check: run the graphs beside the transformers model and compare their logits.

    Returns:
        The largest error of a logit; None where it was not checked.

    Raises:
        ModelBroken: the source is not complete, is of a kind that cannot be exported, or its graphs give other logits.
        JudgeError: the target exists or cannot be written.
    """
    if target.exists():
        raise JudgeError(f"{target} exists already; name another folder with --out, or remove it.")
    _check_source(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise JudgeError(f"{target} cannot be written ({error.strerror}); name another folder with --out.") from error
    try:
        largest = _write(source, temporary, say, check)
        temporary.chmod(0o755)
        temporary.rename(target)
    except OSError as error:
        raise JudgeError(f"{target} cannot be written ({error.strerror}); free some space.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return largest


def load_model(source: Path) -> Any:
    """Load the transformers model of a folder in single precision.

    Raises:
        ModelBroken: the folder cannot be loaded, or weights are missing.
    """
    import transformers

    logging: Any = transformers.utils.logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        loaded: Any = transformers.AutoModelForImageTextToText.from_pretrained(
            source, dtype="float32", local_files_only=True, use_safetensors=True, output_loading_info=True
        )
    # The libraries below raise whatever they meet.
    except Exception as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelBroken(f"{source} cannot be loaded by transformers ({cause[0]}); download it again.") from error
    model, loading = loaded
    missing = sorted(loading["missing_keys"])
    if missing:
        raise ModelBroken(f"{source} lacks {len(missing)} weights, the first is {missing[0]}; download it again.")
    return model.train(False)


def _check_source(source: Path) -> None:
    for pattern in ("config.json", "*.safetensors", "*processor_config.json", "tokenizer.json"):
        if next(source.glob(pattern), None) is None:
            raise ModelBroken(f"{source} has no {pattern}; give the folder of a model as transformers saves it.")
    config = source / "config.json"
    architecture.check_model_type(read_fields(config).get("model_type"), str(config))


def _write(source: Path, target: Path, say: Say, check: bool) -> float | None:
    for name in COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    say(f"loading {source}")
    model = load_model(source)
    graphs = architecture.draw(model)
    if check:
        say("asking transformers")
        probe = make_probe(target)
        expected = ask_transformers(model, probe)
    folder = target / "onnx"
    folder.mkdir()
    files = {name: folder / f"{name}.onnx" for name in graphs}
    for name, path in files.items():
        graphs[name].save(path)
        say(f"wrote {path.name}, {sum(file.stat().st_size for file in folder.glob(f'{path.name}*')) / 1e6:.1f} MB")
    if not check:
        return None
    # The runtime needs as much memory again; the graphs hold on to the weights.
    del model, graphs
    gc.collect()
    error = largest_error(ask_graphs(files, probe), expected)
    say(f"largest error of a logit against transformers: {error:.1e} (logits up to {abs(expected).max():.1f})")
    if error > TOLERANCE * abs(expected).max():
        raise ModelBroken(
            f"The graphs of {source} give other logits than transformers, off by {error:.2g}; nothing was written. "
            "Please report the model."
        )
    return error
