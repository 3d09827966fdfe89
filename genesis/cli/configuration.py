"""`genesis check` and `genesis config`: the configuration, judged and shown."""

from pathlib import Path

import click

from genesis.cli.options import settings_from_options, settings_options
from genesis.cli.settings_document import settings_document
from genesis.credentials import load_credentials


@click.command()
@settings_options
def check(config_file: Path | None, state: Path | None, overrides: tuple[str, ...]) -> None:
    """Validate the configuration and the key file, and start nothing."""
    settings = settings_from_options(config_file, state, overrides)
    load_credentials(settings.credentials.key_file)
    click.echo("configuration: ok")


@click.command()
@settings_options
def config(config_file: Path | None, state: Path | None, overrides: tuple[str, ...]) -> None:
    """Print the effective configuration as TOML, each key with what it means."""
    settings = settings_from_options(config_file, state, overrides)
    click.echo(settings_document(settings), nl=False)
