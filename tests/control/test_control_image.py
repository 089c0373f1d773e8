"""The process image: cheap, frozen, and honest about what is new."""

from __future__ import annotations

from edgectl.control.image import ProcessImage
from edgectl.model.instant import Instant
from edgectl.model.measurement import Achieved, Sample
from edgectl.model.quality import DeviceStatus

AT = Instant(1, 2)


def sample(channel: str, value: float) -> Sample:
    return Sample(channel, value, DeviceStatus.GOOD, "", AT)


def test_a_frozen_image_never_changes() -> None:
    image = ProcessImage()
    image.post(sample("ph1.ph", 7.0))
    image.post_achieved(Achieved("FV-101", 1.0, 1.0, "", AT))
    frozen, samples, achieved = image.freeze()
    image.post(sample("ph1.ph", 7.5))
    image.post_achieved(Achieved("FV-101", 2.0, 2.0, "", AT))
    later, *_ = image.freeze()
    assert frozen.samples["ph1.ph"].value == 7.0
    assert frozen.achieved["FV-101"].value == 1.0
    assert later.samples["ph1.ph"].value == 7.5
    assert later.achieved["FV-101"].value == 2.0
    assert [s.value for s in samples] == [7.0]
    assert [a.value for a in achieved] == [1.0]


def test_only_what_is_new_is_told_and_the_rest_is_kept() -> None:
    image = ProcessImage()
    image.post(sample("a.x", 1.0))
    image.freeze()
    image.post(sample("b.x", 2.0))
    frozen, samples, _ = image.freeze()
    assert [s.channel for s in samples] == ["b.x"]
    assert frozen.samples["a.x"].value == 1.0


def test_freezing_nothing_new_copies_nothing() -> None:
    image = ProcessImage()
    image.post(sample("a.x", 1.0))
    first, *_ = image.freeze()
    second, samples, achieved = image.freeze()
    assert second is first
    assert samples == ()
    assert achieved == ()


def test_of_several_samples_between_two_scans_the_latest_counts() -> None:
    image = ProcessImage()
    image.post(sample("a.x", 1.0))
    image.post(sample("a.x", 2.0))
    _, samples, _ = image.freeze()
    assert [s.value for s in samples] == [2.0]
