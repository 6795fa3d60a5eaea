"""What `vlm-judge doctor` finds out about what a vision-language model would run on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

from vlm_judge_ros.models.vlm.architectures import described
from vlm_judge_ros.models.vlm.memory import in_words, megabytes
from vlm_judge_ros.models.vlm.providers import choose, surroundings, try_provider
from vlm_judge_ros.models.vlm.remedies import Surroundings, package_warning
from vlm_judge_ros.models.vlm.runtime import PROVIDERS
from vlm_judge_ros.models.vlm.trial import Trial
from vlm_judge_ros.node.observation import Health, Observation


def devices() -> Iterator[Observation]:
    """The board, its GPU, ONNX Runtime, and each provider after a real inference."""
    around = surroundings()
    yield from described_surroundings(around)
    for name in PROVIDERS:
        yield provider(name, try_provider(name, apart=True), around)


def described_surroundings(around: Surroundings) -> Iterator[Observation]:
    """The board, its GPU and the installed ONNX Runtime, in words."""
    if around.jetson is not None:
        yield Observation(Health.WELL, "board", around.jetson.description)
    gpu = around.gpu
    if gpu is None:
        yield Observation(Health.ABSENT, "GPU", around.no_gpu)
    else:
        major, minor = gpu.compute_capability
        memory = "shared with the processor" if gpu.is_integrated else "of its own"
        text = f"{gpu.name}, sm_{major}{minor}, {megabytes(gpu.memory_bytes)} of memory {memory}"
        yield Observation(Health.WELL, "GPU", text)
    compiled = f", its GPU code for {described(around.compiled_for)}" if around.compiled_for else ""
    providers = ", ".join(name for name, long in PROVIDERS.items() if long in around.runtime.providers)
    text = f"{around.runtime.description}, compiled for {providers}{compiled}"
    yield Observation(Health.WELL, "ONNX Runtime", text)
    warning = package_warning(around.runtime)
    if warning:
        loses = around.runtime.package != "onnxruntime-gpu"
        yield Observation(Health.BROKEN if loses else Health.WELL, "packages", warning)


def provider(name: str, trial: Trial, around: Surroundings) -> Observation:
    """How one provider did. It is broken where it was installed for a GPU that is there, and does not run on it."""
    subject = f"on {name}"
    if trial.ran:
        memory = in_words(trial.process_bytes, trial.device_bytes)
        latency = f"{trial.first_s * 1e3:.0f} ms the first inference, {trial.warm_s * 1e3:.3f} ms the next"
        text = f"really runs: {latency}, {memory}"
        return Observation(Health.WELL, subject, text)
    has_gpu = around.gpu is not None or around.jetson is not None
    is_broken = name == "cpu" or (has_gpu and PROVIDERS[name] in around.runtime.providers)
    return Observation(Health.BROKEN if is_broken else Health.ABSENT, subject, trial.fault)


def model(arguments: argparse.Namespace) -> Iterator[Observation]:
    """A vision-language model, loaded and proved as the judge does it.

    Raises:
        ModelBroken: its files do not belong together, or do not run.
        JudgeError: there is no such model, or nothing that was asked for runs here.
    """
    # Imported here: what a vision-language model needs may be missing, and the rest is told all the same.
    from vlm_judge_ros.models.vlm.loading import asked_for, load

    folder, settings = asked_for(arguments)
    # Why the others do not run is told by the line of each.
    loaded = load(folder, replace(settings, providers=choose(settings.providers).names))
    name = f"{loaded.model.name} {loaded.model.file_hash}"
    yield Observation(Health.WELL, "model", f"{name} really runs on {loaded.model.provider}")
    yield Observation(Health.WELL, "model costs", loaded.cost)
    yield Observation(Health.WELL, "model answers", loaded.model.proof.status)
