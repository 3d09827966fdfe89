"""How refusals read where there are none, or very many."""

from collections import Counter

from genesis.cli.refusals import make_page, page_lines
from genesis.storage.refusal_history import RefusalHistory


def test_no_refusals_are_said_in_a_line() -> None:
    """There is nothing to list."""
    assert list(page_lines(make_page(RefusalHistory(Counter(), []), {}))) == ["refused     none"]


def test_a_long_list_of_strategies_is_cut_and_counted() -> None:
    """The most refused stay; a number that lost its name is shown as a number."""
    counts = Counter({(number, "form"): 100 - number for number in range(25)})
    lines = list(page_lines(make_page(RefusalHistory(counts, []), {1: "first-1"})))
    assert lines[1:3] == ["            number 0: 100 form", "            first-1: 99 form"]
    assert lines[-1] == "            and 5 strategies more"
    assert len(lines) == 22
