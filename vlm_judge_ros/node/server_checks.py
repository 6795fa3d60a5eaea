"""What `vlm-judge doctor` finds out about a server."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from vlm_judge_ros.episode.frame import Frame
from vlm_judge_ros.judges.factory import JudgeOptions
from vlm_judge_ros.judges.proof import proof
from vlm_judge_ros.judges.server_access import open_remote
from vlm_judge_ros.models.model import Capability
from vlm_judge_ros.models.remote.remote_model import RemoteModel
from vlm_judge_ros.models.writer import Writing
from vlm_judge_ros.node.observation import Health, Observation

_SEES = {Capability.SEVERAL_IMAGES}
_READS = _SEES | {Capability.LOG_PROBABILITIES}
_WRITES = _SEES | {Capability.TEXT}
_NEEDS = {
    "token_reward": _READS,
    "frame_ordering": _WRITES,
    "critique": _WRITES,
    "checklist": _WRITES,
    "pairwise": _WRITES,
    "path_choice": _WRITES,
}
_QUESTIONS = 3


def server(name: str, model: str) -> Iterator[Observation]:
    """A server: whether it answers, what it can do, which methods can ask it, and how long an answer takes.

    Args:
        name: of a known kind of server, or the path of a file.
        model: what the server calls the model; empty for what the file says.

    Raises:
        JudgeError: there is no such file, or the server does not answer.
    """
    began_s = time.perf_counter()
    remote = open_remote(JudgeOptions(server=name, model=model))
    try:
        probed = remote.probed
        took_s = time.perf_counter() - began_s
        text = f"{remote.name} answers at {remote.provider}; finding out what it can do took {took_s:.2f} s"
        yield Observation(Health.WELL, "server", text)
        for capability in Capability:
            if capability in remote.capabilities:
                yield Observation(Health.WELL, "server gives", f"{capability.value}{_how(remote, capability)}")
            else:
                text = f"no {capability.value}: {probed.lacks[capability]}"
                yield Observation(Health.ABSENT, "server gives", text)
        able = [method for method, needed in _NEEDS.items() if needed <= remote.capabilities]
        yield Observation(Health.WELL if able else Health.BROKEN, "methods", f"can ask it: {', '.join(able) or 'none'}")
        yield Observation(Health.WELL, "server costs", _latency(remote))
        yield Observation(Health.WELL, "server status", remote.client_status)
    finally:
        remote.close()


def _how(remote: RemoteModel, capability: Capability) -> str:
    probed = remote.probed
    if capability is Capability.LOG_PROBABILITIES and probed.scoring is not None:
        return f", by {probed.scoring.words}"
    if capability is Capability.SCHEMA and probed.schema_form is not None:
        return f", by {probed.schema_form.value}"
    return ""


def _latency(remote: RemoteModel) -> str:
    frames = [key.frame for keyframes in proof(("front", "wrist")).keyframes.values() for key in keyframes]
    shown: tuple[str | Frame, ...] = tuple(frames) if Capability.SEVERAL_IMAGES in remote.capabilities else ()
    latencies_s = []
    for number in range(_QUESTIONS):
        asked_s = time.perf_counter()
        remote.write(Writing((*shown, f"Question {number}: is it done? Answer with one word."), most_tokens=16))
        latencies_s.append(time.perf_counter() - asked_s)
    median_s = statistics.median(latencies_s)
    asked = f"an answer of at most 16 tokens about {len(shown)} small images"
    return f"{median_s * 1e3:.0f} ms {asked}, median of {_QUESTIONS}"
