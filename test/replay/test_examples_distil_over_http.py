"""Distillation with a model behind an address: every answer goes over HTTP, and can be replayed without it."""

from __future__ import annotations

import base64
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from models.remote import kinds
from models.remote.misbehaving_server import MODEL, Received, Reply, completion, serving, status
from replay.episode_bag import EpisodeBag
from replay.square import square_place

from vlm_judge_ros import cli
from vlm_judge_ros.episode.compressed_image import CompressedImage
from vlm_judge_ros.judges.example_bank import ExampleBank


def seeing(received: Received) -> Reply:
    """Says of every moment how far the square has moved."""
    content = received.body["messages"][-1]["content"]
    entries = []
    for label, piece in pairwise(content):
        found = re.search(r"Moment ([1-9]\d*), front camera:$", label.get("text", ""))
        if found is not None and piece["type"] == "image_url":
            jpeg = base64.b64decode(piece["image_url"]["url"].partition(",")[2])
            place = square_place(CompressedImage(jpeg).rgb())
            entries.append({"moment": int(found[1]), "description": "a square", "percent": place})
    # What asks for no moments is the question what the server can do.
    return completion(json.dumps({"moments": entries})) if entries else kinds.answered(received)


def test_a_model_on_a_server_is_distilled_and_its_answers_can_be_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = EpisodeBag(name="done", duration_s=2.0).write(tmp_path)
    worse = EpisodeBag(name="stalled", duration_s=2.0, failure_mode="STALL", onset_s=0.6).write(tmp_path)
    settings, recording = tmp_path / "server.yaml", tmp_path / "exchanges.jsonl"
    words = [
        "examples",
        "distil",
        str(better),
        str(worse),
        "--server",
        str(settings),
        "--samples",
        "2",
        "--frames",
        "4",
    ]
    banks = [ExampleBank(tmp_path / name) for name in ("live", "replayed", "failed")]
    with serving() as server:
        server.usual = seeing
        settings.write_text(yaml.safe_dump({"kind": "other", "base_url": server.base_url, "model": MODEL}))
        assert cli.main([*words, "--bank", str(banks[0].folder), "--record", str(recording)]) == 0
        asked = [request.body for request in server.received if request.body and "seed" in request.body]
        assert {body["temperature"] for body in asked if body["temperature"]} == {0.7}
    assert cli.main([*words, "--bank", str(banks[1].folder), "--replay", str(recording)]) == 0
    live, replayed = banks[0].read(), banks[1].read()
    assert live.content_hash == replayed.content_hash
    assert live.examples[0].failure_mode.name == "STALL" and f"of {MODEL}" in live.examples[0].made_by
    capsys.readouterr()
    with serving() as server:
        server.usual = lambda received: status(500)
        settings.write_text(
            yaml.safe_dump(
                {"kind": "other", "base_url": server.base_url, "model": MODEL, "patience": {"most_retries": 0}}
            )
        )
        assert cli.main([*words, "--bank", str(banks[2].folder)]) == 1
    told = capsys.readouterr().err
    assert told.startswith("vlm-judge: ") and told.count("\n") == 1
    assert not banks[2].folder.exists()
