"""The layer around routes: each answer is counted by its route's name, and nothing that is raised is shown."""

import httpx
import pytest
from kit.edge import Edge
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


@pytest.fixture
def counted():
    return []


@pytest.fixture
async def web(counted):
    async def fine(_: Request) -> Response:
        return PlainTextResponse("fine")

    async def broken(_: Request) -> Response:
        raise ValueError("hanako1990")

    async def cut(_: Request) -> Response:
        async def body():
            yield b"half"
            raise ValueError("hanako1990")

        return StreamingResponse(body())

    def answer_to(error, scope):
        status = error.status_code if isinstance(error, HTTPException) else 500
        return PlainTextResponse(f"{type(error).__name__} at {scope['path']}", status)

    routes = [
        Route("/fine", fine, methods=["GET"], name="fine"),
        Route("/broken/{id}", broken, methods=["GET"], name="broken"),
        Route("/cut", cut, methods=["GET"], name="cut"),
    ]
    edge = Edge(routes, answer_to, lambda route, status, seconds: counted.append((route, status, seconds >= 0)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://edge") as client:
        yield client


async def test_an_answer_is_counted_by_the_name_of_its_route(web, counted):
    assert (await web.get("/fine")).text == "fine"
    assert counted == [("fine", 200, True)]


async def test_what_a_route_does_after_its_answer_is_not_counted(monkeypatch):
    moment = 0.0
    monkeypatch.setattr("kit.edge.time.perf_counter", lambda: moment)

    async def afterwards():
        nonlocal moment
        moment += 100

    async def fine(_: Request) -> Response:
        nonlocal moment
        moment += 2
        return PlainTextResponse("fine", background=BackgroundTask(afterwards))

    counted = []
    edge = Edge([Route("/", fine, name="fine")], lambda *_: Response(), lambda *answered: counted.append(answered))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://edge") as client:
        await client.get("/")
    assert counted == [("fine", 200, 2.0)]
    assert moment == 102


async def test_what_a_route_raises_is_rendered_and_counted(web, counted):
    answer = await web.get("/broken/secret")
    assert (answer.status_code, answer.text) == (500, "ValueError at /broken/secret")
    assert counted == [("broken", 500, True)]


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/fine", 405)])
async def test_unknown_paths_and_methods_are_rendered_too(web, counted, method, path, status):
    answer = await web.request(method, path)
    assert answer.status_code == status
    assert answer.text.startswith("HTTPException")
    assert [entry[1] for entry in counted] == [status]


async def test_an_answer_that_has_begun_is_cut_and_not_answered_twice(web):
    with pytest.raises(ValueError, match="hanako"):
        await web.get("/cut")


async def test_what_is_not_http_is_left_alone(counted):
    edge = Edge([], lambda *_: Response(), lambda *answered: counted.append(answered))
    await edge({"type": "lifespan"}, None, None)
    assert counted == []
