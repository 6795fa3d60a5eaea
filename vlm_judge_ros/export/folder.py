"""Writes a whole model folder from one as transformers saves it."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.export import architecture

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

NEEDED = ("config.json", "preprocessor_config.json", "tokenizer.json")


def write_folder(source: Path, target: Path, say: Callable[[str], None] = lambda line: None) -> None:
    """Write the graphs of the model in `source`, and what belongs to them, to the new folder `target`.

    Nothing is left of a folder that could not be finished.

    Args:
        source: a folder with config.json, safetensors, processor and tokenizer files.
        target: must not exist yet.
        say: told one line about each step.

    Raises:
        ModelBroken: the source is not complete, or is of a kind that cannot be exported.
        JudgeError: the target exists or cannot be written.
    """
    if target.exists():
        raise JudgeError(f"{target} exists already; name another folder or remove it.")
    _check_source(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise JudgeError(f"{target} cannot be written ({error.strerror}); name another folder.") from error
    try:
        _write(source, temporary, say)
        temporary.chmod(0o755)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def load_model(source: Path) -> Any:
    """Load the transformers model of a folder in single precision.

    Raises:
        ModelBroken: the folder cannot be loaded.
    """
    from transformers import AutoModelForImageTextToText

    try:
        model = AutoModelForImageTextToText.from_pretrained(source, dtype="float32", local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise ModelBroken(f"{source} cannot be loaded by transformers ({cause[0]}); download it again.") from error
    return model.train(False)


def _check_source(source: Path) -> None:
    for name in NEEDED:
        if not (source / name).is_file():
            raise ModelBroken(f"{source} has no {name}; give the folder of a model as transformers saves it.")
    try:
        config = json.loads((source / "config.json").read_text(encoding="utf-8"))
        model_type = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelBroken(f"{source / 'config.json'} cannot be read ({error}); download it again.") from error
    architecture.check_model_type(model_type, str(source / "config.json"))


def _write(source: Path, target: Path, say: Callable[[str], None]) -> None:
    for name in COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    say(f"loading {source}")
    graphs = architecture.draw(load_model(source))
    folder = target / "onnx"
    folder.mkdir()
    for name, graph in graphs.items():
        say(f"writing {name}.onnx")
        graph.save(folder / f"{name}.onnx")
