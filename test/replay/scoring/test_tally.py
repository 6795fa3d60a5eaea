from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from vlm_judge_ros.replay.scoring.progress import Progress
from vlm_judge_ros.replay.scoring.tally import Tally
from vlm_judge_ros.replay.scoring.worker import Failed, Scored
from vlm_judge_ros.replay.sources.recorded_episode import EpisodeDescription, RecordedEpisode


@dataclass
class Known:
    """An episode of which there is no more than a description."""

    description: EpisodeDescription


def tally_of(*keys: str) -> Tally:
    described = [EpisodeDescription(key, key, "task", key, ("front",), 0, 10**9) for key in keys]
    return Tally([cast(RecordedEpisode, Known(each)) for each in described], Progress(described))


def test_episodes_come_in_their_order_and_a_failure_does_not_stop_the_others() -> None:
    tally = tally_of("one", "two", "three")
    for key, news in (("one", Scored("done")), ("two", Failed("broken.")), ("three", Scored("done"))):
        assert tally.goes_on
        assert tally.next_episode().description.key == key
        tally.note(key, news)
    outcome = tally.outcome()
    assert (outcome.scored, list(outcome.failed), outcome.left) == (("one", "three"), ["two"], ())


@pytest.mark.parametrize("scored_meanwhile", [True, False])
def test_after_a_hopeless_failure_nothing_is_handed_out(scored_meanwhile: bool) -> None:
    tally = tally_of("one", "two", "three")
    for _ in range(2):
        tally.next_episode()
    tally.note("one", Failed("The disk is full.", hopeless=True))
    if scored_meanwhile:
        tally.note("two", Scored("done"))
    assert not tally.goes_on
    assert tally.outcome().left == ("three",)
