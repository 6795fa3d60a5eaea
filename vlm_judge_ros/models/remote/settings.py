"""How a server is reached and what it may cost: one YAML file for each."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import pydantic

_MILLION = 1e6
_Seconds = Annotated[float, pydantic.Field(gt=0.0, le=3600.0)]


class ServerKind(Enum):
    """Who speaks the protocol; each has fields and limits of its own."""

    OPENAI = "openai"
    AZURE = "azure"
    VLLM = "vllm"
    LLAMA_CPP = "llama_cpp"
    OLLAMA = "ollama"
    SGLANG = "sglang"
    TENSORRT_LLM = "tensorrt_llm"
    TRANSFORMERS = "transformers"
    OTHER = "other"


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)


class Patience(_Part):
    """How long to wait, and how often to try.

    Attributes:
        timeout_s: one attempt is given up after this.
        connect_timeout_s: the same for reaching the server.
        most_retries: further attempts after the first.
        backoff_s: pause before the first of them; it doubles from one to the next.
        longest_backoff_s: no pause is longer. A server that asks for a longer one (Retry-After) is not asked again.
        failures_to_open: so many failed calls in a row open the circuit: nothing is sent.
        open_s: after this one call may try whether the server is back.
    """

    timeout_s: _Seconds = 30.0
    connect_timeout_s: _Seconds = 5.0
    most_retries: int = pydantic.Field(default=2, ge=0, le=10)
    backoff_s: _Seconds = 0.5
    longest_backoff_s: _Seconds = 20.0
    failures_to_open: int = pydantic.Field(default=5, ge=1, le=1000)
    open_s: _Seconds = 30.0


class Budget(_Part):
    """What one hour may cost; None for no limit.

    Attributes:
        calls: attempts, retries counted.
        tokens: input and output tokens as the server counts them.
        money: in the currency of the prices.
        input_price: for a million input tokens.
        output_price: for a million output tokens.
    """

    calls: int | None = pydantic.Field(default=None, ge=1)
    tokens: int | None = pydantic.Field(default=None, ge=1)
    money: float | None = pydantic.Field(default=None, gt=0.0)
    input_price: float = pydantic.Field(default=0.0, ge=0.0)
    output_price: float = pydantic.Field(default=0.0, ge=0.0)

    @property
    def has_prices(self) -> bool:
        """Whether tokens cost anything."""
        return bool(self.input_price or self.output_price)

    def money_for(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost by the prices."""
        return (input_tokens * self.input_price + output_tokens * self.output_price) / _MILLION

    @pydantic.model_validator(mode="after")
    def _money_needs_prices(self) -> Budget:
        if self.money is not None and not self.has_prices:
            raise ValueError("money needs input_price and output_price, or nothing would ever be counted")
        return self


class Images(_Part):
    """In which form images are sent.

    Attributes:
        size_px: longest side; larger images are scaled down.
        jpeg_quality: of images that have to be encoded anew, 1 to 100.
        most_bytes: a compressed image of at most this many bytes, and no larger than `size_px`, goes out as it came.
    """

    size_px: int = pydantic.Field(default=512, ge=28, le=8192)
    jpeg_quality: int = pydantic.Field(default=85, ge=1, le=100)
    most_bytes: int = pydantic.Field(default=1_000_000, ge=1024)


class ServerSettings(_Part):
    """A server. Keys are never in this file, only where they are.

    Attributes:
        kind: who speaks the protocol.
        base_url: address up to and including /v1; for Azure that of the resource.
        model: what the server calls the model; may be left to the parameter `model`.
        key_variable: environment variable that holds the key; empty where the server wants none.
        key_file: file whose first line is the key; used where the variable is not set.
        certificate_file: certificates of authorities to trust beside the usual ones, for a server of your own.
        api_version: of Azure; empty for its versionless address.
        most_in_flight: calls at the same time.
        most_answer_bytes: an answer larger than this is given up.
        extra: further fields of every request, as the server's documentation has them.
        patience: how long to wait, and how often to try.
        budget: what one hour may cost.
        images: in which form images are sent.
    """

    kind: ServerKind
    base_url: str = pydantic.Field(pattern=r"^https?://")
    model: str = ""
    key_variable: str = ""
    key_file: Path | None = None
    certificate_file: Path | None = None
    api_version: str = ""
    most_in_flight: int = pydantic.Field(default=4, ge=1, le=64)
    most_answer_bytes: int = pydantic.Field(default=4_000_000, ge=1024)
    extra: dict[str, pydantic.JsonValue] = pydantic.Field(default_factory=dict)
    patience: Patience = Patience()
    budget: Budget = Budget()
    images: Images = Images()
