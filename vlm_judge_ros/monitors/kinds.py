"""All kinds of monitors that a task file may declare."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from vlm_judge_ros.monitors.threshold import Threshold

AnyMonitor: TypeAlias = Annotated[Threshold, Field(discriminator="kind")]
"""One of the kinds, told apart by the field `kind`."""
