"""What a judge has to be worth for each use, and the sentences that say whether it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pydantic

from vlm_judge_ros.config_folder import config_folder
from vlm_judge_ros.judges.card import CardFigure
from vlm_judge_ros.judges.named_file import NAME, Hashed, load
from vlm_judge_ros.qualify.meaning import MEANINGS
from vlm_judge_ros.qualify.wording import bound_in_words, ends, interval_in_words, value_in_words, words_of

DEFAULT = "default"
CONFIDENCE = 0.95
_STRICT = pydantic.ConfigDict(extra="forbid", frozen=True)


class Required(pydantic.BaseModel):
    """What is asked of one figure; at least one bound.

    Attributes:
        at_least: smallest value that will do.
        at_most: largest value that will do.
        worse_end: the worse end of the interval has to pass too. False: the value alone.
        least_n: how many episodes, pairs or answers the figure has to rest on.
    """

    model_config = _STRICT

    at_least: pydantic.FiniteFloat | None = None
    at_most: pydantic.FiniteFloat | None = None
    worse_end: bool = True
    least_n: int = pydantic.Field(default=10, ge=1)

    @pydantic.model_validator(mode="after")
    def _has_a_bound(self) -> Required:
        if self.at_least is None and self.at_most is None:
            raise ValueError("it asks for nothing; write at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most, which nothing is; exchange them")
        return self

    def falls_short(self, name: str, figure: CardFigure | None, episodes: int) -> str | None:
        """Say in part of a sentence why a figure does not suffice; None where it does.

        Args:
            name: of the figure.
            figure: None where the card has none of this name.
            episodes: how many labelled episodes there are.
        """
        if figure is None or figure.value is None:
            reason = figure.reason if figure is not None else "the card has no such figure"
            return f"{words_of(name)}: not known ({reason}), {self._asked(name)}"
        told = f"{value_in_words(name, figure.value)} {words_of(name)} ({interval_in_words(figure)})"
        if not self._holds(figure.value):
            return f"{told}, {self._asked(name)}"
        if figure.n < self.least_n:
            return f"{told}, and at least n = {self.least_n} is asked"
        if not self.worse_end:
            return None
        if figure.low is None or figure.high is None:
            return f"{told}, {self._asked(name)} of the whole interval"
        low, high = widened(name, figure, episodes)
        if self._holds(low) and self._holds(high):
            return None
        if (low, high) != (figure.low, figure.high):
            # Nothing but the best was seen, which says little of what was seen so seldom.
            worst = value_in_words(name, low if self._holds(high) else high)
            return f"{told}, which so few episodes do not tell from {worst}; {self._asked(name)}"
        return f"{told}, {self._asked(name)} of the whole interval"

    def _holds(self, value: float) -> bool:
        slack = 1e-9
        above = self.at_least is None or value >= self.at_least - slack
        return above and (self.at_most is None or value <= self.at_most + slack)

    def _asked(self, name: str) -> str:
        parts = []
        if self.at_least is not None:
            parts.append(f"at least {bound_in_words(name, self.at_least)}")
        if self.at_most is not None:
            parts.append(f"at most {bound_in_words(name, self.at_most)}")
        return f"{' and '.join(parts)} is asked"


class Use(pydantic.BaseModel):
    """What a judge is used for.

    Attributes:
        text: the use, as it goes on after "fit for".
        requires: what is asked of which figure, by its name.
    """

    model_config = _STRICT

    text: str = pydantic.Field(min_length=1)
    requires: Mapping[str, Required] = pydantic.Field(min_length=1)

    @pydantic.field_validator("requires")
    @classmethod
    def _figures_are_known(cls, requires: Mapping[str, Required]) -> Mapping[str, Required]:
        for name in requires:
            if name not in MEANINGS:
                raise ValueError(f"there is no figure {name!r}; docs/qualification.md lists all of them")
        return requires


class Thresholds(Hashed):
    """What a judge has to be worth for each use; one YAML file.

    Attributes:
        name: of the file's content, as it stands in the card.
        uses: by a short name.
    """

    model_config = _STRICT

    name: str = pydantic.Field(pattern=NAME)
    uses: Mapping[str, Use] = pydantic.Field(min_length=1)

    @property
    def label(self) -> str:
        """Name and hash, as they stand in the card."""
        return f"{self.name} {self.content_hash}"

    def sentences(self, figures: Mapping[str, CardFigure], episodes: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Say for which uses a judge is fit, and for which it is not and why.

        Args:
            figures: of its card.
            episodes: how many labelled episodes these rest on.
        """
        fit, unfit = [], []
        for use in self.uses.values():
            short = [
                reason
                for name, required in use.requires.items()
                if (reason := required.falls_short(name, figures.get(name), episodes)) is not None
            ]
            if short:
                unfit.append(f"Not fit for {use.text}: {'; '.join(short)}.")
            else:
                fit.append(f"Fit for {use.text}: {_passed(use, figures)}.")
        return tuple(fit), tuple(unfit)


def _passed(use: Use, figures: Mapping[str, CardFigure]) -> str:
    told = []
    for name in use.requires:
        figure = figures[name]
        assert figure.value is not None, "a figure without a value passes nothing"
        told.append(f"{value_in_words(name, figure.value)} {words_of(name)} ({interval_in_words(figure)})")
    return "; ".join(told)


def widened(name: str, figure: CardFigure, episodes: int) -> tuple[float, float]:
    """The interval of a figure; one without width at an end of all that can be, as far as so many episodes bear it.

    Drawing episodes anew cannot show what none of them has: 0 of 5 is 0 in every draw. Then the exact bound of Clopper
    and Pearson (Biometrika, 1934) for 0 of n stands in its place, with n no larger than the number of episodes.
    """
    assert figure.low is not None and figure.high is not None
    possible = ends(name)
    if possible is None or figure.low != figure.high or figure.value not in possible:
        return figure.low, figure.high
    least, most = possible
    seen = 1.0 - ((1.0 - CONFIDENCE) / 2) ** (1.0 / max(1, min(figure.n, episodes)))
    return (least, least + seen) if figure.value == least else (most - seen, most)


def load_thresholds(name: str) -> Thresholds:
    """Read the shipped thresholds of a name, or a YAML file of one's own.

    Raises:
        JudgeError: there are none, or they cannot be used.
    """
    return load(Thresholds, "thresholds file", name, shipped_folder())


def shipped_folder() -> Path:
    """Folder of the shipped ones."""
    return config_folder("qualification")
