"""The `genesis` command: its subcommands, and how an error becomes a line and an exit code."""

import importlib
from collections.abc import Sequence
from typing import Final

import click

from genesis import __version__
from genesis.errors import EXIT_OK, EXIT_USAGE, GenesisError

_COMMANDS: Final = {
    "run": "run",
    "status": "control",
    "refusals": "refusals",
    "stop": "control",
    "kill": "emergency",
    "resume": "emergency",
    "execute": "execute",
    "doctor": "doctor",
    "db": "db",
    "check": "configuration",
    "config": "configuration",
}
"""Each command's module: `genesis status` need not load what PostgreSQL or the doctor need."""

EXIT_INTERRUPTED: Final = 130


class _Commands(click.Group):
    """Commands that are loaded when they are wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002, the library's
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command = getattr(importlib.import_module(f"genesis.cli.{module}"), cmd_name)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=_Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="genesis")
def genesis() -> None:
    """Run many trading strategies on Binance spot, with one safe path for their orders."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a command line and return the exit code; an error is told in a line on stderr."""
    try:
        code = genesis.main(arguments, prog_name="genesis", standalone_mode=False)
    except click.ClickException as error:
        place = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        click.echo(f"genesis: {error.format_message()}", err=True)
        click.echo(f"genesis: see {place or 'genesis'} --help", err=True)
        return EXIT_USAGE
    except GenesisError as error:
        for line in str(error).splitlines():
            click.echo(f"genesis: {line}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else EXIT_OK
