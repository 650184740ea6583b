"""Serves one model version on a socket that somebody else made to listen."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modelyard_worker.exchange import model_metadata, server_metadata, table_of_tensors, tensors_of_columns
from modelyard_worker.execution import ModelExecution
from modelyard_worker.failures import CheckFailure, Refused, user_traceback
from modelyard_worker.http import HttpLimits, HttpServer
from modelyard_worker.jsontext import dumps, loads
from modelyard_worker.messages import Request, Response, error_response
from modelyard_worker.oip import (
    BodyTooLarge,
    InferResponse,
    OipError,
    decode_infer_request,
    encode_infer_response,
    inflate,
)
from modelyard_worker.outputs import UnusableAnswer, json_rows, output_columns
from modelyard_worker.routing import METHODS, Route, find_route
from modelyard_worker.rows import read_rows, split_body
from modelyard_worker.runtimes import LoadRequest, Model, load_model
from modelyard_worker.schema import ModelSchema, infer_inputs, infer_outputs, schema_from_json
from modelyard_worker.tables import Inputs, Table

EXIT_LOAD_FAILED = 72
HEAVY_BODY_BYTES = 512 * 1024
REQUEST_ID_CHARACTERS_MAX = 128
DEADLINE_HEADER = "x-envoy-expected-rq-timeout-ms"


@dataclass(frozen=True, slots=True)
class ServedVersion:
    """A loaded model and what its answers say of it."""

    model: Model
    schema: ModelSchema
    inputs: Inputs
    version: str
    version_id: str
    files_dir: Path


def main(spec: Mapping[str, Any], listener: socket.socket) -> None:
    """Loads the version and serves until SIGTERM, then drains. The listener stays open.

    Leaves with SystemExit(72) and a traceback of the author's frames on stderr when the model does not load.
    """
    try:
        served = load_version(spec)
    except CheckFailure as failure:
        print(failure.details.get("traceback", ""), file=sys.stderr)
        print(json.dumps({"failure": failure.to_json()}, ensure_ascii=False), file=sys.stderr, flush=True)
        raise SystemExit(EXIT_LOAD_FAILED) from failure
    gc.freeze()  # the model lives as long as the process; the collector need not walk it
    limits = HttpLimits(body_bytes_max=int(spec.get("body_bytes_max") or HttpLimits.body_bytes_max))
    HttpServer(Serving(served, float(spec.get("timeout_s") or 60.0), limits.body_bytes_max), limits).run(listener)


def load_version(spec: Mapping[str, Any]) -> ServedVersion:
    """Loads what the spec names. A schema that is not given is inferred from its sample. Raises CheckFailure."""
    files_dir = Path(spec["files_dir"])
    schema = schema_from_json(spec.get("schema") or {})
    sample = spec.get("sample")
    columns = schema.inputs or infer_inputs(sample or [], schema.key)
    inputs = Inputs(columns, schema.key)
    model = load_model(LoadRequest(spec["entry"], files_dir, inputs, schema.layout if spec.get("schema") else ""))
    outputs = schema.outputs
    if not outputs and sample:
        table = read_rows(sample, inputs)
        outputs = infer_outputs(output_columns(model.predict(table), table.row_count))
    complete = ModelSchema(tuple(columns), outputs, schema.key, model.layout)
    version = str(spec.get("version") or "0.0.0")
    return ServedVersion(model, complete, inputs, version, str(spec.get("version_id") or version), files_dir)


class Serving:
    """The application behind the HTTP server: a request in, an answer or the promise of one out."""

    def __init__(self, served: ServedVersion, timeout_s: float, body_bytes_max: int) -> None:
        self._served = served
        self._timeout_s = timeout_s
        self._body_bytes_max = body_bytes_max
        self._execution = ModelExecution()

    def __call__(self, request: Request) -> Response | asyncio.Future[Response]:
        route = find_route(request.path)
        known = (self._served.version, self._served.version_id)
        if route is None or (route.version and route.version not in known):
            return error_response(404, f"nothing is served at {request.path[:200]}. Expected such as /v2/models/NAME")
        expected = METHODS[route.action]
        if request.method != expected:
            text = f"got {request.method}, expected {expected} at {request.path[:200]}"
            return error_response(405, text, {"allow": expected})
        if expected == "GET":
            return Response(200, dumps(self._answer_to_get(route)))
        timeout_s = self._deadline_s(request)
        request_id = _request_id(request)
        heavy = len(request.body) > HEAVY_BODY_BYTES
        work = partial(self._answer, route, request, request_id)
        late = partial(_late, route, timeout_s, request_id)
        return self._execution.run(work, late, timeout_s, heavy)

    def _answer_to_get(self, route: Route) -> dict[str, Any]:
        served = self._served
        if route.action == "metadata":
            return model_metadata(route.model, served.version, served.schema)
        if route.action == "ready":
            return {"name": route.model, "ready": True}
        if route.action == "server":
            return server_metadata()
        return {"live": True} if route.action == "live" else {"ready": True}

    def _deadline_s(self, request: Request) -> float:
        """The sooner of the version's own limit and what the gateway will wait for."""
        expected = request.headers.get(DEADLINE_HEADER, "")
        if expected.isascii() and expected.isdigit() and int(expected[:9]) > 0:
            return min(self._timeout_s, int(expected[:9]) / 1000)
        return self._timeout_s

    def _answer(self, route: Route, request: Request, request_id: str) -> Response:
        """Never raises: whatever goes wrong with one request becomes its answer."""
        act = self._infer if route.action == "infer" else self._predict
        try:
            encoding = request.headers.get("content-encoding")
            if encoding:
                request.body = bytes(inflate(request.body, encoding, self._body_bytes_max))
            return act(route, request, request_id)
        except BodyTooLarge as error:
            return error_response(413, f"{error}. Request pr_{request_id}")
        except (Refused, OipError) as error:
            status = error.status if isinstance(error, Refused) else 400
            text = str(error)
            text = text if text.endswith(("?", ".")) else f"{text}."
            return error_response(status, f"{text} Schema: GET {route.base}. Request pr_{request_id}")
        except Exception as error:
            return self._failed(error, request_id)

    def _failed(self, error: Exception, request_id: str) -> Response:
        """What the model raised goes to the log; its caller learns the kind of error and the id to quote."""
        trace = user_traceback(error, self._served.files_dir)
        print(f"pr_{request_id}\n{trace}", file=sys.stderr, end="", flush=True)
        what = str(error) if isinstance(error, UnusableAnswer) else f"the model raised {type(error).__name__}"
        return error_response(500, f"{what}; its log has the traceback. Request pr_{request_id}")

    def _columns(self, table: Table) -> dict[str, Any]:
        return output_columns(self._served.model.predict(table), table.row_count, self._served.schema.outputs)

    def _predict(self, route: Route, request: Request, request_id: str) -> Response:
        served = self._served
        try:
            value = loads(request.body)
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}") from error
        rows, keys = split_body(value, served.inputs)
        columns = self._columns(read_rows(rows, served.inputs))
        answer: dict[str, Any] = {
            "predictions": json_rows(columns),
            "version": served.version,
            "prediction_id": f"pr_{request_id}",
        }
        if keys is not None:
            answer["keys"] = keys
        return Response(200, dumps(answer))

    def _infer(self, route: Route, request: Request, request_id: str) -> Response:
        length = request.headers.get("inference-header-content-length")
        if length is not None and not (length.isascii() and length.isdigit() and len(length) < 19):
            raise OipError(f"got Inference-Header-Content-Length {length[:40]!r}, expected a number of bytes")
        asked = decode_infer_request(request.body, int(length) if length is not None else None)
        columns = self._columns(table_of_tensors(asked.inputs, self._served.inputs))
        tensors = tensors_of_columns(columns, self._served.schema.outputs, asked)
        answer = InferResponse(
            route.model, self._served.version, tensors, asked.id, {"prediction_id": f"pr_{request_id}"}
        )
        binary = [tensor.name for tensor in tensors if asked.is_binary(tensor.name)]
        body, header_length = encode_infer_response(answer, binary)
        if header_length is None:
            return Response(200, body)
        return Response(200, body, "application/octet-stream", {"inference-header-content-length": str(header_length)})


def _late(route: Route, timeout_s: float, request_id: str) -> Response:
    return error_response(504, f"{route.model} did not answer within {timeout_s:g} s. Request pr_{request_id}")


def _request_id(request: Request) -> str:
    given = request.headers.get("x-request-id", "")
    if given and len(given) <= REQUEST_ID_CHARACTERS_MAX and given.isprintable():
        return given
    return str(uuid.uuid4())
