"""The SROS 2 policy grants each node what it uses by default, and nothing else."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench import Bench
from judge_process import JudgeProcess
from stop_process import StopProcess

from vlm_judge_ros import srv

POLICY = Path(__file__).parents[2] / "config" / "sros2" / "vlm_judge.policy.xml"
NAMESPACE = "guarded"
# Humble's nodes have no such service.
SINCE_JAZZY = {"get_type_description"}


def granted(enclave: str, kind: str, qualifier: str) -> set[str]:
    """Names that a policy allows, as the node would resolve them in the namespace of the test."""
    root = ElementTree.parse(POLICY).getroot()
    profile = root.find(f"./enclaves/enclave[@path='/vlm_judge/{enclave}']/profiles/profile")
    assert profile is not None
    names = {
        (entry.text or "").strip()
        for rule in profile.findall(f"{kind}s[@{qualifier}='ALLOW']")
        for entry in rule.findall(kind)
    }
    shared = {"/diagnostics", "/parameter_events", "/rosout"}
    return {name if name in shared else resolved(name, profile.get("node", "")) for name in names}


def resolved(name: str, node: str) -> str:
    if name.startswith("~/"):
        return f"/{NAMESPACE}/{node}/{name[2:]}"
    return f"/{NAMESPACE}{name if name.startswith('/') else f'/{name}'}"


def used(bench: Bench, node: str) -> dict[str, set[str]]:
    """What a running node publishes, hears and offers, as the graph has it."""
    asked: dict[str, Callable[..., list[Any]]] = {
        "publish": bench.node.get_publisher_names_and_types_by_node,
        "subscribe": bench.node.get_subscriber_names_and_types_by_node,
        "reply": bench.node.get_service_names_and_types_by_node,
    }
    return {qualifier: {name for name, _ in ask(node, f"/{NAMESPACE}")} for qualifier, ask in asked.items()}


@pytest.fixture(scope="module")
def nodes(bench: Bench, start: Callable[..., JudgeProcess], tmp_path_factory: pytest.TempPathFactory) -> Any:
    judge = start(NAMESPACE, task="watch")
    stop = StopProcess(bench, NAMESPACE, tmp_path_factory.mktemp("log") / "stop.txt", {}, {})
    bench.until(lambda: stop.states, "the stop node")
    yield judge
    stop.end()


@pytest.mark.parametrize("enclave, node", [("judge", "judge_node"), ("safety_stop", "safety_stop_node")])
def test_the_policy_grants_a_node_exactly_what_it_uses(bench: Bench, nodes: Any, enclave: str, node: str) -> None:
    allowed = {
        "publish": granted(enclave, "topic", "publish"),
        "subscribe": granted(enclave, "topic", "subscribe"),
        "reply": granted(enclave, "service", "reply"),
    }

    def agrees() -> bool:
        found = used(bench, node)
        return all(found[qualifier] | later(names) == names for qualifier, names in allowed.items())

    try:
        bench.until(agrees, f"{node} to use what its policy grants")
    except AssertionError:
        assert used(bench, node) == allowed
        raise


def later(names: set[str]) -> set[str]:
    return {name for name in names if name.rpartition("/")[2] in SINCE_JAZZY}


def test_the_operator_is_granted_only_what_the_nodes_offer() -> None:
    offered = {name for node in ("judge", "safety_stop") for name in granted(node, "service", "reply")}
    told = {name for node in ("judge", "safety_stop") for name in granted(node, "topic", "publish")}
    assert granted("operator", "service", "request") <= offered
    assert granted("operator", "topic", "subscribe") <= told


@pytest.mark.parametrize(
    "task",
    ["", " " * 50, "a" * 1001, "two\nlines", "bell\a", "\u202ereversed"],
    ids=["empty", "blank", "long", "lines", "bell", "reversed"],
)
def test_a_stranger_cannot_set_a_task_that_is_no_text(nodes: JudgeProcess, bench: Bench, task: str) -> None:
    answer = bench.call(srv.SetTask, f"/{NAMESPACE}/judge_node/set_task", task=task, restart=True)
    assert not answer.success
    assert answer.message.endswith(".")
    assert {verdict.task for verdict in nodes.verdicts} <= {"", "watch"}
