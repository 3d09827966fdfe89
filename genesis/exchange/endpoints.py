"""Where a venue listens, by whose word it is known to be the venue, and how it tells the time."""

from typing import Final

import msgspec

from genesis.config_exchange import TimeUnit

_VENUES_OWN: Final[TimeUnit] = "millisecond"


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's addresses.

    `ws_api_url` and `rest_url` include the path of a version (`/ws-api/v3`, `/api/v3`). `ca_file`
    names certificate authorities that are believed beside the system's own; "" for none.
    `time_unit` is what the venue is asked to count times in: see `asking_for` and `RestClient`.
    """

    streams_url: str
    ws_api_url: str
    rest_url: str
    ca_file: str = ""
    time_unit: TimeUnit = _VENUES_OWN

    def asking_for(self, time_unit: TimeUnit) -> "Endpoints":
        """Return the same addresses, asking for a unit on every way (`binance-spot.md` section 2).

        Of a unit that is the venue's own nothing is said.
        """
        if time_unit == _VENUES_OWN:
            return self
        query = f"?timeUnit={time_unit.upper()}"
        return msgspec.structs.replace(
            self,
            streams_url=self.streams_url + query,
            ws_api_url=self.ws_api_url + query,
            time_unit=time_unit,
        )
