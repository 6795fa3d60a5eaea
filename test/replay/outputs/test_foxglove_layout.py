"""The shipped layout of Foxglove shows what scored bags hold. Foxglove itself is not run here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from replay.episode_bag import EpisodeBag
from replay.outputs.judged_by_hand import judge_by_hand
from rosbags.typesys import get_types_from_msg

from vlm_judge_ros.config_folder import config_folder
from vlm_judge_ros.replay.bag import Bag
from vlm_judge_ros.replay.outputs.judge_topics import BagMessages, constants_beside_fields, quality
from vlm_judge_ros.replay.sources.bag_episode import BagEpisode

LAYOUT: dict[str, Any] = json.loads((config_folder("foxglove") / "judge.json").read_text())
PANELS = {"Image", "Plot", "StateTransitions", "RawMessages", "Table"}
PATH = re.compile(r"(?P<topic>/[\w/]+)(?P<fields>(\.\w+(\[:\])?)*)")


def leaves(place: Any) -> Iterator[str]:
    if isinstance(place, str):
        yield place
        return
    assert place["direction"] in ("row", "column")
    assert 0 < place["splitPercentage"] < 100
    yield from leaves(place["first"])
    yield from leaves(place["second"])


def shown(config: dict[str, Any]) -> Iterator[str]:
    if "imageMode" in config:
        yield config["imageMode"]["imageTopic"]
    if "topicPath" in config:
        yield config["topicPath"]
    for path in config.get("paths", ()):
        assert path["timestampMethod"] == "receiveTime"
        yield path["value"]


def test_it_has_what_a_layout_has() -> None:
    assert set(LAYOUT) == {"configById", "globalVariables", "userNodes", "playbackConfig", "layout"}
    placed = list(leaves(LAYOUT["layout"]))
    assert sorted(placed) == sorted(LAYOUT["configById"])
    assert {panel.split("!")[0] for panel in placed} == PANELS


def test_every_topic_and_field_that_it_names_is_in_a_scored_bag(tmp_path: Path) -> None:
    pytest.importorskip("mcap")
    from vlm_judge_ros.replay.outputs.scored_mcap import FOLDER, ScoredMcap

    episode = BagEpisode.find(EpisodeBag(duration_s=1.0).write(tmp_path))
    judge_by_hand(episode, ScoredMcap.open(episode, tmp_path))
    with Bag(tmp_path / FOLDER) as bag:
        topics = {topic.topic: topic for topic in bag.recorded_topics}
    paths = [path for config in LAYOUT["configById"].values() for path in shown(config)]
    assert len(paths) == 13
    for path in paths:
        match = PATH.fullmatch(path)
        assert match, path
        topic = topics[match["topic"]]
        types = get_types_from_msg(topic.definition, topic.type)
        kind = topic.type
        for field in filter(None, match["fields"].split(".")):
            fields = dict(types[kind][1])
            _, of = fields[field.removesuffix("[:]")]
            kind = of if isinstance(of, str) else of[0][1] if isinstance(of[0], tuple) else of[0]


def test_names_of_states_stand_beside_their_field() -> None:
    """Foxglove names a number where the constants of its type come right before the field."""
    text = BagMessages().topic("/verdict", "vlm_judge_ros/msg/Verdict", quality(1)).definition
    lines = text.splitlines()
    place = lines.index("uint8 state")
    assert [line.split("=")[0] for line in lines[place - 6 : place]] == [
        f"uint8 STATE_{name}" for name in ("UNKNOWN", "PROGRESSING", "STALLED", "REGRESSING", "FAILED", "SUCCEEDED")
    ]
    assert lines[lines.index("uint8 effect") - 1] == "uint8 EFFECT_REGRESS=5"


def test_moved_constants_leave_the_type_what_it_is() -> None:
    text = "int8 STATE_A=1\nuint8 FREE_B=2\nstring state\nint8 state\nint8 c\n"
    assert constants_beside_fields(text) == "uint8 FREE_B=2\nstring state\nint8 STATE_A=1\nint8 state\nint8 c\n"
    for kind in ("Verdict", "Failure", "Findings", "Progress"):
        known = BagMessages()
        topic = known.topic("/any", f"vlm_judge_ros/msg/{kind}", quality(1))
        again = get_types_from_msg(topic.definition, topic.type)
        fields = {name: fields for name, (_, fields) in again.items()}
        assert fields == {name: known._known.store.fielddefs[name][1] for name in again}
        constants = {name: set(map(str, constants)) for name, (constants, _) in again.items()}
        assert constants == {name: set(map(str, known._known.store.fielddefs[name][0])) for name in again}
