"""Which Jetson this is: what wheels from a package index do not run on by themselves."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ComputeCapability = tuple[int, int]
"""Major and minor number of what code a GPU runs, for example (8, 7)."""

# As the device tree spells them, the more telling first.
_FAMILIES: tuple[tuple[str, str, ComputeCapability], ...] = (
    ("thor", "Thor", (11, 0)),
    ("orin", "Orin", (8, 7)),
    ("xavier", "Xavier", (7, 2)),
)
# Jetson Linux, which the board tells, and the JetPack that brings it.
_JETPACKS = {35: 5, 36: 6, 38: 7, 39: 7}


@dataclass(frozen=True, slots=True)
class Jetson:
    """A Jetson board.

    Attributes:
        model: what the board calls itself.
        family: Thor, Orin or Xavier; empty for one that is not known here.
        compute_capability: of its GPU; None for a family that is not known here.
        linux: release of Jetson Linux, for example "36.4.3"; empty where it is not told, as in most containers.
        jetpack: major version of the JetPack with that release; None where that is not known.
    """

    model: str
    family: str
    compute_capability: ComputeCapability | None
    linux: str
    jetpack: int | None

    @property
    def description(self) -> str:
        """The board in words."""
        linux = f"Jetson Linux {self.linux}" if self.linux else "Jetson Linux of an unknown release"
        return f"{self.model}, {linux}" + (f" (JetPack {self.jetpack})" if self.jetpack else "")


def detect(root: Path = Path("/")) -> Jetson | None:
    """Read which Jetson this is; None where it is none.

    Args:
        root: folder under which `proc` and `etc` lie.
    """
    # The device tree ends its strings with a zero byte.
    model = _text(root / "proc" / "device-tree" / "model").strip("\0 \n")
    release = _text(root / "etc" / "nv_tegra_release")
    found = re.search(r"\bR(\d+) \(release\), REVISION: ([\d.]+)", release)
    if found is None and "jetson" not in model.lower():
        return None
    family, capability = "", None
    for word, name, its_capability in _FAMILIES:
        if word in model.lower():
            family, capability = name, its_capability
            break
    return Jetson(
        model=model or "A Jetson that does not say which",
        family=family,
        compute_capability=capability,
        linux=f"{found[1]}.{found[2]}" if found else "",
        jetpack=_JETPACKS.get(int(found[1])) if found else None,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
