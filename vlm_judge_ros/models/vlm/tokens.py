"""Text and images as token ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tokenizers
from numpy.typing import NDArray

from vlm_judge_ros.errors import JudgeError, ModelBroken
from vlm_judge_ros.models.scorer import first_word
from vlm_judge_ros.models.vlm.configuration import GET_AGAIN, ModelConfig, read_fields
from vlm_judge_ros.models.vlm.prepared import PreparedImage

TOKENIZER_FILE = "tokenizer.json"
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"

SHIELD = "\ufdd0"
"""Keeps letters from being read as a special token. Unicode reserves it for such use, so no text has it."""

TokenIds = NDArray[np.int64]


class Tokens:
    """The tokenizer of a model.

    Pieces of a prompt may be encoded by themselves where a special token lies between them; elsewhere the pieces of a
    text become other tokens than the whole of it.

    Args:
        folder: where tokenizer.json lies.
        config: of the model.

    Raises:
        ModelBroken: a file is missing, cannot be read, or does not fit the model.
    """

    def __init__(self, folder: Path, config: ModelConfig) -> None:
        self._path = folder / TOKENIZER_FILE
        if not self._path.is_file():
            raise ModelBroken(f"{self._path} is missing; {GET_AGAIN}.")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(self._path))
        except Exception as error:  # tokenizers raises plain Exception
            raise ModelBroken(f"{self._path} is no tokenizer ({error}); {GET_AGAIN}.") from error
        # A file may say that texts are cut or filled up, which is meant for training.
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self.image_id = config.image_token_id
        """Id that stands for one vector of image features."""
        self._check(config)
        markers = config.family.markers
        self._before, self._after = self._ids(markers.before), self._ids(markers.after)
        self.begin: TokenIds = self._begin(folder)
        """Ids that the model's own tokenizer puts before a raw prompt; often none."""
        self.begin_text: str = self._tokenizer.decode(self.begin.tolist(), skip_special_tokens=False)
        """The same as text."""
        self.end_ids = self._end_ids(folder, config)
        """Ids that end an answer."""
        ids = np.array(sorted(self._tokenizer.get_vocab(with_added_tokens=True).values()), dtype=np.int64)
        self._writable = ids[ids != self.image_id]
        special = filter(_looks_special, self._tokenizer.get_added_tokens_decoder().values())
        self._special = re.compile("|".join(f"(?={re.escape(token.content)})" for token in special) or r"(?!)")

    def encode(self, text: str) -> TokenIds:
        """Encode a text; special tokens in it are recognised except for `shielded` ones, and none are added.

        Raises:
            JudgeError: the text holds the token that stands for an image.
        """
        ids = self._ids(text)
        if self.image_id in ids:
            raise JudgeError(
                f"The text {_shortened(text)!r} holds {self._name(self.image_id)!r}, which stands for an image; "
                "leave it out."
            )
        return ids

    def shielded(self, text: str) -> str:
        """A text in which no special token will be recognised: `encode` gives the letters of those that it spells."""
        text = text.replace(SHIELD, "")
        cuts = [found.start() + 1 for found in self._special.finditer(text)]
        return SHIELD.join(text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True))

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer, without special tokens.

        All of it at once: a letter may be several tokens.
        """
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def only_writable(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits of shape (vocabulary,) without those of images and of ids that no token has."""
        left = np.full_like(logits, -np.inf)
        ids = self._writable[self._writable < len(logits)]
        left[ids] = logits[ids]
        return left

    def image_piece(self, image: PreparedImage) -> TokenIds:
        """The ids that show one image, borders included, as one of several images in a prompt."""
        tokens = np.full(image.token_count, self.image_id, dtype=np.int64)
        return np.concatenate([self._before, tokens, self._after])

    def answer_id(self, answer: str) -> int:
        """The token with which an answer begins when it follows a text such as "The answer is:".

        It carries the space before the answer. Of an answer of several words the first one counts.

        Raises:
            ModelBroken: the first word is not one token of this tokenizer.
            JudgeError: the answer is empty.
        """
        word = first_word(answer)
        wanted = f" {word}"
        first = int(self._ids(f" {answer.strip()}")[0])
        if self._tokenizer.decode([first], skip_special_tokens=False) not in (wanted, word):
            raise ModelBroken(
                f"{self._path} has no single token for {wanted!r}, so its probability cannot be read; choose an answer "
                "whose first word is one token, such as True."
            )
        return first

    def _ids(self, text: str) -> TokenIds:
        parts = (self._tokenizer.encode(part, add_special_tokens=False).ids for part in text.split(SHIELD))
        return np.array([token_id for ids in parts for token_id in ids], dtype=np.int64)

    def _name(self, token_id: int) -> str:
        return str(self._tokenizer.id_to_token(token_id))

    def _check(self, config: ModelConfig) -> None:
        markers = config.family.markers
        found = self._tokenizer.token_to_id(markers.image)
        if found != config.image_token_id:
            has = "no token" if found is None else f"token {found} for"
            raise ModelBroken(
                f"{self._path} has {has} {markers.image!r}, and config.json says image_token_id "
                f"{config.image_token_id}; take both files from one model."
            )
        # The global mark of Idefics3 is plain text in some of its tokenizers; all others are tokens of their own.
        borders = (markers.before, markers.after) if config.family.is_qwen else (markers.after,)
        for border in borders:
            if self._tokenizer.token_to_id(border) is None:
                raise ModelBroken(f"{self._path} has no token {border!r}, which borders images; {GET_AGAIN}.")
        size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        if size > config.vocabulary_size:
            raise ModelBroken(
                f"{self._path} has {size} tokens and config.json knows {config.vocabulary_size}; "
                "take both files from one model."
            )

    def _end_ids(self, folder: Path, config: ModelConfig) -> frozenset[int]:
        path = folder / TOKENIZER_CONFIG_FILE
        end = read_fields(path).get("eos_token") if path.exists() else None
        names = (end.get("content") if isinstance(end, dict) else end, config.family.markers.end_of_turn)
        found = (self._tokenizer.token_to_id(name) for name in names if isinstance(name, str))
        return frozenset(config.end_token_ids) | {token_id for token_id in found if token_id is not None}

    def _begin(self, folder: Path) -> TokenIds:
        bare = self._tokenizer.encode("a", add_special_tokens=False).ids
        whole = self._tokenizer.encode("a", add_special_tokens=True).ids
        added = whole[: len(whole) - len(bare)] if whole[-len(bare) :] == bare else whole[: whole.index(bare[0])]
        path = folder / TOKENIZER_CONFIG_FILE
        fields = read_fields(path) if path.exists() else {}
        if not added and fields.get("add_bos_token") is True:
            begin = fields.get("bos_token")
            name = begin.get("content") if isinstance(begin, dict) else begin
            token_id = self._tokenizer.token_to_id(name) if isinstance(name, str) else None
            if token_id is None:
                raise ModelBroken(f"{path} adds a bos_token that {TOKENIZER_FILE} does not have; {GET_AGAIN}.")
            added = [token_id]
        return np.array(added, dtype=np.int64)


def _looks_special(token: tokenizers.AddedToken) -> bool:
    # Some tokens that mean more than their letters are not marked as special, such as <think> of Qwen; others are
    # just frequent letters, such as rows of spaces.
    return bool(token.special or re.fullmatch("<.*>", token.content))


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}…"
