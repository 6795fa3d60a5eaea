from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from replay.episode_bag import EpisodeBag
from replay.outputs.judged_by_hand import update

from vlm_judge_ros.models.cost import Cost
from vlm_judge_ros.replay.outputs.verdict_lines import LATENCIES, VerdictLines
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode


@pytest.mark.parametrize(
    ("cost", "told"),
    [(Cost(300.0, 3.0, 0.25), {"input_tokens": 300.0, "output_tokens": 3.0, "money": 0.25}), (Cost(), None)],
)
def test_what_an_answer_took_and_cost_is_a_line_and_null_where_it_is_not_known(
    cost: Cost, told: dict[str, float] | None, tmp_path: Path
) -> None:
    output = VerdictLines.open(BagEpisode.find(EpisodeBag(duration_s=1.0).write(tmp_path)), tmp_path)
    answer = update()
    answer = replace(answer, opinion=replace(answer.opinion, cost=cost))
    output.progress(answer, 0)
    output.review(answer, 0)
    output.abandon()
    lines = [json.loads(line) for line in (tmp_path / LATENCIES).read_text().splitlines()]
    assert [line["judge"] for line in lines] == ["judge", "review"]
    for line in lines:
        assert {name: line[name] for name in ("input_tokens", "output_tokens", "money")} == (
            told or dict.fromkeys(("input_tokens", "output_tokens", "money"))
        )
        assert line["latency_s"] == 0.25
