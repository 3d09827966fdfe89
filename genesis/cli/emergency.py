"""`genesis kill` and `genesis resume`: close everything of ours, and let trading begin again."""

import sys
import time
from pathlib import Path
from typing import Final

import click
import msgspec

from genesis.cli.options import settings_from_options, settings_options
from genesis.cli.status import render_liquidation
from genesis.config import Settings
from genesis.control_socket import ControlClient
from genesis.errors import GenesisError, UsageError
from genesis.status import StatusDocument

_LOOK_EVERY_S: Final = 0.25
_YES_HELP: Final = "Do not ask; for a script."


@click.command()
@click.option("--yes", "is_confirmed", is_flag=True, help=_YES_HELP)
@click.option(
    "--wait",
    "wait_s",
    metavar="SECONDS",
    type=click.IntRange(0),
    default=60,
    show_default=True,
    help="For how long to look on.",
)
@settings_options
def kill(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    is_confirmed: bool,
    wait_s: int,
) -> None:
    """Halt, cancel every order of Genesis and sell every lot it holds, now.

    Nothing else of the account is touched. The engine runs on, halted, until `genesis resume`; what
    is not closed when this command ends, the engine goes on with.
    """
    settings = settings_from_options(config_file, state, overrides)
    document = _status(settings)
    if not is_confirmed:
        _confirm(
            "kill",
            f"This cancels all orders of Genesis and sells all it holds ({_held(document)}).",
        )
    with ControlClient(settings.control_socket_path) as client:
        client.ask("kill")
    _look_on(settings, wait_s)


@click.command()
@click.option("--yes", "is_confirmed", is_flag=True, help=_YES_HELP)
@click.option(
    "--accept-differences",
    is_flag=True,
    help="The account's balances are right, whatever moved them.",
)
@settings_options
def resume(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    is_confirmed: bool,
    accept_differences: bool,
) -> None:
    """Lift every halt: positions may be opened again."""
    settings = settings_from_options(config_file, state, overrides)
    document = _status(settings)
    if not is_confirmed:
        why = document.halt_reason or "nothing is halted"
        closing = document.liquidation
        unsold = "" if closing is None or closing.is_over else f"; {render_liquidation(closing)}"
        _confirm("resume", f"Halted: {why}{unsold}.")
    words = {"accept_differences": "yes"} if accept_differences else {}
    with ControlClient(settings.control_socket_path) as client:
        answer = client.ask("resume", **words)
    click.echo(f"resumed: {answer['state']}")


def _status(settings: Settings) -> StatusDocument:
    with ControlClient(settings.control_socket_path) as client:
        return msgspec.convert(client.ask("status"), StatusDocument)


def _held(document: StatusDocument) -> str:
    return f"{document.open_orders} open orders, equity {document.equity}"


def _confirm(word: str, what: str) -> None:
    """Have the command's own word typed at the terminal.

    Raises:
        UsageError: Nobody can be asked, or something else was typed. Nothing is done.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"{word}: there is no terminal to confirm at; add --yes")
    click.echo(what)
    answer = click.prompt(f"Type {word} to go on", default="", show_default=False)
    if answer.strip() != word:
        raise UsageError(f"{word}: not confirmed, so nothing was done")


def _look_on(settings: Settings, wait_s: int) -> None:
    """Print how far it is, whenever that changes, until everything is closed.

    Raises:
        GenesisError: It is not in time; the lines name what is left.
    """
    ends_at, shown = time.monotonic() + wait_s, ""
    while True:
        closing = _status(settings).liquidation
        line = "asked" if closing is None else render_liquidation(closing)
        if line != shown:
            click.echo(f"kill: {line}")
            shown = line
        left = () if closing is None else closing.left
        is_over = closing is not None and closing.is_over
        if is_over or time.monotonic() >= ends_at:
            for each in left:
                click.echo(f"left: {each}")
        if is_over:
            return
        if time.monotonic() >= ends_at:
            raise GenesisError(
                f"not everything is closed after {wait_s} s; the engine goes on with it: "
                "see `genesis status`"
            )
        time.sleep(_LOOK_EVERY_S)
