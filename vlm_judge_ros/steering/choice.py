"""What was chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Choice:
    """Which candidate to execute.

    Attributes:
        index: of the chosen candidate; None where nobody was chosen, and the caller keeps its own order.
        reason: one sentence.
    """

    index: int | None
    reason: str

    @property
    def abstained(self) -> bool:
        """Whether nobody was chosen."""
        return self.index is None
