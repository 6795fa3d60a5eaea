"""Which instrument judged: for programs, and in words for a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Instrument:
    """What decided the answers of an episode; fields as of `Provenance`, empty where there is none.

    Attributes:
        task: name of the task in its task file; empty where none declares it.
    """

    model: str
    model_hash: str
    provider: str
    method: str
    prompt_set: str
    prompt_hash: str
    calibration: str
    judge_card: str
    task: str
    software_version: str

    @classmethod
    def of(cls, source: Any) -> Instrument:
        """Take over a `Provenance`, or the message of the same fields."""
        return cls(
            model=source.model,
            model_hash=source.model_hash,
            provider=source.provider,
            method=source.method,
            prompt_set=source.prompt_set,
            prompt_hash=source.prompt_hash,
            calibration=source.calibration,
            judge_card=source.judge_card,
            # Its name, a space and a hash.
            task=source.task_file.rpartition(" ")[0],
            software_version=source.software_version,
        )


def instrument(source: Any) -> dict[str, str]:
    """Label to text; what was not told is left out.

    Args:
        source: a `Provenance`, or the message of the same fields; None for none.
    """
    if source is None:
        return {}
    lines = {
        "model": f"{source.model} {source.model_hash}".strip(),
        "runs on": source.provider,
        "method": source.method,
        "prompts": f"{source.prompt_set} {source.prompt_hash}".strip(),
        "calibration": source.calibration,
        "judge card": source.judge_card,
        "task file": source.task_file,
        "software": f"vlm_judge_ros {source.software_version}",
    }
    return {label: text for label, text in lines.items() if text}
