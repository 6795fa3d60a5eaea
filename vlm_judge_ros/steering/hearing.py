"""What was heard from a judge about candidates, and when it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from vlm_judge_ros.judges.opinion import Opinion
from vlm_judge_ros.steering.questions import Prepared, scores_of
from vlm_judge_ros.steering.selection import SelectionRules, is_settled

Heard: TypeAlias = "Opinion | str | None"
"""What came of a question: the opinion, why there is none, or None where nothing has come yet."""

NOT_ASKED = "Nobody asked, because it could not have changed the choice."


def heard_of(opinion: Opinion) -> Opinion | str:
    """What counts of an opinion: itself, or the reason where the judge could not say."""
    return (opinion.reason or "The judge could not say how far the task would be.") if opinion.declined else opinion


def is_enough(prepared: Prepared, heard: Sequence[Heard], rules: SelectionRules) -> bool:
    """Whether nothing that may still be heard can change the choice.

    One candidate alone is scored all the same: whoever asks about one wants its score.
    """
    in_play = len(prepared.request.candidates) - len(prepared.excluded)
    return in_play > 1 and is_settled(scores_of(prepared, heard), rules)
