"""What a child cannot do: told once it lasts, and once when it is over."""

from genesis.engine.trouble import TroubleWatch
from genesis.limits import TROUBLE_TOLD_AFTER as WHILE


def test_what_passes_by_itself_is_not_told() -> None:
    """A connection breaks and comes back: nobody need be woken."""
    watch = TroubleWatch()
    assert watch.heed("cut", 0) is None
    assert watch.heed("cut", WHILE - 1) is None
    assert watch.heed("", WHILE) is None
    assert watch.heed("cut", WHILE + 1) is None


def test_what_lasts_is_told_once() -> None:
    """As it stands by then, and again only when it becomes another."""
    watch = TroubleWatch()
    assert watch.heed("cut", 0) is None
    assert watch.heed("refused", WHILE) == "refused"
    assert watch.heed("refused", 2 * WHILE) is None
    assert watch.heed("certificate refused", 2 * WHILE + 1) == "certificate refused"


def test_the_end_is_told_once_and_at_once() -> None:
    """A trouble that is over must not stay on the page."""
    watch = TroubleWatch()
    watch.heed("cut", 0)
    assert watch.heed("cut", WHILE) == "cut"
    assert watch.heed("", WHILE + 1) == ""
    assert watch.heed("", WHILE + 2) is None
