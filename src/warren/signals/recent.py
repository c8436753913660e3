"""The samples of the last seconds, as many as signals are judged over.

Not here: taking samples (`collect.py`), and what they say (`measure.py`, `diagnosis.py`).
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import final

from warren.signals.findings import DEFAULT_THRESHOLDS, Thresholds
from warren.signals.samples import Sample

__all__ = ["Recent"]


@final
class Recent:
    """Keeps samples that span `seconds`, and no more than that takes."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._samples: deque[Sample] = deque()

    def __repr__(self) -> str:
        return f"<Recent {len(self._samples)} samples over {self.span:g} of {self.seconds:g} s>"

    def add(self, sample: Sample) -> None:
        """Add the newest sample; let go of those that are not needed any more to span the time."""
        self._samples.append(sample)
        while len(self._samples) > 2 and sample.at - self._samples[1].at >= self.seconds:
            self._samples.popleft()

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The samples, oldest first."""
        return tuple(self._samples)

    @property
    def span(self) -> float:
        """The seconds between the first sample and the last."""
        return self._samples[-1].at - self._samples[0].at if self._samples else 0.0

    @property
    def is_full(self) -> bool:
        """Whether the samples span the whole time."""
        return len(self._samples) > 1 and self.span >= self.seconds

    def thresholds(self, base: Thresholds = DEFAULT_THRESHOLDS) -> Thresholds:
        """Return thresholds that let this time be enough, however short it is."""
        return replace(base, patience=min(base.patience, self.seconds))
