"""The settings of the records: which database keeps them."""

from typing import Annotated, Final
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from genesis.config_fields import AbsolutePath, Section, is_loopback

_SCHEMES: Final = ("postgresql", "postgres")
_UNENCRYPTED: Final = frozenset({"disable", "allow", "prefer"})
_OURS: Final = frozenset({"password", "passfile", "options", "connect_timeout", "application_name"})


def _records_url(value: str) -> str:
    """Check a PostgreSQL URL. The message never repeats it: it may hold a password."""
    url = urlsplit(value)
    if url.scheme not in _SCHEMES or not url.path.strip("/"):
        raise ValueError("must be a URL such as postgresql://user@host:5432/database")
    if url.password is not None:
        raise ValueError(
            "holds a password, which is not a setting: write it to a file of mode 0600, and name "
            "that in records.password_file"
        )
    if url.fragment:
        raise ValueError("must end with the database's name, or with ?sslmode=... and the like")
    options = dict(parse_qsl(url.query))
    for name in options.keys() & _OURS:
        raise ValueError(f"must not set {name}")
    _port = url.port  # it raises for one that is no number
    checked = f"postgresql{value[len(url.scheme) :]}"
    host = url.hostname or options.get("host", "")
    if not host or host.startswith("/") or is_loopback(host):
        return checked
    mode = options.get("sslmode")
    if mode in _UNENCRYPTED:
        raise ValueError(
            f"has sslmode={mode}: anybody on the way could read the records of another machine; "
            "set require, verify-ca or verify-full"
        )
    return checked if mode else f"{checked}{'&' if url.query else '?'}sslmode=require"


RecordsUrl = Annotated[str, AfterValidator(_records_url)]
"""A database on a PostgreSQL server, without a password; encrypted, if on another machine."""


class RecordsSettings(Section):
    """Where orders, fills, positions, equity and the rest are recorded, for people to look at."""

    url: RecordsUrl | None = Field(
        None,
        description="PostgreSQL, such as postgresql://genesis@host/genesis?sslmode=verify-full; "
        "to another machine sslmode is `require` at least. Default: SQLite, the file records.db in "
        "`state_dir`.",
    )
    password_file: AbsolutePath | None = Field(
        None,
        description="File with PostgreSQL's password in its first line; mode 0600, ours. Default: "
        "GENESIS_RECORDS_PASSWORD, or what PostgreSQL's own ~/.pgpass says.",
    )
    backups_kept: int = Field(
        14,
        ge=0,
        le=1_000,
        description="A backup of the state directory is made every day, by UTC, and so many are "
        "kept; 0: none is made.",
    )
    backup_dir: AbsolutePath | None = Field(
        None,
        description="Where backups are kept; better on another disk. Default: `backups` in "
        "`state_dir`.",
    )
