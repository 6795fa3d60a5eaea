"""What a column of a dataset says of one episode, as a person who is called like the column would."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from vlm_judge_ros.replay.labels.label import LONGEST_RATER, Label


class ColumnScore(BaseModel):
    """What one column says of an episode. None: it does not say.

    Attributes:
        column: its name.
        score: how far the task came, 0 to 1.
        success: whether the task was done at the end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str = Field(min_length=1, max_length=LONGEST_RATER)
    score: float | None = Field(default=None, ge=0.0, le=1.0)
    success: bool | None = None

    def label(self, episode: str) -> Label:
        """The same as a label whose rater is the column.

        Args:
            episode: key of the episode.
        """
        return Label(episode=episode, score=self.score, success=self.success, rater=self.column)
