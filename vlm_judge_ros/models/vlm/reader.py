"""Reads content once: what the next question has in common with the last is not read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vlm_judge_ros.episode.frame import Frame, ImageSource
from vlm_judge_ros.models.scorer import Content
from vlm_judge_ros.models.vlm.folder import ModelFolder
from vlm_judge_ros.models.vlm.graphs import Call
from vlm_judge_ros.models.vlm.limits import Limits
from vlm_judge_ros.models.vlm.prefix import Piece, Prefix, PrefixEngine
from vlm_judge_ros.models.vlm.prepared import PreparedImage
from vlm_judge_ros.models.vlm.vision import VisionGraph


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A text or a frame that was read, with the number of tokens and the next position at its end."""

    item: Content
    piece: Piece
    length: int
    next_position: int


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """A frame that went through the vision graph. Holds the image, so that no other takes over its identity."""

    image: ImageSource
    piece: Piece


class Reader:
    """Turns texts and frames into a prefix, and keeps the last one.

    Frames are told apart by the identity of their images, because stamps repeat when a recording is played again.

    Args:
        folder: files of the model.
        vision: its vision graph.
        engine: its other graphs.
        limits: how much it may read.
        call: the call that this is a part of.

    Raises:
        JudgeError: the runtime failed.
    """

    def __init__(
        self, folder: ModelFolder, vision: VisionGraph, engine: PrefixEngine, limits: Limits, call: Call
    ) -> None:
        self._folder = folder
        self._vision = vision
        self._engine = engine
        self._limits = limits
        self._begin = [Piece(folder.tokens.begin)] if len(folder.tokens.begin) else []
        self._root = engine.append(engine.empty(), self._begin, call) if self._begin else engine.empty()
        self._prefix = self._root
        self._parts: list[_Part] = []
        # What was there before the last parts came. Often only these are replaced: the newest frames.
        self._trunk, self._trunk_parts = self._root, 0
        self._seen: dict[tuple[int, str], _Seen] = {}

    @property
    def pieces(self) -> list[Piece]:
        """All that was read last."""
        return [*self._begin, *(part.piece for part in self._parts)]

    def forget(self) -> None:
        """Drop what was read."""
        self._prefix, self._parts, self._seen = self._root, [], {}
        self._trunk, self._trunk_parts = self._root, 0

    def read(
        self, items: Sequence[Content], suffix_length: int, shares_prefix: bool, call: Call, written: int = 0
    ) -> Prefix:
        """Read texts and frames; no two texts may be neighbours, since their tokens depend on each other.

        Args:
            items: all that the model is to have read.
            suffix_length: tokens of the longest prompt that will follow.
            shares_prefix: whether to compute key/values, or only what `pieces` needs.
            call: the call that this is a part of.
            written: most tokens of an answer that will follow.

        Raises:
            BrokenImage: a frame cannot be decoded.
            Cancelled: the call was cancelled; what was read before is still there.
            JudgeError: this is more than the limits allow, or the runtime failed.
        """
        common = 0
        while common < min(len(items), len(self._parts)) and _same(items[common], self._parts[common].item):
            common += 1
        parts = self._parts[:common]
        end = (parts[-1].length, parts[-1].next_position) if parts else (self._root.length, self._root.next_position)
        pieces = self._pieces(items, common, end[0] + suffix_length, written, call)
        for item, piece in zip(items[common:], pieces, strict=True):
            end = self._engine.end_of(piece, *end)
            parts.append(_Part(item, piece, *end))
        if shares_prefix and (common < len(parts) or common < len(self._parts)):
            trunk = self._begun(common)
            self._prefix = self._engine.append(trunk, [part.piece for part in parts[common:]], call)
            self._trunk, self._trunk_parts = trunk, common
        self._parts = parts
        return self._prefix

    def _begun(self, count: int) -> Prefix:
        """What was there after the first parts that were read last."""
        if count == self._trunk_parts:
            return self._trunk
        if count == 0:
            return self._root
        part = self._parts[count - 1]
        return self._engine.truncate(self._prefix, part.length, part.next_position)

    def _pieces(self, items: Sequence[Content], start: int, token_count: int, written: int, call: Call) -> list[Piece]:
        """Tokens and features of the items from `start` on. Runs no graph before it is sure that all is allowed."""
        frames = [item for item in items if isinstance(item, Frame)]
        self._limits.check_images(len(frames))
        shown = {_key(frame) for frame in frames}
        self._seen = {key: seen for key, seen in self._seen.items() if key in shown}
        texts: dict[int, Piece] = {}
        prepared: dict[tuple[int, str], PreparedImage] = {}
        for index, item in enumerate(items[start:], start):
            call.check()
            if isinstance(item, str):
                texts[index] = Piece(self._folder.tokens.encode(item))
                token_count += len(texts[index].ids)
            elif (key := _key(item)) in self._seen:
                token_count += len(self._seen[key].piece.ids)
            else:
                if key not in prepared:
                    prepared[key] = self._folder.prepare(item.image.rgb(), self._limits.image_tokens(item.camera))
                token_count += len(self._folder.tokens.image_piece(prepared[key]))
        self._limits.check_tokens(token_count, len(frames), written)
        pieces = []
        for index, item in enumerate(items[start:], start):
            if isinstance(item, str):
                pieces.append(texts[index])
                continue
            key = _key(item)
            if key not in self._seen:
                ids = self._folder.tokens.image_piece(prepared[key])
                self._seen[key] = _Seen(item.image, Piece(ids, self._vision.see(prepared.pop(key), call)))
            pieces.append(self._seen[key].piece)
        return pieces


def joined(content: Sequence[Content]) -> tuple[list[Content], str]:
    """Bring content into a form in which every part can be turned into tokens by itself.

    Tokens are independent only where a special token lies between them, and only frames bring those. So neighbouring
    texts become one, and a text at the end belongs to the prompt.

    Returns:
        Texts and frames in turn, the last one a frame; and the text after it.
    """
    items: list[Content] = []
    text = ""
    for item in content:
        if isinstance(item, str):
            text += item
            continue
        if text:
            items.append(text)
        items.append(item)
        text = ""
    return items, text


def _key(frame: Frame) -> tuple[int, str]:
    # The camera decides how many tokens an image may have.
    return id(frame.image), frame.camera


def _same(one: Content, other: Content) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return one.image is other.image and one.camera == other.camera
