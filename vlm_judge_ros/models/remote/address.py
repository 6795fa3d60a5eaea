"""Where a server is, and whether a key may go there."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from vlm_judge_ros.errors import JudgeError

_NAMES_OF_THE_HOUSE = (".local", ".lan", ".internal", ".home.arpa")


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a server.

    Attributes:
        base_url: what paths are appended to, without a slash at its end.
        host: name and port, for people.
        is_plain: what is sent can be read on the way.
        is_loopback: it does not leave this machine.
        is_in_house: it does not leave the local network, as far as the name tells.
    """

    base_url: str
    host: str
    is_plain: bool
    is_loopback: bool
    is_in_house: bool

    def url(self, path: str) -> str:
        """Address of a path.

        Args:
            path: below the base URL; with a slash at its beginning beside /v1, where servers have what the OpenAI
                protocol does not have.
        """
        if not path.startswith("/"):
            return f"{self.base_url}/{path}"
        return self.base_url.removesuffix("/v1") + path

    def key_warning(self) -> str:
        """One sentence about sending a key there; empty where nothing is wrong.

        A key over plain http goes to this machine without a word, into the local network with a warning, and nowhere
        else.

        Raises:
            JudgeError: the key would cross the internet unencrypted.
        """
        if not self.is_plain or self.is_loopback:
            return ""
        if self.is_in_house:
            return f"The key goes to {self.host} unencrypted; whoever is in the local network can read it."
        raise JudgeError(
            f"The key would go to {self.host} over plain http, where anybody on the way can read it; use https in "
            "base_url."
        )


def read_address(base_url: str) -> Address:
    """Take an address apart.

    Raises:
        JudgeError: it cannot be used.
    """
    try:
        parts = urlsplit(base_url)
        name, port = parts.hostname or "", parts.port
    except ValueError:
        raise JudgeError("The base_url is no address; it has to look like http://127.0.0.1:8000/v1.") from None
    if parts.username is not None or parts.password is not None:
        raise JudgeError("The base_url holds a name or a password before the @; put the key into key_variable.")
    if not name or parts.query or parts.fragment or parts.scheme not in ("http", "https"):
        raise JudgeError(f"The base_url {base_url!r} has to look like http://127.0.0.1:8000/v1.")
    shown = f"[{name}]" if ":" in name else name
    is_loopback, is_in_house = _nearness(name)
    return Address(
        base_url.rstrip("/"),
        shown if port is None else f"{shown}:{port}",
        parts.scheme == "http",
        is_loopback,
        is_in_house,
    )


def _nearness(name: str) -> tuple[bool, bool]:
    try:
        number = ipaddress.ip_address(name)
    except ValueError:
        if name == "localhost" or name.endswith(".localhost"):
            return True, True
        return False, "." not in name or name.endswith(_NAMES_OF_THE_HOUSE)
    return number.is_loopback, number.is_loopback or not number.is_global
