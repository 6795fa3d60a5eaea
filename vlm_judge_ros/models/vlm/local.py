"""A vision-language model from ONNX files, asked on board."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.scorer import AnswerScore, Content
from vlm_judge_ros.models.vlm import positions
from vlm_judge_ros.models.vlm.chat import Chat
from vlm_judge_ros.models.vlm.decoder import PACKED_BYTES, DecoderGraph
from vlm_judge_ros.models.vlm.folder import ModelFolder
from vlm_judge_ros.models.vlm.graphs import Call, Graph, GraphFailed
from vlm_judge_ros.models.vlm.limits import TOKENS_OF_TEXT, Limits
from vlm_judge_ros.models.vlm.placing import FRAME_SIZE_PX, open_graph
from vlm_judge_ros.models.vlm.prefix import Piece, PrefixEngine
from vlm_judge_ros.models.vlm.proof import Proof, prove, tolerance_of
from vlm_judge_ros.models.vlm.providers import choose
from vlm_judge_ros.models.vlm.reader import Reader
from vlm_judge_ros.models.vlm.scoring import Scoring
from vlm_judge_ros.models.vlm.vision import VisionGraph
from vlm_judge_ros.models.vlm.writing import AnswerWriter
from vlm_judge_ros.models.writer import Writing, Written

_log = logging.getLogger(__name__)

_PROOF_LABELS = ("front camera, 0.0 s:", "front camera, 1.0 s:")
_PROOF_PROMPTS = (" Is the task complete? The answer is:", " True or not? The answer is:")


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """How to run a model.

    Attributes:
        providers: what to run on, in the order of preference.
        threads: threads for one inference on the CPU.
        image_tokens: most image tokens of a frame, by camera; the key "" stands for all others. Without an entry a
            frame costs what the model's own processor makes of it.
        max_images: most frames that the model is shown at once.
        text_tokens: tokens for all that it is told beside these.
        gpu_memory_mb: most memory that each graph takes on the GPU, in MiB; 0 for no limit.
        pack: ask several prompts in one run, on a CPU and where the graph can do that.
    """

    providers: tuple[str, ...] = ("cpu",)
    threads: int = 1
    image_tokens: Mapping[str, int] = field(default_factory=dict)
    max_images: int = 16
    text_tokens: int = TOKENS_OF_TEXT
    gpu_memory_mb: int = 0
    pack: bool = True


class LocalModel:
    """Scores and writes answers, and keeps what it has read for the next question. One question at a time.

    Args:
        folder: files of the model.
        settings: how to run it.

    Attributes:
        vision: its vision graph.
        engine: its other graphs.
        proof: what the first questions, asked when it was made, have shown.
        choice: the providers that run, and why others do not.

    Raises:
        ModelBroken: the files do not belong together, or do not run.
        JudgeError: a setting cannot be met.
    """

    def __init__(self, folder: ModelFolder, settings: LocalSettings | None = None) -> None:
        settings = settings or LocalSettings()
        self.choice = choose(settings.providers)
        for refusal in self.choice.refusals:
            _log.warning(refusal)
        settings = replace(settings, providers=self.choice.names)
        self._folder = folder
        self._limits = Limits(
            settings.max_images, settings.image_tokens, folder.config.context_length, settings.text_tokens
        )
        deepstack = len(folder.config.deepstack_indexes)
        self.vision = VisionGraph(_graph(folder, "vision", settings), deepstack)
        self._decoder = DecoderGraph(
            _graph(folder, "decoder", settings), deepstack, folder.config.key_value_heads, folder.config.head_dim
        )
        rule = position_rule(folder, self._decoder)
        self.engine = PrefixEngine(_graph(folder, "embed", settings), self._decoder, folder.tokens.image_id, rule)
        self._call: Call | None = None
        self._lock = threading.Lock()
        try:
            self._reader = Reader(folder, self.vision, self.engine, self._limits, Call())
            # On a GPU the copies that packing needs would go through the memory of the host.
            self.proof = self._prove(settings.pack and self._decoder.is_on_cpu)
        except GraphFailed as error:
            raise ModelBroken(f"The model in {folder.path} loads but does not run: {error}") from error
        shares = self.proof.shares_prefix
        self._scoring = Scoring(folder.tokens, self._reader, self.engine, self.proof)
        self._writer: AnswerWriter | None = None
        self._mute = ""
        try:
            chat = Chat(folder.path, folder.family, folder.tokens)
            self._writer = AnswerWriter(chat, folder.tokens, self._reader, self.engine, shares)
        except ModelBroken as error:
            # Scoring needs no template.
            self._mute = str(error)

    @property
    def name(self) -> str:
        """Name of the model: that of its folder."""
        return self._folder.path.resolve().name

    @property
    def file_hash(self) -> str:
        """First 16 hexadecimal digits of a hash over everything that decides its answers."""
        return self._folder.file_hash

    @property
    def provider(self) -> str:
        """What the decoder runs on, for example "cuda"; the vision encoder is named where it runs on something else."""
        decoder, vision = self._decoder.provider, self.vision.provider
        return decoder if decoder == vision else f"{decoder}, vision {vision}"

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""
        always = frozenset({Capability.LOG_PROBABILITIES, Capability.SEVERAL_IMAGES})
        return always if self._writer is None else always | {Capability.TEXT}

    @property
    def status(self) -> str:
        """How it runs, and why not on what was asked for, in sentences."""
        return " ".join(filter(None, (self.proof.status, self._mute, *self.choice.refusals)))

    @property
    def key_value_bytes_per_token(self) -> int:
        """What one token of context costs in memory."""
        return self._decoder.key_value_bytes_per_token

    @property
    def memory_bound_bytes(self) -> int:
        """Most memory that key/values take.

        Four times those of the longest prompt: the last ones, those before the newest frames, and the input and the
        output of a run. Two times those of a written answer: again input and output. Prompts that are asked at once
        have copies of them, which the run reads and writes as well.
        """
        key_values = self.key_value_bytes_per_token * self._limits.key_value_tokens
        return key_values + 2 * PACKED_BYTES * self.proof.packs_suffixes

    def score(self, content: Sequence[Content], prompts: Sequence[str], answer: str) -> list[AnswerScore]:
        """Score one answer to several prompts about the same content.

        What the content has in common with the last one, from its beginning, is not read again. Text after the last
        frame is read with each prompt.

        Args:
            content: what is shown, in order.
            prompts: texts that follow the content; each is asked by itself.
            answer: the answer; its first token counts.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: this is too much to read, or the runtime failed; the message says which.
        """
        with self._asked() as call:
            return self._scoring.score(content, prompts, answer, call)

    def write(self, writing: Writing) -> Written:
        """Write one answer, after what the content has in common with the last one.

        Its schema is not looked at: a model on board cannot be held to one.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: `cancel` was called meanwhile.
            JudgeError: question and answer are too long together, a setting is out of range, the model cannot write,
                or the runtime failed; the message says which.
        """
        if self._writer is None:
            raise JudgeError(self._mute)
        with self._asked() as call:
            return self._writer.write(writing, call)

    def cancel(self) -> None:
        """Make the running call stop as soon as it can. Safe from any thread; nothing happens where none runs."""
        with self._lock:
            if self._call is not None:
                self._call.cancel()

    @contextmanager
    def _asked(self) -> Iterator[Call]:
        """A call that `cancel` reaches; what was read is dropped where the runtime has failed meanwhile."""
        call = Call()
        with self._lock:
            self._call = call
        try:
            yield call
        except GraphFailed:
            self._reader.forget()
            raise
        except MemoryError as error:
            self._reader.forget()
            raise JudgeError(
                "Memory ran out during the question; lower the number of frames or of image tokens."
            ) from error
        finally:
            with self._lock:
                self._call = None

    def _prove(self, may_pack: bool) -> Proof:
        tokens, random = self._folder.tokens, np.random.default_rng(0)
        images = [random.integers(0, 256, (*FRAME_SIZE_PX, 3), dtype=np.uint8) for _ in _PROOF_LABELS]
        prepared = [self._folder.prepare(image, self._limits.image_tokens("")) for image in images]
        call = Call()

        def pieces() -> list[Piece]:
            read = [Piece(tokens.begin)] if len(tokens.begin) else []
            for label, image in zip(_PROOF_LABELS, prepared, strict=True):
                read += [Piece(tokens.encode(label)), Piece(tokens.image_piece(image), self.vision.see(image, call))]
            return read

        suffixes = [tokens.encode(prompt) for prompt in _PROOF_PROMPTS]
        tolerance = tolerance_of(self._decoder)
        return prove(self.engine, pieces, suffixes, tolerance, may_pack, call)


def _graph(folder: ModelFolder, part: str, settings: LocalSettings) -> Graph:
    tokens = settings.image_tokens.get("")
    return open_graph(folder, part, settings.providers, settings.threads, tokens, gpu_memory_mb=settings.gpu_memory_mb)


def position_rule(folder: ModelFolder, decoder: DecoderGraph) -> positions.PositionRule:
    """How the family counts, checked against what the graph takes."""
    axes = 3 if folder.config.mrope_sections else 1
    taken = decoder.position_axes
    # A graph that takes no positions counts them from the mask, which it can do on one axis only.
    if taken != axes and not (taken is None and axes == 1):
        has = "no position_ids" if taken is None else f"position_ids of {taken} axes"
        raise ModelBroken(
            f"The graph {folder.decoder} takes {has}, and a {folder.family.value} model counts on {axes}; "
            "export the model again, for example with vlm-judge export."
        )
    return positions.multimodal if axes == 3 else positions.linear
