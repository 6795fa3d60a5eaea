"""The families of vision-language models that are understood, and how each borders an image."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Family(Enum):
    """An architecture; the values are what `model_type` in config.json says.

    IDEFICS3 stands for SmolVLM as well, whose `model_type` is "idefics3" or "smolvlm".
    """

    QWEN2_VL = "qwen2_vl"
    QWEN2_5_VL = "qwen2_5_vl"
    QWEN3_VL = "qwen3_vl"
    IDEFICS3 = "idefics3"

    @property
    def is_qwen(self) -> bool:
        """Whether images keep their ratio and become a grid of patches with positions of their own."""
        return self is not Family.IDEFICS3

    @property
    def markers(self) -> Markers:
        """The special tokens around and in place of an image."""
        return IDEFICS3_MARKERS if self is Family.IDEFICS3 else QWEN_MARKERS


@dataclass(frozen=True, slots=True)
class Markers:
    """How a prompt shows an image.

    Attributes:
        before: text before the image tokens.
        image: the token that stands for one vector of image features.
        after: text after the image tokens.
        end_of_turn: the token with which a speaker ends.
    """

    before: str
    image: str
    after: str
    end_of_turn: str


QWEN_MARKERS = Markers("<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|im_end|>")
# Adjacent images repeat the border: each of them opens and closes its own.
IDEFICS3_MARKERS = Markers(
    "<fake_token_around_image><global-img>", "<image>", "<fake_token_around_image>", "<end_of_utterance>"
)

MODEL_TYPES = {family.value: family for family in Family} | {"smolvlm": Family.IDEFICS3}
ARCHITECTURES = {
    "Qwen2VLForConditionalGeneration": Family.QWEN2_VL,
    "Qwen2_5_VLForConditionalGeneration": Family.QWEN2_5_VL,
    "Qwen3VLForConditionalGeneration": Family.QWEN3_VL,
    "Idefics3ForConditionalGeneration": Family.IDEFICS3,
    "SmolVLMForConditionalGeneration": Family.IDEFICS3,
}
