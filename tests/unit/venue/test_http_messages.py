"""`genesis.venue.http_messages`: what a response is made of, and who answers."""

from http import HTTPStatus

from genesis.venue.http_messages import (
    HttpReply,
    HttpRequest,
    HttpRouter,
    html_response,
    json_response,
)


def test_a_document_is_json_of_the_live_type() -> None:
    """The official client reads errors only in this type."""
    response = json_response({"code": -1}, 400, (("Retry-After", "1"),))

    assert (response.status, response.body) == (400, b'{"code":-1}')
    assert response.content_type == "application/json;charset=UTF-8"
    assert response.headers == (("Retry-After", "1"),)


def test_a_proxys_word_is_html() -> None:
    """Nobody can take it for a document."""
    response = html_response(HTTPStatus.GONE)

    assert (response.status, response.content_type) == (410, "text/html")
    assert b"<h1>410 Gone</h1>" in response.body


def test_a_handler_answers_its_verb_and_path_alone() -> None:
    """Others find nobody."""

    def answer(request: HttpRequest, reply: HttpReply) -> None:
        del request
        reply.send(json_response({}))

    router = HttpRouter()
    router.add("GET", "/a", answer)

    assert router.find(HttpRequest(verb="GET", path="/a", query=b"x=1")) is answer
    assert router.find(HttpRequest(verb="POST", path="/a")) is None
    assert router.find(HttpRequest(verb="GET", path="/a/")) is None
