"""Where a venue listens, and by whose word it is known to be the venue."""

import msgspec


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's addresses.

    `ws_api_url` and `rest_url` include the path of a version (`/ws-api/v3`, `/api/v3`). `ca_file`
    names certificate authorities that are believed beside the system's own; "" for none.
    """

    streams_url: str
    ws_api_url: str
    rest_url: str
    ca_file: str = ""
