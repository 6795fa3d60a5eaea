"""From a judge's options to its model: on board, or behind an address."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.models.vlm.folder import open_folder
from vlm_judge_ros.models.vlm.known import KnownModel, locate
from vlm_judge_ros.models.vlm.limits import TOKENS_OF_TEXT, usual_image_tokens
from vlm_judge_ros.models.vlm.local import LocalModel, LocalSettings
from vlm_judge_ros.models.writer import VisionLanguageModel


@dataclass(frozen=True, slots=True)
class Opened:
    """A model that answers.

    Attributes:
        model: the model.
        status: one sentence about how it runs.
        known: what is known of a model that was named; None for one of the user's own, or on a server.
    """

    model: VisionLanguageModel
    status: str
    known: KnownModel | None = None


def named_model(options: JudgeOptions, method: str) -> KnownModel | None:
    """What is known of the model of the options, without loading it; None for one on a server.

    Raises:
        JudgeError: the options name none.
    """
    if options.server:
        return None
    if not options.model:
        raise JudgeError(
            f"The judge {method} has no model; set the parameter model to the folder of one, or to a name that "
            "`vlm-judge models` lists, or the parameter server to one that serves it."
        )
    return locate(options.model).known


def open_model(options: JudgeOptions, method: str, most_images: int = 0, text_tokens: int = TOKENS_OF_TEXT) -> Opened:
    """Load the model that the options name, or reach its server; what they leave open is as a known model wants it.

    Inside `shared_models` the same model is opened once.

    Args:
        options: of the judge.
        method: name of the judge, for people.
        most_images: most images that one question shows; 0 for those of all cameras.
        text_tokens: tokens for all that the model is told beside these, where it runs on board.

    Raises:
        ModelBroken: the model cannot be used.
        JudgeError: an option cannot be used.
    """
    most_images = most_images or options.images_per_camera * len(options.cameras)
    shared = _SHARED.get()
    if shared is not None:
        return shared.open(options, method, most_images, text_tokens)
    return _open(options, method, most_images, text_tokens)


def _open(options: JudgeOptions, method: str, most_images: int, text_tokens: int) -> Opened:
    if options.server:
        # Imported here: what speaks to servers takes a second and 30 MB that a model on board has no use for.
        from vlm_judge_ros.judges.server_access import open_remote

        remote = open_remote(options)
        return Opened(remote, remote.status)
    known = named_model(options, method)
    folder = open_folder(locate(options.model).folder, options.precision or (known.precision if known else ""))
    usual = known.image_tokens if known else usual_image_tokens(folder)
    settings = LocalSettings(
        providers=options.providers,
        threads=options.intra_op_threads,
        image_tokens={"": usual, **options.image_tokens},
        gpu_memory_mb=options.gpu_memory_mb,
        max_images=most_images,
        text_tokens=text_tokens,
    )
    model = LocalModel(folder, settings)
    return Opened(model, model.status, known)


class _Shared:
    """Models that were opened, with the images and the tokens that they were opened for."""

    def __init__(self, most_images: int, text_tokens: int) -> None:
        self._least = most_images, text_tokens
        self._opened: dict[tuple[object, ...], tuple[int, int, Opened]] = {}

    def open(self, options: JudgeOptions, method: str, most_images: int, text_tokens: int) -> Opened:
        same = (
            *(options.model, options.server, options.precision, options.providers, options.intra_op_threads),
            *(options.gpu_memory_mb, tuple(sorted(options.image_tokens.items()))),
            *(options.image_size_px, options.jpeg_quality, options.record, options.replay),
        )
        images, tokens = max(most_images, self._least[0]), max(text_tokens, self._least[1])
        if same in self._opened:
            opened_images, opened_tokens, opened = self._opened[same]
            # A server has no memory set aside for it here.
            if options.server or (opened_images >= images and opened_tokens >= tokens):
                return opened
        opened = _open(options, method, images, tokens)
        self._opened[same] = images, tokens, opened
        return opened


_SHARED: ContextVar[_Shared | None] = ContextVar("shared_models", default=None)


@contextlib.contextmanager
def shared_models(most_images: int, text_tokens: int) -> Iterator[None]:
    """Let judges that are made in the block share models: one in memory, one budget of a server.

    Args:
        most_images: images that one question may show at least, so that judges with fewer share the model too.
        text_tokens: the same for the tokens of texts.
    """
    token = _SHARED.set(_Shared(most_images, text_tokens))
    try:
        yield
    finally:
        _SHARED.reset(token)
