"""One request's way through the venue, from coming in to being answered, as its fate has it."""

from collections.abc import Callable
from functools import partial
from typing import Generic, Protocol, TypeVar

from genesis.units import Nanos
from genesis.venue.exchange import Exchange
from genesis.venue.fates import ReplyForm, RequestFate
from genesis.venue.fault_desk import FaultDesk
from genesis.venue.ledger import OrderKey
from genesis.venue.parameters import Parameters
from genesis.venue.refusals import Refused
from genesis.venue.request_desk import Admitted
from genesis.venue.request_faults import RequestOccasion, Transport

_Asked = TypeVar("_Asked", bound=Admitted)
_Asked_contra = TypeVar("_Asked_contra", bound=Admitted, contravariant=True)


class RequestVenue(Protocol):
    """The server, as the ways of requests see it."""

    @property
    def has_failed(self) -> bool:
        """Whether the venue answers nothing more."""

    @property
    def faults(self) -> FaultDesk:
        """What goes wrong."""

    @property
    def latency(self) -> Nanos:
        """How long a request is on its way."""

    @property
    def exchange(self) -> Exchange:
        """Where requests are carried out."""

    def now(self) -> Nanos:
        """Return the venue's time."""

    def after(self, delay: Nanos, act: Callable[[], None]) -> None:
        """Act when a delay is over: at once if there is none."""

    def tell(self) -> None:
        """Send the events of the last step."""


class Counterpart(Protocol[_Asked_contra]):
    """Who asked, on its transport."""

    def refuse(self, asked: _Asked_contra, refusal: Refused, now: Nanos) -> None:
        """Answer with a refusal."""

    def forward(self, asked: _Asked_contra, now: Nanos) -> None:
        """Hand an admitted request to matching, unless it has grown too old."""

    def execute(self, asked: _Asked_contra, form: ReplyForm, now: Nanos) -> Callable[[], None]:
        """Carry a forwarded request out; return what sends the reply, each time it is called."""

    def cut(self) -> None:
        """Cut the connection off."""


class RequestWay(Generic[_Asked]):
    """The way of one request that was admitted."""

    __slots__ = ("_asked", "_counterpart", "_fate", "_venue")

    def __init__(
        self,
        venue: RequestVenue,
        counterpart: Counterpart[_Asked],
        asked: _Asked,
        fate: RequestFate,
    ) -> None:
        self._venue = venue
        self._counterpart = counterpart
        self._asked = asked
        self._fate = fate

    def begin(self) -> None:
        """Send the request on its way."""
        venue, fate = self._venue, self._fate
        if fate.answer is not None:
            self._counterpart.refuse(self._asked, fate.answer, venue.now())
        if fate.cuts_connection:
            self._counterpart.cut()
        if fate.is_executed:
            venue.after(venue.latency + fate.delay, self._forward)

    def _forward(self) -> None:
        """Hand the request to the matching engine's queue, unless it has grown too old."""
        now = self._venue.now()
        self._counterpart.forward(self._asked, now)
        self._venue.after(self._fate.queue_delay, partial(self._execute, now))

    def _execute(self, forwarded_at: Nanos) -> None:
        venue, fate, asked = self._venue, self._fate, self._asked
        if venue.has_failed:
            return
        now = venue.now()
        # However starved this process is, it keeps the bound that clients rely on.
        if fate.queue_delay and now - forwarded_at > fate.queue_delay_max:
            return
        if fate.is_filled_first:
            venue.exchange.operations.fill(_named_order(asked), now)
        send_reply = self._counterpart.execute(asked, fate.reply_form, now)
        if fate.hidden_for:
            for given_id in _given_ids(asked.parameters):
                venue.faults.order_placed(given_id, fate.hidden_for, now)
        if fate.events_first:
            venue.tell()
        for delay in fate.reply_delays:
            venue.after(delay, send_reply)
        venue.tell()


def occasion_of(asked: Admitted, transport: Transport, address: str) -> RequestOccasion:
    """Return a request as faults see it."""
    texts = asked.parameters.texts
    return RequestOccasion(
        method=asked.method,
        symbol=texts.get("symbol", ""),
        client_order_id=_client_order_id(asked.parameters),
        transport=transport,
        address=address,
    )


def _client_order_id(parameters: Parameters) -> str:
    """Return the client order id that a request names, or else gives."""
    texts = parameters.texts
    names = ("origClientOrderId", "listClientOrderId", "newClientOrderId")
    return next((texts[name] for name in names if texts.get(name)), "")


def _given_ids(parameters: Parameters) -> list[str]:
    """Return the client ids that a placement gives: to an order, or to a list and its legs."""
    names = ("newClientOrderId", "listClientOrderId", "aboveClientOrderId", "belowClientOrderId")
    return [parameters.texts[name] for name in names if parameters.texts.get(name)]


def _named_order(asked: Admitted) -> OrderKey:
    """Return which order a request names; nobody's if it does so in no way."""
    texts = asked.parameters.texts
    order_id = texts.get("orderId", "")
    return OrderKey(
        account_id=asked.account_id,
        symbol=texts.get("symbol", ""),
        order_id=int(order_id) if order_id.isdecimal() else 0,
        client_order_id=texts.get("origClientOrderId", ""),
    )
