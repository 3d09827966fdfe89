"""Connecting as often as one likes: a process killed every second would spend its share at once."""

from genesis.exchange.connection_budget import ConnectionBudget
from genesis.units import Nanos


def spend_freely() -> None:
    """Let this process try any number of connections; a ban holds all the same."""
    at_will = property(_not_before)
    for name, other in (
        ("next_at", at_will),
        ("next_spare_at", at_will),
        ("take", _count_nothing),
    ):
        assert name in vars(ConnectionBudget), f"ConnectionBudget.{name} is gone: what is now so?"
        setattr(ConnectionBudget, name, other)


def _not_before(budget: ConnectionBudget) -> Nanos:
    return budget.forbidden_until


def _count_nothing(_budget: ConnectionBudget, _now: Nanos) -> None:
    """Leave the share as it is."""
