"""What is removed by `check_safeguards.py` is still where it was: else the check sees nothing."""

import ast
from pathlib import Path

import pytest

from scripts.check_safeguards import SAFEGUARDS, Safeguard

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("safeguard", SAFEGUARDS, ids=lambda one: one.name)
def test_a_safeguard_can_be_removed(safeguard: Safeguard) -> None:
    """Its source stands once, what is left is a module, and its tests exist."""
    text = (ROOT / safeguard.path).read_text()
    without = safeguard.removed_from(text)
    assert without != text
    ast.parse(without)
    assert safeguard.tests
    assert all((ROOT / test).is_file() for test in safeguard.tests)


def test_a_source_that_has_changed_is_named() -> None:
    """Whoever changes a safeguard is told to change its check, too."""
    safeguard = SAFEGUARDS[0]
    with pytest.raises(LookupError, match=f"{safeguard.name}: its source stands 0 times"):
        safeguard.removed_from("something else")
    with pytest.raises(LookupError, match="stands 2 times"):
        safeguard.removed_from(2 * safeguard.source)
