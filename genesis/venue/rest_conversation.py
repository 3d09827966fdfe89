"""A REST request's way, from coming in to being answered."""

from functools import partial
from http import HTTPStatus

from genesis.venue.api_conversation import ApiVenue
from genesis.venue.http_messages import HttpReply, HttpRequest, HttpRouter, html_response
from genesis.venue.request_desk import Admitted, RequestDesk
from genesis.venue.rest_api import ENDPOINTS, RETIRED_ENDPOINTS, RestApi


class RestConversations:
    """Carries each request to the exchange, and its answer back."""

    def __init__(self, desk: RequestDesk, venue: ApiVenue) -> None:
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
        admitted = self._api.admit(method, request, venue.now())
        venue.after(venue.latency, partial(self._execute, admitted, reply))

    def _execute(self, admitted: Admitted, reply: HttpReply) -> None:
        venue = self._venue
        if venue.has_failed:
            return
        now = venue.now()
        self._api.forward(admitted, now)
        reply.send(self._api.execute(admitted, now))
        venue.tell()


def _say_gone(_: HttpRequest, reply: HttpReply) -> None:
    reply.send(html_response(HTTPStatus.GONE))
