"""The shape of a ring."""

import pytest

from genesis.ipc.ring import HEADER_BYTES, RingSpec


@pytest.mark.parametrize(
    ("slots", "slot_bytes", "readers"),
    [(0, 64, 1), (1, 64, 1), (12, 64, 1), (8, 60, 1), (8, 16, 1), (8, 64, 0), (8, 64, 65)],
    ids=["none", "one slot", "no power of two", "unaligned", "no payload", "nobody", "crowd"],
)
def test_an_impossible_shape_is_refused(slots: int, slot_bytes: int, readers: int) -> None:
    """A ring that could not find, align or serve its slots is never made."""
    with pytest.raises(ValueError, match="ring odd"):
        RingSpec("odd", slots, slot_bytes, "overwrite", readers, checksum=False)


def test_a_ring_says_what_it_takes() -> None:
    """Memory is header and slots; a payload is a slot without check word and sequence."""
    spec = RingSpec("even", 8, 64, "refuse", 1, checksum=True)
    assert spec.payload_bytes == 48
    assert spec.memory_bytes == HEADER_BYTES + 8 * 64
