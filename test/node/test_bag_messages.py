"""Messages that are made without ROS say the same as those that ROS makes."""

from __future__ import annotations

import pytest
from rclpy.serialization import serialize_message
from replay.outputs.judged_by_hand import FAILURE, FINDING, VERDICT, update

from vlm_judge_ros.clips.message_types import MessageTypes
from vlm_judge_ros.node.conversion import failure_message, findings_message, progress_message, verdict_message
from vlm_judge_ros.replay.outputs.judge_topics import BagMessages
from vlm_judge_ros.verdict.verdict import Provenance, State, Verdict

pytest.importorskip("mcap")


EMPTY = Verdict(stamp_ns=0, state=State.UNKNOWN, reason="Nothing yet.", provenance=Provenance(software_version="0"))


@pytest.fixture(scope="module")
def bag() -> BagMessages:
    return BagMessages()


def same(bag: BagMessages, made: object, real: object) -> None:
    types = MessageTypes()
    kind = made.__msgtype__  # type: ignore[attr-defined]
    types.learn(kind)
    sent = types.exact(bytes(serialize_message(real)), kind)
    # Read and written once more: Fast DDS leaves what it finds in memory between two fields, and behind the last one.
    assert bag.serialized(made) == types.store.serialize_cdr(types.store.deserialize_cdr(sent, kind), kind)


@pytest.mark.parametrize("verdict", [VERDICT, EMPTY])
def test_verdicts(bag: BagMessages, verdict: Verdict) -> None:
    same(bag, bag.make.verdict(verdict), verdict_message(verdict))


def test_progress(bag: BagMessages) -> None:
    same(bag, bag.make.progress(update()), progress_message(update()))


def test_failures(bag: BagMessages) -> None:
    same(bag, bag.make.failure(FAILURE, "file:///clip"), failure_message(FAILURE, "file:///clip"))


def test_findings(bag: BagMessages) -> None:
    same(bag, bag.make.findings(5, "one", (FINDING,)), findings_message(5, "one", (FINDING,)))
