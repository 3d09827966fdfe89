"""The word that real money needs: `--live` on the command line, and a person who says so."""

import sys

import click

from genesis.config import Settings
from genesis.errors import UsageError

_SYMBOLS_SHOWN_MAX = 12


def check_live_options(settings: Settings, *, is_live: bool, is_confirmed: bool) -> None:
    """Refuse a mode `live` that only the configuration asks for, and options that mean another.

    Raises:
        UsageError: Mode and options differ. The message says how to start what is meant.
    """
    if settings.mode == "live":
        if not is_live:
            raise UsageError(
                "mode is live, which trades with real money: start it by `genesis run --live`, "
                "which asks you to confirm, or by `genesis run --live --yes` in a service file"
            )
        if not is_confirmed and not sys.stdin.isatty():
            raise UsageError(
                "--live: there is no terminal to confirm at; add --yes where nobody can be asked, "
                "as in a service file"
            )
    elif is_live:
        raise UsageError(
            f"--live: the configuration says mode {settings.mode}; set mode to live to trade with "
            "real money, or drop --live"
        )
    elif is_confirmed:
        raise UsageError("--yes: it confirms --live, and goes with it")


def ask_for_confirmation(settings: Settings) -> None:
    """Show at the terminal what is about to be risked, and have its amount typed.

    Raises:
        UsageError: Something else was typed. Nothing is started.
    """
    symbols = settings.named_symbols
    shown = ", ".join(symbols[:_SYMBOLS_SHOWN_MAX])
    more = len(symbols) - _SYMBOLS_SHOWN_MAX
    canary = settings.canary
    words = f"{settings.capital_quote:f} {settings.quote_asset}"
    click.echo(
        f"This trades with REAL MONEY: {words} of your account, by {settings.strategy_count} "
        f"strategies on {shown}{f' and {more} more' if more > 0 else ''}.\n"
        f"A day may cost {settings.daily_loss_limit} {settings.quote_asset} before entries stop. "
        f"It begins with a canary: entries up to {canary.max_notional} {settings.quote_asset}, "
        f"for {canary.duration_s} s."
    )
    answer = click.prompt(f"Type {words} to begin", default="", show_default=False)
    if answer.strip() != words:
        raise UsageError("--live: not confirmed, so nothing was started")
