"""What the scripted server answers in the place of servers of each kind, as far as a judge asks them.

Each believes in the answer True the more, the brighter the last image is that it is shown.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from models.remote.misbehaving_server import MODEL, Received, Reply, Server, completion, serving, status

from vlm_judge_ros.models.remote.settings import Patience, ServerKind, ServerSettings

IDS = {" True": 11, "True": 12, " False": 13, " Maybe": 14, " It": 15}
TEXTS = {number: text for text, number in IDS.items()}
STANDARD = frozenset(
    {"model", "messages", "temperature", "max_tokens", "logprobs", "top_logprobs", "response_format", "seed"}
)


def settings_of(server: Server, kind: ServerKind = ServerKind.OTHER, **changes: Any) -> ServerSettings:
    """Settings that reach it, without patience."""
    usual: dict[str, Any] = {
        "kind": kind,
        "base_url": server.base_url,
        "patience": Patience(timeout_s=10.0, most_retries=0, backoff_s=0.01),
    }
    return ServerSettings(**{**usual, **changes})


def brightness(image: str) -> float:
    """0 for black, 1 for white; of a data URL or of what follows its comma."""
    data = np.frombuffer(base64.b64decode(image.rpartition(",")[2]), np.uint8)
    return float(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE).mean()) / 255.0


def parts(body: Mapping[str, Any], kind: str) -> list[str]:
    """The texts or the image URLs of the last message."""
    content = body["messages"][-1]["content"]
    found = [part[kind] for part in content if part["type"] == kind]
    return [part["url"] if kind == "image_url" else part for part in found]


def belief(images: list[str]) -> float:
    """Log-probability of True: -8 for black, near 0 for white."""
    return 8.0 * ((brightness(images[-1]) if images else 0.5) - 1.0) - 0.01


def listed(images: list[str], space: str, count: int) -> list[tuple[str, float]]:
    """The most probable tokens, best first."""
    true = belief(images)
    rest = math.log(-math.expm1(true))
    tokens = [(f"{space}True", true), (" False" if space else "False", rest - 0.5), (f"{space}Maybe", rest - 2.0)]
    return sorted(tokens, key=lambda token: -token[1])[:count]


def answered(received: Received) -> Reply:
    """A chat that knows the whole protocol."""
    body = received.body
    form = body.get("response_format", {})
    if form.get("type") == "json_schema":
        return completion(json.dumps(fitting(form["json_schema"]["schema"])))
    if form.get("type") == "json_object":
        return completion("{}")
    top = listed(parts(body, "image_url"), "", body.get("top_logprobs", 0)) if body.get("logprobs") else None
    return completion("True", top=top)


def fitting(schema: Mapping[str, Any]) -> Any:
    """Something that fits a simple schema."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        return {name: fitting(entry) for name, entry in schema["properties"].items()}
    return {"string": "word", "number": 0.5, "integer": 1, "array": [], "boolean": True}[schema["type"]]


def vllm(received: Received) -> Reply:
    if received.path == "/tokenize":
        text = received.body["prompt"]
        return Reply({"tokens": [IDS[text]] if text in IDS else [1, 2], "count": 1, "max_model_len": 4096})
    reply = answered(received)
    if received.body.get("return_tokens_as_token_ids"):
        # The template ends in the user's turn, so that the answer carries a space; asked-for ids are told in any case.
        assert received.body["continue_final_message"] and received.body["add_generation_prompt"] is False
        tokens = listed(parts(received.body, "image_url"), " ", 1)
        known = dict(listed(parts(received.body, "image_url"), " ", 9))
        tokens += [(TEXTS[number], known[TEXTS[number]]) for number in received.body.get("logprob_token_ids", [])]
        reply = completion("x", top=[(f"token_id:{IDS[text]}", value) for text, value in tokens])
    return reply


def llama_cpp(received: Received) -> Reply:
    if received.path == "/tokenize":
        text = received.body["content"]
        return Reply({"tokens": [IDS[text]] if text in IDS else [1, 2]})
    if received.path == "/props":
        return Reply({"media_marker": "<__media_7__>"})
    if received.path == "/completion":
        prompt = received.body["prompt"]
        images = prompt["multimodal_data"] if isinstance(prompt, dict) else []
        tokens = [
            {"id": IDS[text], "token": text, "bytes": list(text.encode()), "logprob": value}
            for text, value in listed(images, " ", received.body["n_probs"])
        ]
        first = {**tokens[0], "top_logprobs": tokens}
        return Reply({"content": " True", "model": MODEL, "completion_probabilities": [first]})
    return answered(received)


def tensorrt_llm(received: Received) -> Reply:
    unknown = received.body.keys() - STANDARD
    if unknown:
        return status(400, f"Extra inputs are not permitted: {', '.join(sorted(unknown))}")
    return answered(received)


def transformers(received: Received) -> Reply:
    """It takes what it does not know, and does nothing about it."""
    return completion("The picture shows a")


def reasoning(received: Received) -> Reply:
    """A model that thinks before it answers."""
    for name in ("temperature", "logprobs"):
        if name in received.body:
            return status(400, f"Unsupported parameter: '{name}' is not supported with this model.")
    if received.body["max_completion_tokens"] < 1000:
        return status(400, "Could not finish the message because the output limit was reached.")
    return answered(received)


def text_only(received: Received) -> Reply:
    if parts(received.body, "image_url"):
        return status(400, "This model takes no images.")
    return answered(received)


KINDS: dict[ServerKind, Callable[[Received], Reply]] = {
    ServerKind.OPENAI: answered,
    ServerKind.VLLM: vllm,
    ServerKind.LLAMA_CPP: llama_cpp,
    ServerKind.OLLAMA: answered,
    ServerKind.SGLANG: answered,
    ServerKind.TENSORRT_LLM: tensorrt_llm,
    ServerKind.TRANSFORMERS: transformers,
    ServerKind.OTHER: answered,
}

__all__ = ["KINDS", "Server", "serving", "settings_of"]
