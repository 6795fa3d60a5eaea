from __future__ import annotations

import math
from pathlib import Path

import pytest
from models.remote.misbehaving_server import MODEL, Reply, Server, completion, status

from vlm_judge_ros.errors import JudgeError
from vlm_judge_ros.models.cost import Cost, billed
from vlm_judge_ros.models.remote.client import Client
from vlm_judge_ros.models.remote.errors import BudgetSpent, Overloaded
from vlm_judge_ros.models.remote.settings import Budget, Patience, ServerSettings
from vlm_judge_ros.models.remote.usage import Usage

_QUESTION = {"model": MODEL, "messages": []}


def _settings(server: Server, **budget: float) -> ServerSettings:
    return ServerSettings.model_validate(
        {
            "kind": "vllm",
            "base_url": server.base_url,
            "patience": Patience(backoff_s=0.01),
            "budget": Budget.model_validate(budget),
        }
    )


def test_no_more_calls_are_sent_than_the_hour_may_have(server: Server) -> None:
    now_s = [0.0]
    with Client(_settings(server, calls=5), clock=lambda: now_s[0]) as client:
        with pytest.raises(BudgetSpent, match=r"5 calls an hour.*60 min"):
            client.post_all("chat/completions", [_QUESTION] * 20)
        assert len(server.received) <= 5
        with pytest.raises(BudgetSpent):
            client.post_all("chat/completions", [_QUESTION] * 20)
        assert len(server.received) <= 5
        assert "is spent" in client.status
        now_s[0] = 3600.0
        client.post("chat/completions", _QUESTION)
        assert "is spent" not in client.status


def test_retries_are_paid_for_and_stop_when_nothing_is_left(server: Server) -> None:
    server.usual = lambda _: status(500)
    with Client(_settings(server, calls=2)) as client:
        with pytest.raises(Overloaded):
            client.post("chat/completions", _QUESTION)
        assert len(server.received) == 2


def test_tokens_and_money_are_counted_as_the_server_tells(server: Server) -> None:
    server.usual = lambda _: completion(tokens=(1000, 500))
    with Client(_settings(server, money=0.01, input_price=2.0, output_price=4.0)) as client:
        for _ in range(3):
            client.post("chat/completions", _QUESTION)
        assert client.usage == Usage(3, 3, 0, 3000, 1500, pytest.approx(0.012))
        with pytest.raises(BudgetSpent, match="currency"):
            client.post("chat/completions", _QUESTION)


def test_tokens_of_native_answers_are_counted(server: Server) -> None:
    server.next(
        Reply({"content": "a", "tokens_evaluated": 30, "tokens_predicted": 1}),
        Reply({"response": "a", "prompt_eval_count": 40, "eval_count": 2}),
        Reply({"text": "a", "meta_info": {"prompt_tokens": 50, "completion_tokens": 3}}),
    )
    with Client(_settings(server, tokens=100)) as client:
        for _ in range(3):
            client.post("/native", {})
        assert (client.usage.tokens_read, client.usage.tokens_written) == (120, 6)
        with pytest.raises(BudgetSpent, match="100 tokens"):
            client.post("/native", {})


@pytest.mark.parametrize("tokens", [None, (-5, -5)])
def test_a_budget_that_cannot_be_kept_is_refused(server: Server, tokens: tuple[int, int] | None) -> None:
    server.usual = lambda _: completion(tokens=tokens)
    with Client(_settings(server, tokens=1000)) as client, pytest.raises(JudgeError, match=r"set budget\.calls"):
        client.post("chat/completions", _QUESTION)


def test_a_question_is_told_what_its_answers_cost_and_not_what_others_did(server: Server) -> None:
    server.usual = lambda _: completion(tokens=(1000, 500))
    with Client(_settings(server, input_price=2.0, output_price=4.0)) as client:
        client.post("chat/completions", _QUESTION)
        with billed() as bill:
            client.post_all("chat/completions", [_QUESTION] * 3)
            client.get("models")
            with billed() as other:
                client.post("chat/completions", _QUESTION)
        assert bill.total == Cost(3000.0, 1500.0, pytest.approx(0.012))
        assert other.total == Cost(1000.0, 500.0, pytest.approx(0.004))


def test_what_a_server_does_not_tell_is_not_known_and_never_nothing(server: Server) -> None:
    server.next(completion(tokens=(1000, 500)), completion(tokens=None), completion(tokens=(1000, 500)))
    with Client(_settings(server)) as client, billed() as bill:
        assert math.isnan(bill.total.input_tokens)
        client.post("chat/completions", _QUESTION)
        assert (bill.total.input_tokens, bill.total.output_tokens) == (1000.0, 500.0)
        assert math.isnan(bill.total.money)  # there are no prices
        client.post_all("chat/completions", [_QUESTION] * 2)
        assert math.isnan(bill.total.input_tokens)
        assert math.isnan(bill.total.output_tokens)


def test_a_recording_tells_what_its_answers_cost(server: Server, tmp_path: Path) -> None:
    server.usual = lambda _: completion(tokens=(1000, 500))
    settings = _settings(server, input_price=2.0, output_price=4.0)
    with Client(settings, record=tmp_path / "exchanges") as client:
        client.post("chat/completions", _QUESTION)
    with Client(settings, replay=tmp_path / "exchanges") as client, billed() as bill:
        client.post("chat/completions", _QUESTION)
    assert bill.total == Cost(1000.0, 500.0, pytest.approx(0.004))


def test_what_costs_no_tokens_needs_no_count(server: Server) -> None:
    with Client(_settings(server, tokens=1000)) as client:
        client.get("models")
