"""`genesis execute`: a large order for a strategy, worked in slices by the running engine."""

from collections.abc import Mapping
from pathlib import Path

import click

from genesis.cli.options import duration_in_seconds, settings_from_options, settings_options
from genesis.control_socket import ControlClient
from genesis.errors import UsageError

_BASIS_POINTS_HELP = "in 0.01 %; 0 for no such limit."


@click.command()
@click.option("--for-strategy", "strategy", help="Whose order it is, and whose lots.")
@click.option("--symbol", help="What to trade; it must be the strategy's own.")
@click.option("--side", type=click.Choice(["buy", "sell"]), help="A sale closes own lots only.")
@click.option("--notional", metavar="50000", help="How much, in the quote asset.")
@click.option("--quantity", metavar="0.5", help="Or how much, in the base asset.")
@click.option("--algo", type=click.Choice(["iceberg", "twap", "vwap"]), help="How to work it.")
@click.option("--over", metavar="60s|5m|24h", help="The schedule's length; an iceberg's time-out.")
@click.option("--slices", metavar="N", help="How often a quantity falls due; default every 2 s.")
@click.option("--clip", metavar="2500", help="What an iceberg shows, in the quote asset.")
@click.option("--limit", "limit_price", metavar="PRICE", help="The worst price to pay.")
@click.option(
    "--impact-bps", metavar="50", help=f"Wait beyond this from arrival, {_BASIS_POINTS_HELP}"
)
@click.option(
    "--slippage-bps", metavar="100", help=f"Give up beyond this from arrival, {_BASIS_POINTS_HELP}"
)
@click.option(
    "--participation-bps", metavar="1000", help=f"Most of the market's volume, {_BASIS_POINTS_HELP}"
)
@click.option(
    "--curve",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A VWAP's volumes by equal parts of its length, one number a line. Default: what the "
    "market traded in as long a time until now.",
)
@click.option("--cancel", metavar="N", help="End the parent order of this number instead.")
@settings_options
def execute(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    over: str | None,
    curve: Path | None,
    cancel: str | None,
    **options: str | None,
) -> None:
    """Have the running engine work a large order in slices, or end one.

    `genesis status` shows how far it is.
    """
    settings = settings_from_options(config_file, state, overrides)
    words = {name: word for name, word in options.items() if word is not None}
    if cancel is not None and (words or over or curve):
        raise UsageError("--cancel N stands alone")
    if over is not None:
        words["over_s"] = str(duration_in_seconds(over))
    if curve is not None:
        words["curve"] = ",".join(curve.read_text().split())
    with ControlClient(settings.control_socket_path) as client:
        if cancel is not None:
            client.ask("cancel_parent", number=cancel)
            click.echo(f"canceled: parent {cancel}")
            return
        click.echo(_opened(client.ask("execute", **words)))


def _opened(result: Mapping[str, object]) -> str:
    return (
        f"opened: parent {result['parent']}, {result['side']} {result['quantity']} "
        f"{result['symbol']} by {result['algorithm']}, arrival {result['arrival_price']}"
    )
