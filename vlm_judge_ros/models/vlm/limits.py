"""How much a model may read, and what that costs in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.folder import ModelFolder

TOKENS_BESIDE_AN_IMAGE = 48
"""Allowance for the borders and the label of an image."""

TOKENS_OF_TEXT = 1024
"""Allowance for what stands before the images and for the longest prompt."""

TOKENS_OF_ANSWER = 1024
"""Allowance for a written answer."""

KEY_VALUE_COPIES = 4
"""Key/values that exist at once: the last ones, those before the newest frames, and the input and output of a run."""

ANSWER_COPIES = 2
"""Of a written answer there are only the input and the output of a run: it is never kept."""

_USUAL_IMAGE_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of one model.

    Attributes:
        max_images: most frames that it is shown at once.
        tokens_per_image: most image tokens of a frame, by camera; the key "" stands for all others.
        context_length: tokens that the model was made for.
        text_tokens: tokens for instructions, questions and context beside the texts of the images.
    """

    max_images: int
    tokens_per_image: Mapping[str, int]
    context_length: int
    text_tokens: int = TOKENS_OF_TEXT

    def __post_init__(self) -> None:
        """Check the budgets.

        Raises:
            JudgeError: there is nothing left to show.
        """
        if self.max_images < 1:
            raise JudgeError(f"max_images is {self.max_images}; it has to be at least 1.")

    @property
    def tokens(self) -> int:
        """Most tokens that a prompt and all before it may have.

        Follows from the frame budget where every frame has a budget of tokens; else the model's own limit.
        """
        if "" not in self.tokens_per_image:
            return self.context_length
        per_image = max(self.tokens_per_image.values()) + TOKENS_BESIDE_AN_IMAGE
        return min(self.context_length, self.max_images * per_image + self.text_tokens)

    @property
    def tokens_with_answer(self) -> int:
        """Most tokens that a prompt, all before it, and the written answer may have together."""
        return min(self.context_length, self.tokens + TOKENS_OF_ANSWER)

    @property
    def key_value_tokens(self) -> int:
        """Most tokens whose key/values exist at once, those that exist several times counted as often."""
        return KEY_VALUE_COPIES * self.tokens + ANSWER_COPIES * (self.tokens_with_answer - self.tokens)

    def image_tokens(self, camera: str) -> int | None:
        """Most image tokens of a frame; None for as many as the model's own processor makes of it."""
        return self.tokens_per_image.get(camera, self.tokens_per_image.get(""))

    def check_images(self, count: int) -> None:
        """Refuse content with too many frames.

        Raises:
            JudgeError: there are more than the budget.
        """
        if count > self.max_images:
            raise JudgeError(
                f"The content has {count} frames, more than the frame budget of {self.max_images} (the model may read "
                f"{self.tokens} tokens); choose fewer frames."
            )

    def check_tokens(self, count: int, images: int, written: int = 0) -> None:
        """Refuse content that is too long.

        Args:
            count: tokens of all that is read.
            images: number of frames among it.
            written: most tokens of the answer that will be written.

        Raises:
            JudgeError: it has more tokens than the model may read, or leaves no room for the answer.
        """
        if count > self.tokens:
            raise JudgeError(
                f"{images} frames (frame budget {self.max_images}) and the texts are {count} tokens, more than the "
                f"{self.tokens} that the model may read; choose fewer frames or lower the image tokens."
            )
        if count + written > self.tokens_with_answer:
            raise JudgeError(
                f"The question is {count} tokens ({images} frames) and the answer may have {written}, together more "
                f"than the {self.tokens_with_answer} that the model may read and write; lower most_tokens, choose "
                "fewer frames or lower the image tokens."
            )


def usual_image_tokens(folder: ModelFolder) -> int:
    """Tokens that a frame may become where nobody says how many."""
    if folder.family.is_qwen:
        return _USUAL_IMAGE_TOKENS
    # The others make the same number of every image, whatever is allowed.
    side: int = folder.processor.tile_size // (folder.config.patch_size * folder.config.merge_size)
    return side * side
