"""The kinds of servers that are known."""

from __future__ import annotations

from vlm_judge_ros.models.remote.dialects.dialect import Dialect, SchemaForm, Way
from vlm_judge_ros.models.remote.settings import ServerKind

# Some models refuse to be cut off after a single token.
_FIRST_LIMITS = (1, 16)

DIALECTS = {
    # Behind one address are many machines, so waiting for the first answer would help the others little.
    ServerKind.OPENAI: Dialect(
        ways=(Way.CHAT,),
        limit_field="max_completion_tokens",
        first_limits=_FIRST_LIMITS,
        keeps_what_it_read=False,
    ),
    # Azure lists what could be deployed, not what is, and names the model behind a deployment.
    ServerKind.AZURE: Dialect(
        ways=(Way.CHAT,),
        limit_field="max_completion_tokens",
        first_limits=_FIRST_LIMITS,
        keeps_what_it_read=False,
        lists_models=False,
        names_model=False,
    ),
    ServerKind.VLLM: Dialect(
        ways=(Way.CONTINUED_ID, Way.CONTINUED, Way.CHAT),
        schema_forms=(
            SchemaForm.JSON_SCHEMA,
            SchemaForm.STRUCTURED_OUTPUTS,
            SchemaForm.GUIDED_JSON,
            SchemaForm.JSON_OBJECT,
        ),
    ),
    ServerKind.LLAMA_CPP: Dialect(ways=(Way.COMPLETION, Way.CHAT)),
    ServerKind.OLLAMA: Dialect(ways=(Way.CHAT,)),
    ServerKind.SGLANG: Dialect(ways=(Way.CHAT,)),
    # It refuses requests with a field that it does not know, so nothing beyond the protocol is sent.
    ServerKind.TENSORRT_LLM: Dialect(ways=(Way.CHAT,), most_listed=(20, 5, 1)),
    # It takes fields that it then ignores, and lists what lies in its cache, not what it serves.
    ServerKind.TRANSFORMERS: Dialect(ways=(), schema_forms=(), keeps_what_it_read=False, lists_models=False),
    ServerKind.OTHER: Dialect(ways=(Way.CHAT,), keeps_what_it_read=False),
}
