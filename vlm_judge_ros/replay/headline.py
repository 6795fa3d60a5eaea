"""The result of one judged episode in a sentence."""

from __future__ import annotations

from vlm_judge_ros.replay.trace import EpisodeTrace
from vlm_judge_ros.verdict.verdict import State


def headline(trace: EpisodeTrace) -> str:
    """Say whether the verdict was right, and for a failure how many seconds after its onset it was recognised."""
    if trace.truth is None:
        return _without_truth(trace)
    if trace.truth.outcome == "success":
        return _of_success(trace)
    return _of_failure(trace)


def _without_truth(trace: EpisodeTrace) -> str:
    if trace.recognised_s is not None:
        return f"Failure reported at {trace.recognised_s:.1f} s. How the episode really went is not recorded."
    return f"The final state is {trace.final_state.name}. How the episode really went is not recorded."


def _of_success(trace: EpisodeTrace) -> str:
    if trace.recognised_s is not None:
        return f"False alarm: a failure was reported at {trace.recognised_s:.1f} s, and the episode is a success."
    succeeded = next((ruling for ruling in trace.rulings if ruling.state is State.SUCCEEDED), None)
    if succeeded is None:
        return f"The success was not recognised; the final state is {trace.final_state.name}."
    if trace.final_state is not State.SUCCEEDED:
        lost = f"and lost again; the final state is {trace.final_state.name}"
        return f"Success recognised at {succeeded.known_s:.1f} s {lost}."
    return f"Success recognised at {succeeded.known_s:.1f} s of {trace.duration_s:.1f} s; no false alarm."


def _of_failure(trace: EpisodeTrace) -> str:
    began = "" if trace.onset_s is None else f" that began at {trace.onset_s:.1f} s"
    if any(ruling.state is State.SUCCEEDED for ruling in trace.rulings):
        return f"Wrong: success was reported for the failure{began}."
    if trace.recognised_s is None:
        return f"The failure{began} was not recognised; the final state is {trace.final_state.name}."
    recognised = f"Failure recognised at {trace.recognised_s:.1f} s"
    if trace.onset_s is None:
        return f"{recognised}."
    delay_s = trace.recognised_s - trace.onset_s
    when = f"{delay_s:.1f} s after" if delay_s >= 0 else f"{-delay_s:.1f} s before"
    return f"{recognised}, {when} it began at {trace.onset_s:.1f} s."
