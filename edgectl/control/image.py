"""The process image: the latest of everything known, and frozen copies of it for the core."""

from __future__ import annotations

from edgectl.model.image import Image
from edgectl.model.measurement import Achieved, Sample


class ProcessImage:
    """What the lines have learnt. Pollers post, the executive freezes; a frozen image never changes.

    A freeze costs one copy of what changed kinds of entry, and nothing when nothing was posted since the last one. Of several samples of one
    channel between two freezes the latest counts.
    """

    __slots__ = ("_achieved", "_frozen", "_samples")

    def __init__(self) -> None:
        self._frozen = Image()
        self._samples: dict[str, Sample] = {}
        self._achieved: dict[str, Achieved] = {}

    @property
    def latest(self) -> Image:
        """The image as last frozen."""
        return self._frozen

    def post(self, sample: Sample) -> None:
        """Enter the latest sample of a channel."""
        self._samples[sample.channel] = sample

    def newest(self, channel: str) -> Sample | None:
        """The latest sample of a channel, frozen or not."""
        return self._samples.get(channel) or self._frozen.samples.get(channel)

    def post_achieved(self, achieved: Achieved) -> None:
        """Enter what an instrument confirmed of the last write to an actuator."""
        self._achieved[achieved.actuator] = achieved

    def freeze(self) -> tuple[Image, tuple[Sample, ...], tuple[Achieved, ...]]:
        """The image at this moment, and which samples and confirmations are new in it."""
        samples, achieved, before = self._samples, self._achieved, self._frozen
        if not samples and not achieved:
            return before, (), ()
        self._frozen = Image(
            {**before.samples, **samples} if samples else before.samples,
            {**before.achieved, **achieved} if achieved else before.achieved,
        )
        self._samples, self._achieved = {}, {}
        return self._frozen, tuple(samples.values()), tuple(achieved.values())
