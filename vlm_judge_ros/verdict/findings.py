"""The findings of one moment, in an order that does not depend on how they came."""

from __future__ import annotations

from collections.abc import Iterable

from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.verdict.judgement import REVIEW, SUCCESS


class Findings:
    """All findings that are weighed together, worst first."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.all = tuple(sorted(findings, key=_order))

    @property
    def blind(self) -> tuple[Finding, ...]:
        """Findings that a camera or the judge cannot see. A review that cannot say does not blind the judge."""
        return tuple(
            finding
            for finding in self.all
            if finding.effect is Effect.BLIND
            and finding.layer in (Layer.HEALTH, Layer.JUDGE)
            and not is_review(finding)
        )

    @property
    def review_trouble(self) -> tuple[Finding, ...]:
        """Why the review says nothing: one finding, or none where it does, or was not asked."""
        return tuple(finding for finding in self.all if is_review(finding) and finding.effect is Effect.BLIND)

    @property
    def claims_of_success(self) -> tuple[Finding, ...]:
        """What the judge says for success: one finding or none."""
        success = self.judge(SUCCESS)
        return (success,) if success is not None and success.effect is Effect.SUCCESS else ()

    @property
    def claims(self) -> tuple[Finding, ...]:
        """What the judge says for success, and what any layer says for failure."""
        return (*self.claims_of_success, *self.speaking(Effect.FAILURE))

    def speaking(self, *effects: Effect) -> tuple[Finding, ...]:
        """Return the findings that speak for any of the effects."""
        return tuple(finding for finding in self.all if finding.effect in effects)

    def judge(self, name: str) -> Finding | None:
        """Return the newest finding of a name of the judge that is always on."""
        return self._said(name, review=False)

    def review(self, name: str) -> Finding | None:
        """Return the newest finding of a name of the review."""
        return self._said(name, review=True)

    def _said(self, name: str, review: bool) -> Finding | None:
        named = [
            finding
            for finding in self.all
            if finding.layer is Layer.JUDGE and finding.name == name and is_review(finding) is review
        ]
        return max(named, key=lambda finding: finding.stamp_ns, default=None)

    def health_of(self, camera: str) -> tuple[Finding, ...]:
        """Return what is known of a camera."""
        return tuple(finding for finding in self.all if finding.layer is Layer.HEALTH and finding.source == camera)

    def evidence(self, name: str) -> Finding | None:
        """Return the least favourable finding of one kind of physical evidence."""
        named = [finding for finding in self.all if finding.layer is Layer.EVENT and finding.name == name]
        favour = {Effect.BLIND: 0, Effect.SUCCESS: 2}
        return min(named, key=lambda finding: favour.get(finding.effect, 1), default=None)

    def missing(self, asked: tuple[Layer, ...]) -> tuple[Layer, ...]:
        """Return the layers that found nothing, or only that they cannot see; the review stands in for none."""
        gave = {finding.layer for finding in self.all if finding.effect is not Effect.BLIND and not is_review(finding)}
        return tuple(layer for layer in asked if layer not in gave)


def is_review(finding: Finding) -> bool:
    """Tell whether the second judge said it."""
    return finding.layer is Layer.JUDGE and finding.source == REVIEW


def _order(finding: Finding) -> tuple[object, ...]:
    # Complete, so that two findings that differ in anything at all have one order. NaN has none: its text has.
    return (
        -finding.severity,
        finding.layer,
        finding.name,
        finding.source,
        finding.stamp_ns,
        finding.effect,
        finding.mode,
        repr(finding.value),
        finding.text,
    )
