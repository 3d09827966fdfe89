"""The admin call: faults for a running venue, as JSON over HTTP on its own loopback port.

| request | does | answers |
|---|---|---|
| POST /admin/faults | takes one fault, or a list of them | 201, `{"numbers":[...]}` |
| GET /admin/faults | tells what is armed, what is over, what struck | 200, a `FaultReport` |
| DELETE /admin/faults | clears all, or `?number=` one | 200, `{}` |

What describes no fault is answered 400, `{"error":"..."}`, and none of its list is taken. It is
there only where the configuration says `admin`; live modes have no venue, hence no such call.
"""

from http import HTTPStatus
from urllib.parse import parse_qs

from genesis.venue.fault_documents import FaultRefused, read_faults
from genesis.venue.fault_stage import FaultStage
from genesis.venue.http_messages import (
    HttpReply,
    HttpRequest,
    HttpResponse,
    HttpRouter,
    json_response,
)

FAULTS_PATH = "/admin/faults"


class FaultAdmin:
    """Gives a venue's stage the faults that come by HTTP."""

    def __init__(self, stage: FaultStage) -> None:
        self._stage = stage

    def add_to(self, router: HttpRouter) -> None:
        """Take over the path of the call."""
        router.add("POST", FAULTS_PATH, self._give)
        router.add("GET", FAULTS_PATH, self._report)
        router.add("DELETE", FAULTS_PATH, self._clear)

    def _give(self, request: HttpRequest, reply: HttpReply) -> None:
        try:
            numbers = self._stage.give(read_faults(request.body))
        except FaultRefused as refusal:
            reply.send(_refused(str(refusal)))
        else:
            reply.send(json_response({"numbers": numbers}, HTTPStatus.CREATED))

    def _report(self, _: HttpRequest, reply: HttpReply) -> None:
        reply.send(json_response(self._stage.report()))

    def _clear(self, request: HttpRequest, reply: HttpReply) -> None:
        named = parse_qs(request.query.decode(errors="replace")).get("number", [])
        for number in named:
            if not number.isdecimal() or not self._stage.clear(int(number)):
                reply.send(_refused(f"no fault has the number {number}; GET {FAULTS_PATH} tells"))
                return
        if not named:
            self._stage.clear_all()
        reply.send(json_response({}))


def _refused(text: str) -> HttpResponse:
    return json_response({"error": text}, HTTPStatus.BAD_REQUEST)
