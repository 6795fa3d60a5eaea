"""What a model costs on each provider, relative to the CPU, on this machine.

    python benchmarks/devices.py MODEL --providers cpu,cuda,tensorrt

Each provider is asked in a process of its own: the proof of the model gives the first and the warm answer to two
prompts about two frames of 640 x 480. A warm answer here reads everything anew, so it is the cost of a full prefill.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.vlm.arguments import add_model_arguments
from vlm_judge_ros.models.vlm.loading import asked_for, load
from vlm_judge_ros.models.vlm.memory import megabytes

ONE = "--one"


def measured(arguments: argparse.Namespace) -> dict[str, Any]:
    """Load the model on one provider in this process, and measure."""
    folder, settings = asked_for(arguments)
    loaded = load(folder, settings)
    proof = loaded.model.proof
    return {
        "runs_on": loaded.model.provider,
        "load_s": loaded.load_s,
        "first_s": proof.first_s,
        "warm_s": proof.warm_s,
        "error": proof.error,
        "process_bytes": loaded.process_bytes,
        "device_bytes": loaded.device_bytes,
    }


def measured_apart(words: list[str], provider: str) -> dict[str, Any]:
    """Measure one provider in a process of its own; what goes wrong is a sentence under "fault"."""
    command = [sys.executable, __file__, ONE, *words, "--providers", provider]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"fault": (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Print a table, or with --json everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", metavar="MODEL", help="folder of a model, or the name of a known one")
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print everything that was measured, for programs")
    parser.add_argument(ONE, action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        try:
            print(json.dumps(measured(arguments)))
        except JudgeError as error:
            print(error, file=sys.stderr)
            return 1
        return 0
    words = [arguments.model, "--max-images", str(arguments.max_images), "--threads", str(arguments.threads)]
    words += ["--precision", arguments.precision] if arguments.precision else []
    words += ["--image-tokens", str(arguments.image_tokens)] if arguments.image_tokens else []
    names = ["cpu", *(name for name in arguments.providers.split(",") if name.strip() != "cpu")]
    results = {name: measured_apart(words, name) for name in names}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return 0
    baseline = results["cpu"].get("warm_s")
    for name, result in results.items():
        if "fault" in result:
            print(f"{name:9} {result['fault']}")
            continue
        times = f" = {result['warm_s'] / baseline:.3f} of the CPU's" if baseline else ""
        print(
            f"{name:9} {result['first_s']:.3f} s first, {result['warm_s']:.3f} s warm{times}; loads in "
            f"{result['load_s']:.1f} s, takes {megabytes(result['process_bytes'])} of memory and "
            f"{megabytes(result['device_bytes'])} of the GPU's"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
