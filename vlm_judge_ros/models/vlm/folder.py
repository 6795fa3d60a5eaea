"""Opens the folder of a vision-language model in the layout in which people publish them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vlm_judge_ros.errors import ModelBroken
from vlm_judge_ros.models.vlm.configuration import (
    CONFIG_FILE,
    GENERATION_FILE,
    PREPROCESSOR_FILE,
    PROCESSOR_FILE,
    TEMPLATE_FILE,
    TEMPLATE_JSON_FILE,
    ModelConfig,
    ProcessorConfig,
    read_model_config,
    read_processor_config,
)
from vlm_judge_ros.models.vlm.external_data import check_external_files, external_files
from vlm_judge_ros.models.vlm.families import Family
from vlm_judge_ros.models.vlm.file_hash import combined_hash
from vlm_judge_ros.models.vlm.pixels import prepare
from vlm_judge_ros.models.vlm.precision import choose_graphs
from vlm_judge_ros.models.vlm.prepared import PreparedImage
from vlm_judge_ros.models.vlm.tokens import TOKENIZER_CONFIG_FILE, TOKENIZER_FILE, Tokens

_DECIDING_FILES = (
    *(CONFIG_FILE, GENERATION_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE, TOKENIZER_FILE, TOKENIZER_CONFIG_FILE),
    *(TEMPLATE_FILE, TEMPLATE_JSON_FILE),
)
"""What decides the answers besides the graphs."""


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """A model on disk, checked as far as can be without running it.

    Attributes:
        path: the folder.
        family: architecture of the model.
        vision: graph from pixel values to image features.
        embed: graph from token ids to embeddings.
        decoder: graph from embeddings to logits.
        precisions: precision of each graph, by "vision", "embed" and "decoder".
        config: shape of the model.
        processor: how it wants its images.
        tokens: its tokenizer.
    """

    path: Path
    family: Family
    vision: Path
    embed: Path
    decoder: Path
    precisions: dict[str, str]
    config: ModelConfig
    processor: ProcessorConfig
    tokens: Tokens

    def prepare(self, rgb: NDArray[np.uint8], max_tokens: int | None = None) -> PreparedImage:
        """Turn an image of shape (height, width, 3) into what the vision graph takes.

        Args:
            rgb: the image, red first.
            max_tokens: most image tokens that it may become; None for what the model's own processor allows.

        Raises:
            JudgeError: the image is too long and narrow for the model, or cannot be had for so few tokens.
        """
        return prepare(rgb, self.config, self.processor, max_tokens)

    @cached_property
    def file_hash(self) -> str:
        """First 16 hexadecimal digits of a SHA-256 over all that decides the answers.

        The first time this reads all of the model; after that its files are known by size and time of change.

        Raises:
            ModelBroken: a file has become unreadable.
        """
        graphs = (self.vision, self.embed, self.decoder)
        files = {self.path / name for name in _DECIDING_FILES if (self.path / name).exists()}
        for graph in graphs:
            files |= {graph, *external_files(graph)}
        try:
            return combined_hash(self.path, files)
        except OSError as error:
            raise ModelBroken(f"{error.filename} cannot be read ({error.strerror}); mend its permissions.") from error


def open_folder(path: Path, precision: str = "") -> ModelFolder:
    """Open the folder of a model.

    Args:
        path: the folder with config.json, the tokenizer, and the three graphs beside them or in `onnx/`.
        precision: which graphs to take where there are several, see `precision.choose_graphs`; empty for the best.

    Raises:
        ModelBroken: something is missing, cannot be read, or does not belong together.
        JudgeError: the precision is not understood.
    """
    if not path.is_dir():
        raise ModelBroken(f"{path} is not a folder; name the folder of a model, or get one with `vlm-judge pull`.")
    config = read_model_config(path)
    processor = read_processor_config(path, config)
    tokens = Tokens(path, config)
    graphs = choose_graphs(path, precision)
    for _, graph in graphs.values():
        check_external_files(graph)
    return ModelFolder(
        path=path,
        family=config.family,
        vision=graphs["vision"][1],
        embed=graphs["embed"][1],
        decoder=graphs["decoder"][1],
        precisions={graph: name for graph, (name, _) in graphs.items()},
        config=config,
        processor=processor,
        tokens=tokens,
    )
