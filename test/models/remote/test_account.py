from __future__ import annotations

import json
import multiprocessing
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from models.remote.misbehaving_server import MODEL, Server, completion

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.remote.account import Account, account_of
from vlm_judge_ros.models.remote.budget import Ledger
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.errors import BudgetSpent
from vlm_judge_ros.models.remote.settings import Budget, ServerSettings

_QUESTION = {"model": MODEL, "messages": []}
_LIMITS = Budget(calls=8, tokens=3000, money=0.02, input_price=2.0, output_price=4.0)


def _settings(server: Server, **budget: float) -> ServerSettings:
    return ServerSettings.model_validate({"kind": "vllm", "base_url": server.base_url, "budget": budget})


def _reserve(file: Path, limit: int, attempts: int) -> int:
    account = Account(Budget(calls=limit), file)
    return sum(account.reserve(1.0) is not None for _ in range(attempts))


def test_what_a_judge_has_spent_is_spent_for_the_one_that_is_started_again(server: Server) -> None:
    for _ in range(2):
        with Client(_settings(server, calls=2)) as client:
            client.post("chat/completions", _QUESTION)
    with Client(_settings(server, calls=2)) as client, pytest.raises(BudgetSpent, match="2 calls an hour"):
        client.post("chat/completions", _QUESTION)
    assert len(server.received) == 2


def test_two_judges_share_the_budget_of_a_server(server: Server) -> None:
    server.usual = lambda _: completion(tokens=(600, 0))
    budget = _settings(server, tokens=1000)
    with Client(budget) as one, Client(budget) as other:
        one.post("chat/completions", _QUESTION)
        other.post("chat/completions", _QUESTION)
        with pytest.raises(BudgetSpent, match="1000 tokens"):
            one.post("chat/completions", _QUESTION)
        assert "1200 tokens" in other.status


def test_processes_that_reserve_at_the_same_time_stay_within_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        reserved = pool.starmap(_reserve, [(file, 40, 30)] * 3)
    assert sum(reserved) == 40


@settings(max_examples=25)
@given(
    calls=st.lists(
        st.tuples(st.booleans(), st.floats(0.0, 900.0), st.integers(0, 900), st.integers(0, 300)), max_size=25
    )
)
def test_two_accounts_of_one_file_are_one_ledger(calls: list[tuple[bool, float, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        accounts = [Account(_LIMITS, Path(folder) / "account.json") for _ in range(2)]
        ledger, now_s = Ledger(_LIMITS), 0.0
        for which, gap_s, read, written in calls:
            now_s += gap_s
            ours, expected = accounts[which].reserve(now_s), ledger.reserve(now_s, "expected")
            assert (ours is None) == (expected is None)
            if ours is not None and expected is not None:
                accounts[which].settle(ours, read, written)
                ledger.settle(expected, read, written)
            assert accounts[not which].spent(now_s) == ledger.spent(now_s)
            assert accounts[not which].exhausted(now_s) == ledger.exhausted(now_s)


def test_after_a_restart_of_the_machine_the_hour_begins_anew(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    assert _reserve(file, 1, 2) == 1
    book = json.loads(file.read_text())
    file.write_text(json.dumps({**book, "boot": "another"}))
    assert _reserve(file, 1, 2) == 1


def test_without_a_limit_nothing_is_written(cache: Path) -> None:
    account_of("http://127.0.0.1/v1", Budget()).reserve(0.0)
    assert not cache.exists()


@pytest.mark.parametrize("content", ["", "no JSON", '{"boot": "", "entries": [{"key": 1}]}'])
def test_a_file_that_cannot_be_read_is_named_and_stops_the_spending(tmp_path: Path, content: str) -> None:
    file = tmp_path / "account.json"
    file.write_text(content)
    with pytest.raises(JudgeError, match=r"account\.json.*delete it"):
        Account(Budget(calls=1), file).reserve(0.0)


def test_a_folder_that_cannot_be_written_is_named_and_stops_the_spending(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JudgeError, match="XDG_CACHE_HOME"):
        Account(Budget(calls=1), tmp_path / "file" / "account.json").reserve(0.0)
