"""What is shown, with its images in the form in which they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.models.remote.images import ImageUrls
from vlm_judge_ros.models.scorer import Content


@dataclass(frozen=True, slots=True)
class Shown:
    """Texts and images in order.

    Attributes:
        content: texts and frames; what is asked comes after it.
        urls: data URLs of the frames, by their identity.
    """

    content: tuple[Content, ...]
    urls: Mapping[int, str]

    def then(self, text: str) -> Shown:
        """The same with a text after it."""
        return Shown((*self.content, text), self.urls)


def shown_to(server: ImageUrls, content: Sequence[Content]) -> Shown:
    """Make the images ready.

    Raises:
        BrokenImage: a frame cannot be decoded.
    """
    frames = [piece for piece in content if isinstance(piece, Frame)]
    return Shown(tuple(content), {id(frame): url for frame, url in zip(frames, server.of(frames), strict=True)})
