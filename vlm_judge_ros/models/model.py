"""What every model says of itself, wherever it runs."""

from __future__ import annotations

from collections.abc import Set
from enum import Enum
from typing import Protocol

from vlm_judge_ros.errors import JudgeError


class Capability(Enum):
    """What a model can do; the value is the same in words."""

    LOG_PROBABILITIES = "log-probabilities of an answer token"
    TEXT = "written answers"
    SCHEMA = "answers held to a JSON schema"
    SEVERAL_IMAGES = "several images in one question"


class Model(Protocol):
    """A vision-language model."""

    @property
    def name(self) -> str:
        """Name of the model."""

    @property
    def file_hash(self) -> str:
        """First 16 hexadecimal digits of a hash over everything that decides its answers; empty where unknown."""

    @property
    def provider(self) -> str:
        """What it runs on, for example "cuda", or the host part of the address of the server that is asked."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do; of a server what it has shown when it was first asked."""

    def cancel(self) -> None:
        """Make the running call stop as soon as it can. Safe from any thread; nothing happens where none runs."""


def require(model: Model, needed: Set[Capability], method: str) -> None:
    """Make sure that a model can do what a method needs.

    Raises:
        JudgeError: it cannot.
    """
    missing = [capability.value for capability in Capability if capability in needed - model.capabilities]
    if missing:
        raise JudgeError(
            f"The method {method} needs {' and '.join(missing)}, which the model {model.name} on {model.provider} does "
            "not give; choose another method or model, see docs/methods.md."
        )
