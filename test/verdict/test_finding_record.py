from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from vlm_judge_ros.episode.failure_mode import FailureMode
from vlm_judge_ros.monitors.finding import Effect, Finding, Layer, Severity
from vlm_judge_ros.verdict.verdict import FindingRecord

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.just(math.nan)
FINDINGS = st.builds(
    Finding,
    layer=st.sampled_from(Layer),
    name=st.text(min_size=1),
    source=st.text(),
    effect=st.sampled_from(Effect),
    text=st.text(min_size=1),
    stamp_ns=st.integers(0, 2**62),
    onset_ns=st.none() | st.integers(0, 2**62),
    severity=st.sampled_from(Severity),
    mode=st.sampled_from(FailureMode),
    value=NUMBERS,
    limit=NUMBERS,
    unit=st.text(),
)


@given(FINDINGS)
def test_a_finding_comes_back_from_its_record(finding: Finding) -> None:
    back = FindingRecord.of(finding).finding()
    assert repr(back) == repr(finding)  # in which NaN equals NaN
