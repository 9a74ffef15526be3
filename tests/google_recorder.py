"""A server between Google's clients and an emulator, which checks requests against Google's own description.

Emulators ignore fields that they do not know, and preconditions, locations and limits that they do not have.
What was sent can be looked at here, whatever the emulator made of it.
"""

from __future__ import annotations

import http.client
import json
import re
import threading
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

import googleapiclient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DOCUMENTS = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents"
_NOT_SENT_ON = frozenset({"host", "content-length", "accept-encoding", "connection"})
_SENT_BY_CLIENTS = ("uploadType", "upload_id", "projection")
"""Parameters that Google's own clients send, although they are in no description."""
_NUMBERS = {"int32": int, "uint32": int, "double": float, "float": float}


@dataclass(frozen=True)
class Request:
    """A request as it came.

    :param method: Google's id of the method that was called, such as ``bigquery.jobs.insert``
    :param body: the JSON object that was sent; of an upload, the object's metadata
    """

    verb: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    method: str


Answer = tuple[int, dict[str, Any]]
"""Status and JSON of an answer."""


@dataclass
class Recorder:
    """Records requests to a service of Google, in a ``with`` statement.

    :param document: name and version of the service's description, such as ``bigquery.v2``
    :param forward: URL of the emulator that gets each request that has no answer here
    :param answers: what is answered to a method, in place of the emulator
    """

    document: str
    forward: str | None = None
    answers: dict[str, Answer | Callable[[Request], Answer | None]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, headers, answer = recorder.answer(
                    self.command, self.path, dict(self.headers), content
                )
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def calls(self, method: str) -> list[Request]:
        """Return the requests that called a method of Google."""
        return [request for request in self.requests if request.method == method]

    def jobs(self, kind: str) -> list[Request]:
        """Return the requests that started jobs of a kind: ``query`` or ``load``."""
        inserted = self.calls("bigquery.jobs.insert")
        return [request for request in inserted if kind in request.body["configuration"]]

    def answer(
        self, verb: str, target: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        """Record a request, and return the status, headers and body of its answer."""
        url = urlsplit(target)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        body = _json_of(content, headers.get("Content-Type") or headers.get("content-type") or "")
        found = next((one for one in _methods(self.document) if one.fits(verb, url.path)), None)
        request = Request(verb, url.path, query, body, found.id if found else "")
        self.requests.append(request)
        if found is None:
            if "upload_id" not in query:
                self.problems.append(f"{verb} {url.path}: there is no such method")
        else:
            self.problems += found.problems(query, body)
        answer = self.answers.get(request.method)
        if callable(answer):
            answer = answer(request)
        if answer is not None:
            return answer[0], {"Content-Type": "application/json"}, json.dumps(answer[1]).encode()
        if self.forward is None:
            return 404, {"Content-Type": "application/json"}, b'{"error": {"code": 404, "message": "none"}}'
        return self._forwarded(verb, target, headers, content)

    def _forwarded(
        self, verb: str, target: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        assert self.forward
        connection = http.client.HTTPConnection(urlsplit(self.forward).netloc, timeout=120)
        sent = {name: value for name, value in headers.items() if name.lower() not in _NOT_SENT_ON}
        connection.request(verb, target, content, sent)
        with closing(connection), connection.getresponse() as response:
            answer = response.read()
            kept = {
                name: value.replace(self.forward, self.url)
                for name, value in response.getheaders()
                if name.lower() not in {"content-length", "transfer-encoding", "connection", "date", "server"}
            }
            return response.status, kept, answer


def _json_of(content: bytes, kind: str) -> dict[str, Any]:
    """Return the JSON object of a request; of one with several parts, the first part's."""
    if "multipart/related" in kind:
        _, _, content = content.partition(b"\r\n\r\n")
        content = content.split(b"\r\n--", 1)[0]
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class _Method:
    """A method of a service, as its description has it."""

    document: str
    id: str
    verb: str
    path: re.Pattern[str]
    parameters: frozenset[str]
    schema: str | None

    def fits(self, verb: str, path: str) -> bool:
        """Whether a request calls this method."""
        return self.verb == verb and self.path.fullmatch(path) is not None

    def problems(self, query: dict[str, str], body: dict[str, Any]) -> Iterator[str]:
        """Yield what Google would not understand of a request."""
        for name in query.keys() - self.parameters:
            yield f"{self.id}: unknown parameter {name}"
        if self.schema:
            yield from _differences(self.document, body, {"$ref": self.schema}, self.id)


@cache
def _document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_DOCUMENTS / f"{name}.json").read_text("utf-8"))
    return found


@cache
def _methods(document: str) -> tuple[_Method, ...]:
    return tuple(_read_methods(document, _document(document)))


def _read_methods(document: str, resource: dict[str, Any]) -> Iterator[_Method]:
    whole = _document(document)
    for method in resource.get("methods", {}).values():
        parameters = {*whole["parameters"], *method.get("parameters", {}), *_SENT_BY_CLIENTS}
        paths = [whole["servicePath"] + method["path"]]
        paths += [one["path"] for one in method.get("mediaUpload", {}).get("protocols", {}).values()]
        pattern = "|".join(re.sub(r"\\\{[^}]+\\\}", "[^/]+", re.escape(path.lstrip("/"))) for path in paths)
        yield _Method(
            document,
            method["id"],
            method["httpMethod"],
            re.compile(f"/(?:{pattern})"),
            frozenset(parameters),
            method.get("request", {}).get("$ref"),
        )
    for inner in resource.get("resources", {}).values():
        yield from _read_methods(document, inner)


def _differences(document: str, value: Any, schema: dict[str, Any], place: str) -> Iterator[str]:
    """Yield where a value is not what a schema says."""
    if "$ref" in schema:
        schema = _document(document)["schemas"][schema["$ref"]]
    kind = schema.get("type", "any")
    if value is None or kind == "any":
        return
    if kind == "object" and isinstance(value, dict):
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            if wanted := known.get(name, others):
                yield from _differences(document, inner, wanted, f"{place}.{name}")
            else:
                yield f"{place}: unknown field {name}"
    elif kind == "array" and isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _differences(document, inner, schema["items"], f"{place}[{number}]")
    elif not _is(value, kind, schema.get("format", "")):
        yield f"{place}: {value!r} is not of the type {kind}"
    elif value not in schema.get("enum", [value]):
        yield f"{place}: {value!r} is not one of {schema['enum']}"


def _is(value: Any, kind: str, format: str) -> bool:
    if kind == "string":  # which is how JSON has 64-bit numbers
        whole = isinstance(value, int) or re.fullmatch(r"-?\d+", str(value)) is not None
        return whole if format in {"int64", "uint64"} else isinstance(value, str)
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in {"integer", "number"}:
        try:
            _NUMBERS.get(format, float)(value)
        except (TypeError, ValueError):
            return False
        return not isinstance(value, bool)
    return False
