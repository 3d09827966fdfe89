"""`genesis refusals`: what Genesis itself said no to, by which rule, and what it saw.

It reads the journal, beside the engine or without one, so it knows all that was ever refused on
this state. A signal that came again is none of it: its first verdict stands.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Final

import click
import msgspec

from genesis.cli.options import settings_from_options, settings_options
from genesis.domain.orders import RefusalRule
from genesis.engine.entries import SignalRefused
from genesis.engine.state_directory import StateDirectory
from genesis.errors import UsageError
from genesis.limits import REFUSALS_SHOWN_MAX
from genesis.storage.journal_reader import JournalReader
from genesis.storage.refusal_history import RefusalHistory, read_refusals
from genesis.units import NANOS_PER_SECOND, Nanos

_LAST: Final = 20
_STRATEGIES_SHOWN: Final = 20


class RefusalRow(msgspec.Struct, frozen=True):
    """One refusal, as JSON shows it."""

    at: str
    at_ns: Nanos
    strategy: str
    epoch: int
    signal: int
    symbol: str
    rule: str
    limit: str
    observed: str
    wording: str


class RefusalPage(msgspec.Struct, frozen=True):
    """What was asked for: counts of all of it, and the latest, latest first."""

    total: int
    by_rule: dict[str, int]
    by_strategy: dict[str, dict[str, int]]
    refusals: list[RefusalRow]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option(
    "--rule",
    type=click.Choice([rule.value for rule in RefusalRule]),
    help="Only what this rule refused.",
)
@click.option("--strategy", help="Only what this strategy was refused.")
@click.option(
    "--last",
    type=click.IntRange(0, REFUSALS_SHOWN_MAX),
    default=_LAST,
    show_default=True,
    help="How many to show, the latest first; all are counted.",
)
@settings_options
def refusals(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    as_json: bool,
    rule: str | None,
    strategy: str | None,
    last: int,
) -> None:
    """Show which signals were refused, by which rule, its limit and what was seen."""
    settings = settings_from_options(config_file, state, overrides)
    directory = StateDirectory(settings.state_dir)
    journal_path = directory.only_journal()
    numbers = directory.strategy_numbers()
    if strategy is not None and strategy not in numbers:
        raise UsageError(f"--strategy {strategy!r}: none of that name ever ran on {directory.path}")
    number = None if strategy is None else numbers[strategy]
    with closing(JournalReader(journal_path)) as reader:
        history = read_refusals(reader, rule=rule, strategy_number=number, last=last)
    page = make_page(history, {number: name for name, number in numbers.items()})
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(page), indent=2))
    else:
        click.echo("\n".join(page_lines(page)))


def make_page(history: RefusalHistory, names: Mapping[int, str]) -> RefusalPage:
    """Return a history with names in it; the most frequent rule and strategy come first."""
    by_rule: Counter[str] = Counter()
    by_strategy: dict[str, Counter[str]] = {}
    for (number, rule), count in history.counts.items():
        by_rule[rule] += count
        by_strategy.setdefault(_name(number, names), Counter())[rule] += count
    ranked = sorted(by_strategy, key=lambda name: (-by_strategy[name].total(), name))
    return RefusalPage(
        total=by_rule.total(),
        by_rule=_ranked(by_rule),
        by_strategy={name: _ranked(by_strategy[name]) for name in ranked},
        refusals=[_row(entry, names) for entry in history.latest],
    )


def page_lines(page: RefusalPage) -> Iterator[str]:
    """Yield the page for a person to read."""
    yield f"refused     {page.total}: {_words(page.by_rule)}" if page.total else "refused     none"
    for name, counts in islice(page.by_strategy.items(), _STRATEGIES_SHOWN):
        yield f"            {name}: {_words(counts)}"
    if len(page.by_strategy) > _STRATEGIES_SHOWN:
        yield f"            and {len(page.by_strategy) - _STRATEGIES_SHOWN} strategies more"
    if page.refusals:
        yield ""
    for row in page.refusals:
        wording = f"; the venue would say {row.wording!r}" if row.wording else ""
        yield (
            f"{row.at}  {row.strategy}  {row.symbol}  {row.rule}: "
            f"limit {row.limit}, observed {row.observed}{wording}"
        )


def _row(entry: SignalRefused, names: Mapping[int, str]) -> RefusalRow:
    refusal, signal = entry.refusal, entry.signal
    return RefusalRow(
        at=_utc(entry.at),
        at_ns=entry.at,
        strategy=_name(signal.strategy_number, names),
        epoch=signal.epoch,
        signal=signal.sequence,
        symbol=entry.symbol,
        rule=refusal.rule.value,
        limit=refusal.limit,
        observed=refusal.observed,
        wording=refusal.wording,
    )


def _name(number: int, names: Mapping[int, str]) -> str:
    return names.get(number, f"number {number}")


def _ranked(counts: Counter[str]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts, key=lambda name: (-counts[name], name))}


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {rule}" for rule, count in counts.items())


def _utc(at: Nanos) -> str:
    seconds, rest = divmod(at, NANOS_PER_SECOND)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1_000)
    return moment.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00") + "Z"
