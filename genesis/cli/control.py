"""`genesis status` and `genesis stop`: words with a running engine."""

import os
import select
from pathlib import Path
from typing import Final

import click
import msgspec

from genesis.cli.options import settings_from_options, settings_options
from genesis.cli.status import render_status_page
from genesis.config import Settings
from genesis.control_socket import ControlClient
from genesis.errors import GenesisError, UsageError
from genesis.status import StatusDocument

_STOP_SLACK_S: Final = 5


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the whole document as JSON.")
@settings_options
def status(
    config_file: Path | None, state: Path | None, overrides: tuple[str, ...], *, as_json: bool
) -> None:
    """Show what the running engine does."""
    settings = settings_from_options(config_file, state, overrides)
    with ControlClient(settings.control_socket_path) as client:
        document = client.ask("status")
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2))
    else:
        click.echo(render_status_page(msgspec.convert(document, StatusDocument)), nl=False)


@click.command()
@click.option("--cancel", "cancels", is_flag=True, help="Cancel what protects positions, too.")
@click.option("--flatten", "flattens", is_flag=True, help="Sell every lot of Genesis first.")
@settings_options
def stop(
    config_file: Path | None,
    state: Path | None,
    overrides: tuple[str, ...],
    *,
    cancels: bool,
    flattens: bool,
) -> None:
    """Stop the running engine in good order, and wait until it is gone.

    Orders are canceled, and what protects positions stays at the venue, unless an option says
    otherwise. What could not be sold in time is sold at the next start, which is halted then.
    """
    if cancels and flattens:
        raise UsageError("--cancel keeps positions and --flatten sells them: name one")
    settings = settings_from_options(config_file, state, overrides)
    pid = _ask_to_stop(settings, "cancel" if cancels else "flatten" if flattens else "hold")
    click.echo(f"stopped: engine {pid}")


def _ask_to_stop(settings: Settings, policy: str) -> int:
    with ControlClient(settings.control_socket_path) as client:
        pid = client.engine_pid
        pidfd = os.pidfd_open(pid)  # before it is told, so that no other process can have its pid
        try:
            client.ask("stop", policy=policy)
            timeout_s = settings.supervision.stop_timeout_s + _STOP_SLACK_S
            if not select.select([pidfd], [], [], timeout_s)[0]:
                raise GenesisError(
                    f"{settings.state_dir}: engine {pid} still runs after {timeout_s} s; "
                    "see its log, then kill it: its successor recovers"
                )
        finally:
            os.close(pidfd)
    return pid
