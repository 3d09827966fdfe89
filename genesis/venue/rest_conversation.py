"""REST requests on their way, from coming in to being answered."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus

from genesis.units import Nanos
from genesis.venue.fates import ReplyForm
from genesis.venue.http_messages import HttpReply, HttpRequest, HttpRouter, html_response
from genesis.venue.refusals import Refused
from genesis.venue.request_desk import Admitted, RequestDesk
from genesis.venue.request_way import RequestVenue, RequestWay, occasion_of
from genesis.venue.rest_api import ENDPOINTS, RETIRED_ENDPOINTS, RestApi


class _RestCounterpart:
    """Who asked over REST: a request, and one reply that it waits for."""

    __slots__ = ("_api", "_reply")

    def __init__(self, api: RestApi, reply: HttpReply) -> None:
        self._api = api
        self._reply = reply

    def refuse(self, asked: Admitted, refusal: Refused, now: Nanos) -> None:
        del asked
        self._reply.send(self._api.refuse(refusal, now))

    def forward(self, asked: Admitted, now: Nanos) -> None:
        self._api.forward(asked, now)

    def execute(self, asked: Admitted, form: ReplyForm, now: Nanos) -> Callable[[], None]:
        response = self._api.execute(asked, now)
        if form is ReplyForm.GARBLED:
            response = response.cut_short()
        return partial(self._reply.send, response)

    def cut(self) -> None:
        self._reply.cut()


class RestConversations:
    """Carries each request to the exchange, and its answer back."""

    def __init__(self, desk: RequestDesk, venue: RequestVenue) -> None:
        self._api = RestApi(desk)
        self._venue = venue

    def add_to(self, router: HttpRouter) -> None:
        """Take over the paths of the API."""
        for (verb, path), method in ENDPOINTS.items():
            router.add(verb, path, partial(self._receive, method))
        for verb, path in RETIRED_ENDPOINTS:
            router.add(verb, path, _say_gone)

    def _receive(self, method: str, request: HttpRequest, reply: HttpReply) -> None:
        venue = self._venue
        now = venue.now()
        asked = self._api.admit(method, request, now)
        fate = venue.faults.request_fate(occasion_of(asked, "rest", request.address), now)
        RequestWay(venue, _RestCounterpart(self._api, reply), asked, fate).begin()


def _say_gone(_: HttpRequest, reply: HttpReply) -> None:
    reply.send(html_response(HTTPStatus.GONE))
