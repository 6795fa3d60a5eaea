"""Lets something happen while a model works."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from vlm_judge_ros.models.vlm.local import LocalModel


def in_another_thread(act: Callable[[], None]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join()


def wrap_session(patched: pytest.MonkeyPatch, model: LocalModel, graph: str, act: Callable[[], None]) -> None:
    """Let something happen after a graph was checked and before the runtime works on it."""
    owner = model.vision if graph == "vision" else model.engine._decoder

    class Session:
        def __init__(self, session: Any) -> None:
            self._session = session

        def __getattr__(self, name: str) -> Any:
            return getattr(self._session, name)

        def run_with_iobinding(self, binding: Any, options: Any) -> None:
            act()
            self._session.run_with_iobinding(binding, options)

    patched.setattr(owner._graph, "_session", Session(owner._graph._session))
