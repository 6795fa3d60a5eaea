from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from models.vlm.tiny import TinyModels

# How long an example takes depends on what else the machine does.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A script's background jobs ignore Ctrl-C, and so would every process that the tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_clips(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Judge nodes that tests start keep their clips in a folder of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-fault-table", action="store_true", help="measure all faults and write docs/faults.md")


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> TinyModels:
    """Tiny models of all families: `tiny_models.get("qwen3_vl").folder`."""
    pytest.importorskip("transformers")
    from models.vlm.tiny import TinyModels

    return TinyModels(tmp_path_factory.mktemp("tiny_models"))
