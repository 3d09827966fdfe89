"""One run: a venue, a disk, a roster of strategies and one executor at a time, until all is well.

First everything that this seed's faults allow goes wrong. Then the world is calm, and whatever is
open must come to its end within a bound: a run that stays stuck is as wrong as one that trades
twice.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from genesis.domain.instruments import Instrument, InstrumentCatalogue
from genesis.domain.market import Quote
from genesis.domain.orders import OrderReport, Signal
from genesis.engine.effects import Announce, Effect, SubmitOrder, SubmitOrderList
from genesis.engine.execution import ExecutionCore
from genesis.engine.protection import ProtectionRules
from genesis.exchange.gateway import UserEvent
from genesis.strategies.base import StrategySpec
from genesis.units import SCALE, Nanos, Price, Quantity
from scripts.simulation.checker import Checker
from scripts.simulation.clocks import EngineClockModel, VenueClockEstimate
from scripts.simulation.controls import Parts
from scripts.simulation.disk import Disk
from scripts.simulation.faults import MS, SECOND, Faults, happens, swarm
from scripts.simulation.process import LIQUIDATED, Ending, ExecutorProcess, Injury
from scripts.simulation.protective_venue import ProtectiveVenue
from scripts.simulation.rulebook import (
    CAPITAL,
    CATALOGUE,
    LIMITS,
    PRICES,
    RULES,
    SIGNAL_RULES,
)
from scripts.simulation.schedule import Action, Schedule
from scripts.simulation.strategies import WishfulStrategy, goals_of
from scripts.simulation.venue import FEE_ASSET

START: Final[Nanos] = 1_780_000_000 * SECOND
CHAOS_MIN: Final[Nanos] = 15 * SECOND
CHAOS_MAX: Final[Nanos] = 60 * SECOND
CALM_MAX: Final[Nanos] = 240 * SECOND
_SPREAD_HALF: Final[Price] = SCALE // 100
_RESTART_MAX: Final[Nanos] = 3 * SECOND
_BOOT_MAX: Final[Nanos] = 20 * SECOND


@dataclass(slots=True)
class Plan:
    """What is fixed before a run: its faults, and the one effect that is to be injured, if any."""

    faults: Faults
    chaos: Nanos
    injured_effect: int = -1
    injury: Injury | None = None


def random_plan(chance: random.Random) -> Plan:
    """Draw a plan with random faults."""
    return Plan(swarm(chance), chance.randrange(CHAOS_MIN, CHAOS_MAX))


class World:
    """Everything of one run."""

    def __init__(
        self, seed: int, parts: Parts, plan: Plan | None = None, *, is_traced: bool = False
    ) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - a repeatable run is the point
        self.plan = plan or random_plan(self.chance)
        self.faults = self.plan.faults
        self.counts: Counter[str] = Counter()
        self.effects_seen = 0
        self._parts = parts
        self._is_traced = is_traced
        self._schedule = Schedule(START)
        self._clock = EngineClockModel(self._schedule, self.chance)
        durability = self.chance.choice(["full", "venue"])
        self._disk: Disk = parts.disk(
            self._schedule, self.chance, self.faults, "full" if durability == "full" else "venue"
        )
        self.checker = Checker(self._disk)
        self._venue = ProtectiveVenue(
            schedule=self._schedule,
            chance=self.chance,
            faults=self.faults,
            catalogue=CATALOGUE,
            prices=PRICES,
            balances={
                "USDT": 2 * CAPITAL,
                "BTC": 10 * SCALE,
                "ETH": 10 * SCALE,
                FEE_ASSET: 10 * SCALE,
            },
            emit=self._emit,
            watch=self.checker.on_trade,
            on_opened=self.checker.on_opened,
        )
        self._epoch = 0
        self._boots = 1
        self._process: ExecutorProcess | None = None
        self._rings: list[Signal] = []
        self._strategies = self._roster()
        self._is_person_called = False
        self._is_calm = False
        self._is_to_liquidate = happens(self.chance, self.plan.faults.liquidate_share)

    def run(self) -> list[str]:
        """Live through the whole run and return its violations."""
        self._start_process()
        for strategy in self._strategies.values():
            self._restart_worker(strategy)
            self._act(strategy)
        self._befall()
        self._look_at_cover()
        self._schedule.run_until(START + self.plan.chaos, self._is_wrong)
        if self._is_wrong():
            return self.checker.violations
        self.note("calm from here on", self.faults)
        self.faults.calm()
        self._is_calm = True
        self._calm_clock()
        calm_until = self._schedule.now + CALM_MAX
        self._schedule.run_until(calm_until, lambda: self._is_wrong() or self._is_all_well())
        if not self._is_wrong() and not self._is_all_well():
            self._complain()
        self._stop()
        self.checker.check_end(self._venue, self._holders())
        self.counts["virtual seconds"] = (self._schedule.now - START) // SECOND
        self.counts["orders"] = len(self._venue.orders)
        self.counts["trades"] = len(self._venue.trades)
        self.counts["lists"] = self._venue.lists
        self.counts["struck"] = self._venue.struck
        return self.checker.violations

    # What a process needs of the world

    def quotes(self) -> dict[int, Quote]:
        """Return the market's present quotes, some of them stale."""
        now = self._clock.now()
        quotes = {}
        for instrument in CATALOGUE:
            price = PRICES[instrument.symbol]
            is_stale = happens(self.chance, self.faults.stale_quote_share)
            received_at = now - (3 * SECOND if is_stale else 5 * MS)
            quotes[instrument.instrument_id] = Quote(
                instrument_id=instrument.instrument_id,
                bid_price=price - _SPREAD_HALF,
                bid_quantity=SCALE,
                ask_price=price + _SPREAD_HALF,
                ask_quantity=SCALE,
                update_id=1,
                event_at=received_at,
                received_at=received_at,
            )
        return quotes

    def unread_signals(self) -> list[Signal]:
        """Return the signals behind the committed cursors of the rings."""
        return list(self._rings)

    def commit_signals(self, signals: Sequence[Signal]) -> None:
        """Move the cursors behind signals."""
        del self._rings[: len(signals)]

    def tell(self, report: OrderReport) -> None:
        """Publish a report; its strategy reads it a moment later."""
        strategy = self._strategies[report.strategy_number]
        self.note("tells", report)
        self._schedule.after(
            self.chance.randrange(1, 5 * MS),
            lambda: strategy.on_report(report, self._clock.now()),
        )

    def note(self, what: str, detail: object = "") -> None:
        """Write a line of the trace."""
        if self._is_traced:
            print(f"{(self._schedule.now - START) / SECOND:10.4f}  {what:<10} {detail}")

    def on_announce(self, announced: Announce) -> None:
        """Hear what would be logged; a halt calls a person, who needs a moment."""
        self.note("announces", announced)
        self.checker.on_announce(announced)
        self.counts[announced.event] += 1
        if announced.event == "trading_halted":
            is_wanted = announced.fields["reason"] == LIQUIDATED
            if (
                not self._venue.transfers and not is_wanted
            ):  # trades of others are found by their ids
                self.checker.violate(f"halted without a cause: {announced.fields}")
            self._call_person()
        elif announced.event == "engine_recovered" and announced.fields["state"] == "HALTED":
            self._call_person()

    def on_sending(self, effect: SubmitOrder | SubmitOrderList) -> None:
        """Hear that an order is being written to the socket."""
        self.note("sends", effect)
        self.checker.on_sending(effect)

    def injury_of(self, effect: Effect) -> Injury | None:
        """Count the effects, and injure the chosen one."""
        del effect
        self.effects_seen += 1
        is_chosen = self.effects_seen == self.plan.injured_effect
        return self.plan.injury if is_chosen else None

    def on_ended(self, ending: Ending, why: str) -> None:
        """Bury a process and start the next one, after the machine has booted if it must."""
        self.note("ended", f"{ending.value} {why}")
        self.counts[ending.value] += 1
        self._process = None
        if ending is Ending.BUG or (ending is Ending.STORAGE_ERROR and "UNIQUE" in why):
            self.checker.violate(f"{ending.value}: {why}")
        self._disk.settle_pending()
        delay = self.chance.randrange(_RESTART_MAX)
        if ending is Ending.POWER_CUT:
            self._boots += 1
            self._rings.clear()
            self.counts["rows lost"] += self._disk.cut_power()
            delay = self.chance.randrange(_BOOT_MAX)
            self._clock.jump(self._jump())
            for strategy in self._strategies.values():
                self._restart_worker(strategy)
        if ending is not Ending.STOPPED:
            self._schedule.after(delay, self._start_process)

    # The cast

    def _roster(self) -> dict[int, WishfulStrategy]:
        strategies = {}
        for number in range(1, 1 + self.chance.randrange(1, 5)):
            instrument = self.chance.choice(list(CATALOGUE))
            price = PRICES[instrument.symbol]
            spec = StrategySpec(
                strategy_id=f"wishful-{number}",
                number=number,
                kind="wishful",
                symbol=instrument.symbol,
                parameters={},
            )
            strategies[number] = WishfulStrategy(
                spec=spec,
                instrument=instrument,
                price=price,
                goals=goals_of(self.chance, instrument, price),
                chance=self.chance,
                publish=self._publish,
            )
            # It is not told of the house's dust, which the first buy brings back: below one step.
            most = strategies[number].highest_goal + instrument.step_size - 1
            self.checker.expect(number, most)
        return strategies

    def _start_process(self) -> None:
        self._epoch += 1
        ledger = self._parts.ledger()
        for entry in self._disk.read():
            ledger.apply(entry)
        core = self._parts.core(
            catalogue=InstrumentCatalogue(CATALOGUE),
            strategies=[strategy.spec for strategy in self._strategies.values()],
            limits=LIMITS,
            signal_rules=SIGNAL_RULES,
            order_rules=msgspec.structs.replace(RULES, is_synced=self._disk.durability == "full"),
            capital=CAPITAL,
            ledger=ledger,
            epoch=self._epoch,
            protection_rules=ProtectionRules(),
        )
        estimate = VenueClockEstimate(self._schedule, self._clock, self.chance, self.faults)
        process = ExecutorProcess(
            core=core,
            disk=self._disk,
            venue=self._venue,
            estimate=estimate,
            clock=self._clock,
            schedule=self._schedule,
            chance=self.chance,
            faults=self.faults,
            outside=self,
        )
        self._process = process
        self.note("starts", f"epoch {self._epoch}, boot {self._boots}")
        process.start(f"boot-{self._boots}")

    def _restart_worker(self, strategy: WishfulStrategy) -> None:
        self._epoch += 1
        strategy.restart(self._epoch)

    def _act(self, strategy: WishfulStrategy) -> None:
        strategy.act(self._clock.now())
        self._later(1500 * MS, lambda: self._act(strategy))

    def _publish(self, signal: Signal) -> None:
        self._rings.append(signal)
        self._schedule.after(self.chance.randrange(1, 5 * MS), self._wake_reader)

    def _wake_reader(self) -> None:
        process = self._process
        if process is not None:
            process.run(process.read_signals)
        if self._rings:
            self._schedule.after(100 * MS, self._wake_reader)

    def _emit(self, event: UserEvent) -> None:
        if self._process is not None:
            self._process.line.push(event)

    # What befalls them

    def _befall(self) -> None:
        faults = self.faults
        self._repeat(faults.crash_every, self._kill)
        self._repeat(faults.disconnect_every, self._cut)
        self._repeat(faults.clock_jump_every, self._jump_ahead)
        self._repeat(faults.external_trade_every, self._trade_externally)
        self._repeat(faults.transfer_every, self._transfer)
        self._repeat(faults.worker_restart_every, self._restart_any_worker)
        self._repeat(faults.halt_every, self._venue.halt)
        self._repeat(faults.strike_every, self._venue.strike)
        self._repeat(5 * SECOND, self._disk.sync)
        if self._is_to_liquidate:
            self._schedule.after(self.chance.randrange(self.plan.chaos), self._liquidate)

    def _repeat(self, mean: Nanos, action: Action) -> None:
        """Do something now and then, while the world is not calm."""

        def act() -> None:
            if not self._is_calm:
                action()
                self._repeat(mean, action)

        if mean < CHAOS_MAX * 10:
            self._schedule.after(round(self.chance.expovariate(1 / mean)), act)

    def _look_at_cover(self) -> None:
        """Have every position looked at, again and again, until the world ends."""
        core = None if self._process is None else self._process.core
        self.checker.look_at_cover(
            self._venue, core, self._holders(), self._schedule.now, is_calm=self._is_calm
        )
        self._schedule.after(500 * MS, self._look_at_cover)

    def _holders(self) -> dict[int, tuple[str, Instrument]]:
        return {
            number: (strategy.spec.strategy_id, strategy.instrument)
            for number, strategy in self._strategies.items()
        }

    def _kill(self) -> None:
        if self._process is not None:
            is_power = happens(self.chance, self.faults.power_share)
            self._process.end(Ending.POWER_CUT if is_power else Ending.KILLED, "at any time")

    def _liquidate(self) -> None:
        """Have everything closed, asking until that is so; then it may all begin again."""
        process = self._process
        if process is not None and process.core.ledger.state.liquidated_at:
            self._is_to_liquidate = False
            self.counts["liquidations"] += 1
            self.checker.check_closed(self._venue, self._holders())
            process.run(process.resume)
            return
        if process is not None:
            process.run(process.liquidate)
        self._schedule.after(SECOND, self._liquidate)

    def _cut(self) -> None:
        if self._process is not None:
            self.note("cut")
            self._process.line.cut()

    def _trade_externally(self) -> None:
        if self._is_account_open:
            self._venue.trade_externally()

    def _transfer(self) -> None:
        if self._is_account_open:
            self._venue.transfer()

    @property
    def _is_account_open(self) -> bool:
        """Tell whether balances were opened: what moved before is a part of them."""
        process = self._process
        return process is not None and bool(process.core.ledger.state.opening_balances)

    def _jump_ahead(self) -> None:
        self._clock.jump(abs(self._jump()))

    def _jump(self) -> Nanos:
        most = self.faults.clock_jump_max
        by = self.chance.randrange(-most, most + 1)
        self.note("clock jumps", f"{by / SECOND:.3f} s")
        return by

    def _restart_any_worker(self) -> None:
        self._restart_worker(self.chance.choice(list(self._strategies.values())))

    def _calm_clock(self) -> None:
        if self._process is not None:
            self._process.line.estimate.measure()

    def _call_person(self) -> None:
        """Have a person look at a halt: the balances are what they are, trading may go on."""

        def decide() -> None:
            self._is_person_called = False
            process = self._process
            if self._is_to_liquidate and process and process.core.liquidation.is_on:
                return
            if process is not None and process.core.ledger.state.halt_reason:
                self.note("resumes")
                process.run(process.resume)

        if not self._is_person_called:
            self._is_person_called = True
            self._later(3 * SECOND, decide)

    # The end

    def _is_wrong(self) -> bool:
        return bool(self.checker.violations)

    def _is_all_well(self) -> bool:
        process = self._process
        return (
            process is not None
            and not self._is_to_liquidate
            and process.core.is_drained
            and self._is_ledger_equal(process.core)
            and not self._rings
            and all(
                strategy.is_content
                and strategy.position + _dust_of(strategy, process.core)
                == self.checker.net_of(number)
                for number, strategy in self._strategies.items()
            )
        )

    def _is_ledger_equal(self, core: ExecutionCore) -> bool:
        """Ask the core, and look: it may not have compared since something was moved."""
        return core.comparison.equal is True and all(
            core.ledger.expected_balance(asset) == amount
            for asset, amount in self._venue.balances.items()
        )

    def _complain(self) -> None:
        core = self._process.core if self._process is not None else None
        live = [] if core is None else list(core.ledger.state.live_orders.values())
        wanting = {
            number: (strategy.goals, strategy.position, self.checker.net_of(number))
            for number, strategy in self._strategies.items()
            if not strategy.is_content
        }
        self.checker.violate(
            f"not all well: state {core and core.state.name}, "
            f"live {[(order.intent.client_order_id, order.state.name) for order in live]}, "
            f"equal {core and core.comparison.equal}, "
            f"differences {core and core.comparison.differences}, "
            f"goals, positions and truth {wanting}"
        )

    def _stop(self) -> None:
        """Stop in order; what the disk then holds is what counts."""
        process = self._process
        if process is None:
            return
        process.run(process.stop)
        self._schedule.run_until(self._schedule.now + 30 * SECOND, lambda: self._process is None)
        if self._process is not None:
            self.checker.violate("does not stop")

    def _later(self, most: Nanos, action: Action) -> None:
        self._schedule.after(self.chance.randrange(most // 2, most), action)


def _dust_of(strategy: WishfulStrategy, core: ExecutionCore) -> Quantity:
    held = core.ledger.state.positions.get(strategy.spec.strategy_id, {})
    return sum(position.dust for position in held.values())
