"""How much may be risked after losses: active, reduced, reduce-only, halted. Pure.

Two losses move it: the fall from the highest equity, and that of the present UTC day; the graver
one counts. A fall that recovers lifts its restriction again, but not at the very line, or the state
would flap with each tick; what a day's loss has restricted stays until the next day; a halt stays
until a person resumes.
"""

import enum
from typing import Final, NamedTuple

import msgspec

from genesis.domain.orders import RefusalRule
from genesis.units import Amount, Nanos, text_from_fixed

BASIS_POINTS: Final = 10_000


class RiskState(enum.IntEnum):
    """What losses leave of the permission to open positions, from all of it to nothing.

    REDUCED: sizes and limits are a part of the usual. REDUCE_ONLY: only orders that shrink a
    position. HALTED: the same, until a person resumes.
    """

    ACTIVE = 1
    REDUCED = 2
    REDUCE_ONLY = 3
    HALTED = 4

    @property
    def word(self) -> str:
        """Return its name as it is shown."""
        return self.name.lower().replace("_", "-")


class LossLimits(msgspec.Struct, frozen=True, kw_only=True):
    """From which losses on less is risked: in the quote asset, and in basis points.

    Those of a drawdown are of the peak, those of a day of its first equity. What a drawdown has
    restricted is lifted `recovery_bps` below the line at which it was.
    """

    daily_loss_max: Amount
    day_restrict_bps: int
    day_halt_bps: int
    drawdown_reduce_bps: int
    drawdown_restrict_bps: int
    drawdown_halt_bps: int
    recovery_bps: int


class LossFacts(NamedTuple):
    """What equity has come to: `opening` is the day's first, 0 where there is none yet."""

    equity: Amount
    peak: Amount
    opening: Amount
    day: int

    @property
    def fall(self) -> Amount:
        """Return how far equity is below its peak."""
        return max(0, self.peak - self.equity)

    @property
    def day_loss(self) -> Amount:
        """Return what the day has lost so far."""
        return max(0, self.opening - self.equity) if self.opening > 0 else 0


class RiskStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's whole memory.

    `day` is that of the loss behind `by_day`, in days since 1970, UTC; 0 where there is none.
    """

    by_drawdown: RiskState = RiskState.ACTIVE
    by_day: RiskState = RiskState.ACTIVE
    day: int = 0

    @property
    def state(self) -> RiskState:
        """Return the graver of the two."""
        return max(self.by_drawdown, self.by_day)


class Pause(msgspec.Struct, frozen=True):
    """Entries are refused until a time, and why: the rule, its limit and what was seen."""

    rule: RefusalRule
    until: Nanos
    limit: str
    observed: str


def next_standing(standing: RiskStanding, facts: LossFacts, limits: LossLimits) -> RiskStanding:
    """Return where the losses leave us: total over any input."""
    by_day = _by_day(standing, facts, limits)
    return RiskStanding(
        by_drawdown=_by_drawdown(standing.by_drawdown, facts, limits),
        by_day=by_day,
        day=0 if by_day is RiskState.ACTIVE else facts.day,
    )


def resumed(standing: RiskStanding) -> RiskStanding:
    """Return the standing after a person lifted the halt; whatever is less than a halt stays."""
    if standing.state is not RiskState.HALTED:
        return standing
    return RiskStanding()


def cause_of(standing: RiskStanding, facts: LossFacts) -> str:
    """Say in words which loss the present state is owed to."""
    if standing.state is RiskState.ACTIVE:
        return "no loss beyond its line"
    if standing.by_day is standing.state:
        return f"the day has lost {_share(facts.day_loss, facts.opening)}"
    return f"{_share(facts.fall, facts.peak)} below the highest equity"


def _by_drawdown(current: RiskState, facts: LossFacts, limits: LossLimits) -> RiskState:
    if current is RiskState.HALTED:
        return current
    reached = _drawdown_state(facts, limits, 0)
    if reached >= current:
        return reached
    return min(current, _drawdown_state(facts, limits, limits.recovery_bps))


def _drawdown_state(facts: LossFacts, limits: LossLimits, leniency_bps: int) -> RiskState:
    """Return what the fall calls for where every line is drawn lower by a leniency."""
    fall = facts.fall * BASIS_POINTS
    lines = (
        (limits.drawdown_halt_bps, RiskState.HALTED),
        (limits.drawdown_restrict_bps, RiskState.REDUCE_ONLY),
        (limits.drawdown_reduce_bps, RiskState.REDUCED),
    )
    for line_bps, state in lines:
        if fall and fall >= max(1, line_bps - leniency_bps) * facts.peak:
            return state
    return RiskState.ACTIVE


def _by_day(standing: RiskStanding, facts: LossFacts, limits: LossLimits) -> RiskState:
    current = standing.by_day
    if current is RiskState.HALTED:
        return current
    if facts.day != standing.day:
        current = RiskState.ACTIVE
    loss = facts.day_loss
    if not loss:
        return current
    if loss * BASIS_POINTS >= limits.day_halt_bps * facts.opening:
        return RiskState.HALTED
    is_restricted = loss * BASIS_POINTS >= limits.day_restrict_bps * facts.opening
    if is_restricted or loss >= limits.daily_loss_max:
        return max(current, RiskState.REDUCE_ONLY)
    return current


def _share(loss: Amount, whole: Amount) -> str:
    bps = loss * BASIS_POINTS // whole if whole > 0 else BASIS_POINTS
    return f"{text_from_fixed(loss)}, {bps // 100}.{bps % 100:02d} % of {text_from_fixed(whole)}"
