"""Tries a provider on a real inference: that it was compiled in says nothing about whether it runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.memory import device_bytes, process_bytes
from vlm_judge_ros.models.vlm.runtime import first_line, load_libraries

GRAPH = Path(__file__).with_name("trial.onnx")
"""A convolution, a product in half precision and a softmax on one picture of 16 x 16 pixels."""
INPUT_SHAPE = (1, 3, 16, 16)

WARM_RUNS = 20
TRIAL_TIMEOUT_S = 300.0
# Half precision has 11 bits, and the shares are at most 1.
_TOLERANCE = 1e-2
_CPU = "CPUExecutionProvider"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a provider did.

    Attributes:
        provider: ONNX Runtime's name of the provider.
        ran: it computed the graph, all of it, and rightly.
        fault: why not, as the runtime said it; empty where it ran.
        first_s: seconds from making the session to its first result; what the GPU needs to wake up is in there.
        warm_s: median seconds of a result after that.
        process_bytes: memory of the process after that; 0 where it cannot be told.
        device_bytes: memory of the GPU that this took; 0 on the CPU and where it cannot be told.
    """

    provider: str
    ran: bool
    fault: str = ""
    first_s: float = 0.0
    warm_s: float = 0.0
    process_bytes: int = 0
    device_bytes: int = 0


def run_trial(provider: str, options: Mapping[str, str] | None = None) -> Trial:
    """Try a provider in this process, on nothing but itself.

    Args:
        provider: ONNX Runtime's name of the provider.
        options: its options.
    """
    load_libraries()
    image = np.random.default_rng(1).random(INPUT_SHAPE, dtype=np.float32)
    before = device_bytes()
    began_s = time.perf_counter()
    try:
        session = _session(provider, options or {})
        (shares,) = session.run(None, {"image": image})
        first_s = time.perf_counter() - began_s
        active = session.get_providers()
        if active[0] != provider:
            return Trial(provider, False, f"the runtime took {active[0]} instead and does not say why")
        latencies_s = []
        for _ in range(WARM_RUNS):
            asked_s = time.perf_counter()
            session.run(None, {"image": image})
            latencies_s.append(time.perf_counter() - asked_s)
    except Exception as error:  # onnxruntime raises classes of its own that share no base
        return Trial(provider, False, first_line(error))
    if provider != _CPU:
        (wanted,) = _session(_CPU, {}).run(None, {"image": image})
        deviation = float(np.abs(shares - wanted).max())
        if not deviation <= _TOLERANCE:
            return Trial(provider, False, f"its result is off by {deviation:.3g}")
    return Trial(
        provider,
        True,
        first_s=first_s,
        warm_s=sorted(latencies_s)[WARM_RUNS // 2],
        process_bytes=process_bytes(),
        device_bytes=0 if provider == _CPU else max(0, device_bytes() - before),
    )


def run_trial_apart(provider: str, options: Mapping[str, str] | None = None) -> Trial:
    """Try a provider in a process of its own, which it may crash, and whose memory is its own."""
    words = [sys.executable, "-m", __name__, json.dumps({"provider": provider, "options": dict(options or {})})]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TRIAL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return Trial(provider, False, f"it did not answer within {TRIAL_TIMEOUT_S:g} s")
    if done.returncode < 0:
        return Trial(provider, False, f"it crashed the process ({signal.Signals(-done.returncode).name})")
    try:
        return Trial(**json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return Trial(provider, False, f"its process ended with status {done.returncode}: {last}")


def _session(provider: str, options: Mapping[str, str]) -> onnxruntime.InferenceSession:
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    # What goes wrong is said by us, once.
    settings.log_severity_level = 4
    if provider != _CPU:
        # Without this, what the provider cannot do is silently done by the processor.
        settings.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    return onnxruntime.InferenceSession(
        GRAPH.read_bytes(), settings, providers=[(provider, dict(options))], enable_fallback=0
    )


def _main(words: list[str]) -> int:
    """The process of `run_trial_apart`: the trial asked for is the first word, what came of it the last line."""
    asked = json.loads(words[0])
    print(json.dumps(asdict(run_trial(asked["provider"], asked["options"]))))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(_main(sys.argv[1:]))
    except JudgeError as error:
        sys.exit(str(error))
