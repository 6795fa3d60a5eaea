"""The findings of one moment, in an order that does not depend on how they came."""

from __future__ import annotations

from collections.abc import Iterable

from vlm_judge_ros.monitors.finding import Effect, Finding, Layer
from vlm_judge_ros.verdict.judgement import REVIEW, SUCCESS

BLINDING = (Layer.HEALTH, Layer.THRESHOLD, Layer.STRUCTURE, Layer.JUDGE)
"""Layers without whose sight nothing is known. An event that cannot be seen is only no evidence."""

PHYSICAL = (Layer.THRESHOLD, Layer.STRUCTURE, Layer.EVENT)
"""Layers whose findings can be physical evidence of success."""


class Findings:
    """All findings that are weighed together, worst first."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.all = tuple(sorted(findings, key=order))

    @property
    def blind(self) -> tuple[Finding, ...]:
        """Findings that a layer cannot see what it has to. A review that cannot say does not blind the judge."""
        return tuple(
            finding
            for finding in self.all
            if finding.effect is Effect.BLIND and finding.layer in BLINDING and not is_review(finding)
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

    def of_monitor(self, layer: Layer, name: str) -> tuple[Finding, ...]:
        """Return what a declared monitor says."""
        return tuple(finding for finding in self.all if finding.layer is layer and finding.name == name)

    def evidence(self, name: str) -> tuple[Finding, ...]:
        """Return one kind of physical evidence, the least favourable first; never what a judge says."""
        named = [finding for finding in self.all if finding.layer in PHYSICAL and finding.name == name]
        favour = {Effect.BLIND: 0, Effect.SUCCESS: 2}
        return tuple(sorted(named, key=lambda finding: favour.get(finding.effect, 1)))

    def missing(self, asked: tuple[Layer, ...]) -> tuple[Layer, ...]:
        """Return the layers that found nothing, or that cannot see all they have to; the review stands in for none."""
        gave = {finding.layer for finding in self.all if finding.effect is not Effect.BLIND and not is_review(finding)}
        blind = {finding.layer for finding in self.blind}
        return tuple(sorted(layer for layer in {*asked, *blind} if layer not in gave or layer in blind))


def is_review(finding: Finding) -> bool:
    """Tell whether the second judge said it."""
    return finding.layer is Layer.JUDGE and finding.source == REVIEW


def order(finding: Finding) -> tuple[object, ...]:
    """Order findings: worst first, and complete, so that two that differ in anything at all have one order."""
    return (
        -finding.severity,
        finding.layer,
        finding.name,
        finding.source,
        finding.stamp_ns,
        finding.effect,
        finding.mode,
        repr((finding.value, finding.limit, finding.unit, finding.onset_ns)),
        finding.text,
    )
