"""The server of transformers with a tiny model, in a process of its own."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

STARTS_WITHIN_S = 240.0
# The template of chats that the model is given; every one that its processor takes would do.
TEMPLATE = """<|im_start|>{% for message in messages %}{{ message['role'] }}: {% for part in message['content'] %}\
{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}{% endfor %}<end_of_utterance>
{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"""


@dataclass(frozen=True)
class Served:
    """A model that is served.

    Attributes:
        folder: as transformers saved it; also what the server calls the model.
        base_url: up to and including /v1.
        model: the same, loaded here for comparison.
    """

    folder: Path
    base_url: str
    model: Any


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    """Serve for as long as the block runs. The test is skipped where what the server needs is not installed."""
    for needed in ("transformers", "torch", "fastapi", "uvicorn", "accelerate"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not here; install the extra serve-test to run this.")
    if importlib.util.find_spec("transformers.cli.serve") is None:
        pytest.skip("This transformers has no server; install the extra serve-test to run this.")
    model = _save(folder)
    command = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", str(folder)]
    command += ["--host", "127.0.0.1", "--port", "0", "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watchdog = threading.Timer(STARTS_WITHIN_S, process.kill)
    watchdog.start()
    try:
        address, told = "", []
        assert process.stderr is not None
        for line in process.stderr:
            told.append(line)
            found = re.search(r"running on (http://127\.0\.0\.1:\d+)", line)
            if found is not None:
                address = found[1]
                break
        watchdog.cancel()
        assert address, "".join(told[-40:])
        # Nobody reads the rest, and a full pipe would stop the server.
        threading.Thread(target=_drain, args=(process.stderr,), daemon=True).start()
        yield Served(folder, f"{address}/v1", model)
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()


def _save(folder: Path) -> Any:
    from models.vlm.tiny import Tile, save_source

    # Of all families, the processor of this one needs no torchvision.
    model = save_source("idefics3", folder, Tile(side=64, patch=16, merge=2))
    (folder / "chat_template.jinja").write_text(TEMPLATE, encoding="utf-8")
    path = folder / "preprocessor_config.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields |= {"do_image_splitting": False, "size": {"longest_edge": 64}}
    path.write_text(json.dumps(fields), encoding="utf-8")
    return model


def _drain(stream: Any) -> None:
    for _ in stream:
        pass
