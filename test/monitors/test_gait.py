from __future__ import annotations

from typing import Any

import pytest
from gaits import Gait, carry, hop, standing, walk
from pydantic import ValidationError
from recording import Recording
from test_step import CONTACTS, FEET, START_NS
from test_walking import told

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.airborne import Airborne
from vlm_judge_ros.monitors.double_support import DoubleSupport
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.monitors.gait_balance import GaitBalance
from vlm_judge_ros.monitors.monitor import EpisodeContext, Monitor, MonitorSpec

WALK = {"swing_s": 0.4, "double_s": 0.1}


def made(kind: type[MonitorSpec], name: str, **fields: Any) -> Monitor:
    return kind.model_validate({"kind": name, "name": name, **FEET, **fields}).make(EpisodeContext(START_NS))


def effects(monitor: Monitor, gait: Gait, recording: Recording | None = None) -> set[Effect]:
    return {finding.effect for finding in told(monitor, gait, recording)[5:]}


@pytest.mark.parametrize("contacts", [{}, CONTACTS])
@pytest.mark.parametrize("rate_hz", [50.0, 200.0])
def test_the_shares_of_a_walk_are_those_it_was_made_with(contacts: dict[str, Any], rate_hz: float) -> None:
    gait, recording = walk(16, pause_s=0.3, **WALK), Recording(rate_hz, noise_m=0.001)
    support = [
        finding.value
        for finding in told(
            made(DoubleSupport, "double_support", min_share=0.01, window_s=4.0, **contacts), gait, recording
        )
    ]
    # In the middle of the walk: 0.1 s of each 0.5 s, and what passes before a foot counts as lifted or landed.
    assert support[50] == pytest.approx(0.2, abs=0.16)
    balance = told(made(GaitBalance, "gait_balance", window_s=4.0, **contacts), gait, recording)
    assert balance[50].value < 0.1
    assert {finding.effect for finding in balance[5:]} == {Effect.NEUTRAL}
    assert effects(made(Airborne, "airborne", **contacts), gait, recording) == {Effect.NEUTRAL}


@pytest.mark.parametrize("contacts", [{}, CONTACTS])
def test_hopping_on_one_foot_is_out_of_balance_and_airborne(contacts: dict[str, Any]) -> None:
    gait = hop(14)
    balance = told(made(GaitBalance, "gait_balance", **contacts), gait)
    failing = [finding for finding in balance if finding.effect is Effect.FAILURE]
    assert failing
    assert (failing[0].layer, failing[0].mode) == (Layer.STRUCTURE, FailureMode.UNSTABLE)
    assert failing[-1].value > 0.9
    assert Effect.FAILURE in effects(
        made(GaitBalance, "gait_balance", of="swings", max_imbalance=0.5, **contacts), gait
    )
    assert Effect.FAILURE in effects(made(Airborne, "airborne", **contacts), gait)


@pytest.mark.parametrize("contacts", [{}, CONTACTS])
def test_a_robot_that_is_lifted_raises_the_alarm_soon_and_until_it_is_set_down(contacts: dict[str, Any]) -> None:
    monitor, gait = made(Airborne, "airborne", **contacts), carry()
    assert not monitor.alarm
    found = told(monitor, gait)
    times_s = [(finding.stamp_ns - START_NS) * 1e-9 for finding in found if finding.effect is Effect.FAILURE]
    assert 1.0 < times_s[0] < 1.6
    assert not monitor.alarm
    failing: list[Finding] = [finding for finding in found if finding.effect is Effect.FAILURE and finding.unit == "s"]
    assert failing[-1].value > 7.0 or failing[-1].value == pytest.approx(5.0, abs=0.2)
    assert failing[0].onset_ns is not None


def test_standing_is_no_gait_and_allows_all() -> None:
    gait = standing(10.0)
    assert effects(made(DoubleSupport, "double_support", max_share=0.5), gait) == {Effect.NEUTRAL}
    assert effects(made(GaitBalance, "gait_balance"), gait) == {Effect.NEUTRAL}
    assert effects(made(Airborne, "airborne"), gait) == {Effect.NEUTRAL}


def test_a_walk_that_hardly_stands_on_both_feet_is_found_and_one_that_drags_on_too() -> None:
    assert Effect.FAILURE in effects(made(DoubleSupport, "double_support", min_share=0.5), walk(16, **WALK))
    slow = walk(16, swing_s=0.4, double_s=1.0)
    assert Effect.FAILURE in effects(made(DoubleSupport, "double_support", max_share=0.5), slow)


@pytest.mark.parametrize(("kind", "name"), [(Airborne, "airborne"), (GaitBalance, "gait_balance")])
def test_a_gait_is_not_known_without_its_signals(kind: type[MonitorSpec], name: str) -> None:
    monitor = made(kind, name)
    assert monitor.findings(START_NS)[0].effect is Effect.BLIND
    told(monitor, walk(4))
    assert monitor.findings(START_NS + 60_000_000_000)[0].effect is Effect.BLIND


@pytest.mark.parametrize(
    "fields", [{}, {"min_share": 0.8, "max_share": 0.2}, {"min_share": 0.1, "left_contact": "left_force"}]
)
def test_limits_that_cannot_work_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"share|contact"):
        made(DoubleSupport, "double_support", **fields)
