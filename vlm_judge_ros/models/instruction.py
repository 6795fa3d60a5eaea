"""Instructions as numbers, and whether an instruction is one that a model was trained on."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

VECTOR_SIZE = 512


def words(instruction: str) -> frozenset[str]:
    """The words of an instruction, lower case, without punctuation."""
    return frozenset(re.findall(r"[a-z0-9]+", instruction.lower()))


def instruction_vector(instruction: str) -> NDArray[np.float32]:
    """Hash the words of an instruction into a vector of unit length (feature hashing, Weinberger et al. 2009).

    Returns:
        Array of shape (512,); zeros where the instruction has no words.
    """
    vector = np.zeros(VECTOR_SIZE, dtype=np.float32)
    for word in words(instruction):
        vector[zlib.crc32(word.encode()) % VECTOR_SIZE] = 1.0
    length = float(np.linalg.norm(vector))
    return vector / length if length > 0 else vector


def familiarity(instruction: str, known: Iterable[str]) -> float:
    """Share of words that an instruction has in common with the nearest known one (Jaccard index), 0 to 1."""
    asked = words(instruction)
    best = 0.0
    for candidate in known:
        other = words(candidate)
        union = asked | other
        if union:
            best = max(best, len(asked & other) / len(union))
    return best
