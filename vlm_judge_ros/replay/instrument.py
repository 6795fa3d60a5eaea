"""Which instrument judged, in words for a report."""

from __future__ import annotations

from typing import Any


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
