"""The real worker process, real models, over its socket: rows, errors, deadlines, health, drain."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from tests.support.worker import (
    RawClient,
    request_bytes,
    running_worker,
    save_model,
    spec_of,
    tumour_data,
    tumour_model,
    tumour_rows,
    write_module,
)

MODEL = "/v2/models/demo.mine"
ROW = tumour_rows()[0]


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    files_dir = tmp_path_factory.mktemp("files")
    spec = spec_of(files_dir, save_model(tumour_model(), files_dir), tumour_rows())
    with running_worker(spec) as worker:
        yield worker


@pytest.fixture
def client(worker):
    with worker.client() as client:
        yield client


def python_spec(files_dir, source, sample, **more):
    write_module(files_dir, source)
    return spec_of(files_dir, {"kind": "python", "entry_point": "model:Model"}, sample, **more)


def test_row_gets_label_probabilities_version_and_id(client):
    answer = client.ask("POST", f"{MODEL}/predict", {"rows": [ROW]}, {"x-request-id": "0f3c"})
    assert answer.status == 200
    expected = tumour_model().predict_proba(tumour_data()[0][:1])[0]
    assert answer.json() == {
        "predictions": [
            {"label": "malignant", "p_benign": pytest.approx(expected[0]), "p_malignant": pytest.approx(expected[1])}
        ],
        "version": "1.0.0",
        "prediction_id": "pr_0f3c",
    }


@pytest.mark.parametrize("count", [1, 2, 300])
def test_many_rows_get_the_estimators_own_answers(client, count):
    answer = client.ask("POST", f"{MODEL}/predict", tumour_rows(count)).json()
    assert [p["label"] for p in answer["predictions"]] == tumour_model().predict(tumour_data()[0][:count]).tolist()


def test_answers_without_request_id_get_different_ids(client):
    ids = {client.ask("POST", f"{MODEL}/predict", ROW).json()["prediction_id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(name.startswith("pr_") and len(name) == 39 for name in ids)


def test_error_reads_as_designed(client):
    row = {**ROW, "worst area": "2019,0"}
    answer = client.ask("POST", f"{MODEL}/predict", row, {"x-request-id": "0f3c"})
    assert answer.status == 400
    assert answer.json() == {
        "error": 'rows[0]."worst area": got string "2019,0", expected FP64. Send 2019.0. '
        "Schema: GET /v2/models/demo.mine. Request pr_0f3c"
    }


def test_error_of_a_preview_names_the_previews_schema(client):
    path = "/preview/v2/models/demo.mine/versions/1.0.0"
    error = client.ask("POST", f"{path}/predict", [{**ROW, "wrost": 1}]).json()["error"]
    assert 'unknown column. Expected "mean radius"' in error or "Did you mean" in error
    assert f"Schema: GET {path}. Request pr_" in error


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "the body is not JSON"),
        (b"", "the body is not JSON"),
        (b"\xff\xfe", "the body is not JSON"),
        (b"[" * 100_000, "the body is not JSON"),
        (json.dumps({**ROW, "mean radius": float("nan")}).encode(), "got NaN, expected FP64, not null"),
        (json.dumps({**ROW, "mean radius": None}).encode(), "got null, expected FP64, not null"),
        (json.dumps({**ROW, "mean radius": float("inf")}).encode(), "got number inf, expected FP64"),
    ],
)
def test_bad_body_is_400_and_the_connection_lives(client, body, words):
    answer = client.ask("POST", f"{MODEL}/predict", body)
    assert (answer.status, words in answer.json()["error"]) == (400, True)
    assert client.ask("POST", f"{MODEL}/predict", ROW).status == 200


def test_open_inference_request_as_columns_and_as_matrix(client):
    columns = [{"name": n, "shape": [1], "datatype": "FP64", "data": [v]} for n, v in ROW.items()]
    by_column = client.ask("POST", f"{MODEL}/infer", {"id": "mine", "inputs": columns}).json()
    matrix = {"name": "x", "shape": [1, 30], "datatype": "FP64", "data": list(ROW.values())}
    by_matrix = client.ask("POST", f"{MODEL}/infer", {"inputs": [matrix]}, {"x-request-id": "7"}).json()
    assert by_column["outputs"] == by_matrix["outputs"]
    assert (by_column["model_name"], by_column["model_version"], by_column["id"]) == ("demo.mine", "1.0.0", "mine")
    assert by_matrix["parameters"] == {"prediction_id": "pr_7"}
    label, benign, malignant = by_matrix["outputs"]
    assert label == {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["malignant"]}
    assert benign["data"][0] + malignant["data"][0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], 'got no "inputs"'),
        ([{"name": "x", "shape": [1, 29], "datatype": "FP64", "data": [0.0] * 29}], 'unknown tensor "x"'),
        ([{"name": "x", "shape": [0, 30], "datatype": "FP64", "data": []}], "got no rows"),
        (
            [{"name": "x", "shape": [1, 30], "datatype": "FP64", "data": [None] * 30}],
            'row 0 of "mean radius": got NaN, expected a finite FP64',
        ),
        ([{"name": "mean radius", "shape": [1], "datatype": "FP64", "data": [1]}], 'no tensor "mean texture"'),
    ],
)
def test_bad_tensors_are_400(client, inputs, words):
    answer = client.ask("POST", f"{MODEL}/infer", {"inputs": inputs})
    assert (answer.status, words in answer.json()["error"]) == (400, True), answer.json()


def test_unknown_output_and_bad_header_length_are_400(client):
    matrix = {"name": "x", "shape": [1, 30], "datatype": "FP64", "data": list(ROW.values())}
    answer = client.ask("POST", f"{MODEL}/infer", {"inputs": [matrix], "outputs": [{"name": "q"}]})
    assert 'got unknown "q", expected one of label, p_benign, p_malignant' in answer.json()["error"]
    for length in ("-1", "x", "999999", "1" * 30):
        headers = {"inference-header-content-length": length}
        assert client.ask("POST", f"{MODEL}/infer", {"inputs": [matrix]}, headers).status == 400


def test_compressed_body_is_read_and_a_bomb_refused(client):
    headers = {"content-encoding": "gzip"}
    assert client.ask("POST", f"{MODEL}/predict", gzip.compress(json.dumps(ROW).encode()), headers).status == 200
    assert client.ask("POST", f"{MODEL}/predict", gzip.compress(b" " * 50_000_000), headers).status == 413
    assert client.ask("POST", f"{MODEL}/predict", b"x", {"content-encoding": "br"}).status == 400


def test_metadata_health_and_server(client):
    metadata = client.ask("GET", MODEL).json()
    assert (metadata["name"], metadata["versions"]) == ("demo.mine", ["1.0.0"])
    assert metadata["inputs"][0] == {
        "name": "mean radius",
        "datatype": "FP64",
        "shape": [-1],
        "parameters": {"kind": "number", "nullable": False},
    }
    assert [column["name"] for column in metadata["outputs"]] == ["label", "p_benign", "p_malignant"]
    assert client.ask("GET", f"{MODEL}/versions/1.0.0/ready").json() == {"name": "demo.mine", "ready": True}
    assert client.ask("GET", "/v2/health/live").json() == {"live": True}
    assert client.ask("GET", "/v2/health/ready").json() == {"ready": True}
    assert client.ask("GET", "/v2").json()["extensions"] == ["binary_tensor_data"]


def test_model_name_in_answers_is_the_one_of_the_path(client):
    assert client.ask("GET", "/v2/models/demo.other").json()["name"] == "demo.other"


def test_wrong_method_version_and_path_are_told(client):
    answer = client.ask("GET", f"{MODEL}/predict")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert client.ask("POST", MODEL).status == 405
    assert client.ask("GET", f"{MODEL}/versions/9.9.9").status == 404
    assert client.ask("GET", f"{MODEL}/versions/ve_1").status == 200
    assert client.ask("GET", "/elsewhere").status == 404


def test_pipelined_predictions_come_in_order(client):
    count = 100
    rows = tumour_rows(count)
    requests = [request_bytes("POST", f"{MODEL}/predict", row, {"x-request-id": str(n)}) for n, row in enumerate(rows)]
    sender = threading.Thread(target=client.send, args=(b"".join(requests),))
    sender.start()
    got = [client.read().json() for _ in range(count)]
    sender.join()
    assert [answer["prediction_id"] for answer in got] == [f"pr_{n}" for n in range(count)]
    labels = [answer["predictions"][0]["label"] for answer in got]
    assert labels == tumour_model().predict(tumour_data()[0][:count]).tolist()


def test_model_that_raises_is_500_without_its_message_and_with_a_log(tmp_path):
    source = "class Model:\n    def predict(self, rows):\n        raise ValueError('secret ' + str(rows))\n"
    schema = {
        "inputs": [{"name": "a", "datatype": "INT64"}],
        "outputs": [{"name": "y", "datatype": "INT64"}],
        "layout": "dicts",
    }
    with running_worker(python_spec(tmp_path, source, None, schema=schema)) as worker, worker.client() as client:
        answer = client.ask("POST", f"{MODEL}/predict", {"a": 1}, {"x-request-id": "r1"})
        assert answer.status == 500
        assert answer.json() == {"error": "the model raised ValueError; its log has the traceback. Request pr_r1"}
        assert client.ask("GET", "/v2/health/live").status == 200
        log = worker.log.read_text()
    assert "pr_r1" in log
    assert 'File "model.py", line 3, in predict' in log
    assert "secret" in log


def test_unusable_answer_is_500_that_says_so(tmp_path):
    source = "class Model:\n    def predict(self, rows: list):\n        return [1, 2, 3] if rows[0]['a'] else [1]\n"
    with running_worker(python_spec(tmp_path, source, [{"a": 0}])) as worker, worker.client() as client:
        answer = client.ask("POST", f"{MODEL}/predict", {"a": 1})
        assert answer.status == 500
        assert 'predict answered 3 values of "prediction" for 1 rows' in answer.json()["error"]


SLEEPY = """
import time

class Model:
    def predict(self, rows: list) -> list:
        time.sleep(rows[0]["s"])
        return [float("nan") if row["s"] == 0 else row["s"] for row in rows]
"""


@pytest.fixture(scope="module")
def sleepy(tmp_path_factory):
    spec = python_spec(tmp_path_factory.mktemp("sleepy"), SLEEPY, [{"s": 0.001}], timeout_s=0.6)
    with running_worker(spec) as worker:
        yield worker


def test_slow_call_is_504_and_health_stays_alive_meanwhile(sleepy):
    with sleepy.client() as slow, sleepy.client() as other:
        slow.send(request_bytes("POST", f"{MODEL}/predict", {"s": 1.2}, {"x-request-id": "r"}))
        started = time.monotonic()
        while time.monotonic() - started < 0.4:
            asked = time.monotonic()
            assert other.ask("GET", "/v2/health/live").status == 200
            assert other.ask("GET", MODEL).status == 200
            assert time.monotonic() - asked < 0.2
        answer = slow.read()
        assert time.monotonic() - started < 1.1
    assert answer.status == 504
    assert answer.json() == {"error": "demo.mine did not answer within 0.6 s. Request pr_r"}


def test_gateways_deadline_is_kept_when_sooner(sleepy):
    time.sleep(1)
    with sleepy.client() as client:
        started = time.monotonic()
        answer = client.ask("POST", f"{MODEL}/predict", {"s": 0.5}, {"x-envoy-expected-rq-timeout-ms": "100"})
        assert (answer.status, time.monotonic() - started < 0.45) == (504, True)


def test_nan_leaves_as_null(sleepy):
    time.sleep(1)
    with sleepy.client() as client:
        assert client.ask("POST", f"{MODEL}/predict", {"s": 0}).json()["predictions"] == [{"prediction": None}]


def test_body_past_the_versions_limit_is_413(sleepy):
    with sleepy.client() as client:
        client.send(b"POST /v2/models/demo.mine/predict HTTP/1.1\r\ncontent-length: 209715200\r\n\r\n" + b"x" * 70_000)
        answer = client.read()
    assert answer.status == 413
    assert "got a body of 209715200 bytes, expected at most 1048576 bytes" in answer.json()["error"]


def test_termination_finishes_the_request_in_flight(tmp_path):
    with running_worker(python_spec(tmp_path, SLEEPY, [{"s": 0.001}])) as worker, worker.client() as client:
        client.send(request_bytes("POST", f"{MODEL}/predict", {"s": 0.5}))
        time.sleep(0.2)
        worker.process.send_signal(signal.SIGTERM)
        answer = client.read()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert worker.process.wait(10) == 0


def test_many_clients_at_once_all_get_their_own_answer(worker):
    problems: list[str] = []

    def ask(number: int) -> None:
        with worker.client() as client:
            for _ in range(20):
                got = client.ask("POST", f"{MODEL}/predict", tumour_rows(number + 1)).json()["predictions"]
                if len(got) != number + 1:
                    problems.append(f"{number}: {len(got)}")

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_model_that_does_not_load_exits_72_with_the_authors_traceback(tmp_path):
    spec = python_spec(tmp_path, "class Model:\n    def load(self, files):\n        1 / 0\n", [{"a": 1}])
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "modelyard_worker", "serve", "--spec", tmp_path / "spec.json", "--port", "0"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 72
    assert 'File "model.py", line 3, in load' in done.stderr
    assert json.loads(done.stderr.splitlines()[-1])["failure"]["code"] == "builds.load_failed"


def test_typed_columns_reach_a_frame_and_leave_as_json(tmp_path):
    source = """
import pandas as pd

class Model:
    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({
            "next": rows["seen"] + pd.Timedelta(days=1), "city": rows["city"], "half": rows["n"] / 2,
            "missing": rows["n"].isna(),
        })
"""
    schema = {
        "inputs": [
            {"name": "seen", "datatype": "BYTES", "kind": "date"},
            {"name": "city", "datatype": "BYTES", "categories": ["Delft", "Utrecht"]},
            {"name": "n", "datatype": "INT64", "nullable": True},
        ],
        "key": "id",
    }
    sample = [{"seen": "2019-03-31", "city": "Delft", "n": 1}]
    spec = python_spec(tmp_path, source, sample, schema=schema)
    with running_worker(spec) as worker, worker.client() as client:
        rows = [{**sample[0], "id": "c1"}, {"seen": "2020-02-28T12:00:00", "city": "Utrecht", "n": None, "id": "c2"}]
        answer = client.ask("POST", f"{MODEL}/predict", {"rows": rows}).json()
        assert answer["keys"] == ["c1", "c2"]
        assert answer["predictions"] == [
            {"next": "2019-04-01", "city": "Delft", "half": 0.5, "missing": False},
            {"next": "2020-02-29T12:00:00", "city": "Utrecht", "half": None, "missing": True},
        ]
        refused = client.ask("POST", f"{MODEL}/predict", {**sample[0], "seen": "31-03-2019"}).json()["error"]
        assert "expected an ISO 8601 date" in refused
        tensors = [
            {"name": "seen", "shape": [1], "datatype": "BYTES", "data": ["2019-03-31"]},
            {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Delf"]},
            {"name": "n", "shape": [1], "datatype": "INT64", "data": [4]},
        ]
        refused = client.ask("POST", f"{MODEL}/infer", {"inputs": tensors}).json()["error"]
        assert 'inputs."city"[0]: got string "Delf"' in refused
        tensors[1]["data"] = ["Delft"]
        outputs = client.ask("POST", f"{MODEL}/infer", {"inputs": tensors}).json()["outputs"]
        assert [output["data"] for output in outputs] == [["2019-04-01"], ["Delft"], [2.0], [False]]


def test_matrix_in_single_precision_is_widened(client):
    values = np.array(list(ROW.values()), "float32")
    matrix = {"name": "x", "shape": [1, 30], "datatype": "FP32", "parameters": {"binary_data_size": 120}}
    text = json.dumps({"inputs": [matrix]}).encode()
    headers = {"inference-header-content-length": str(len(text))}
    answer = client.ask("POST", f"{MODEL}/infer", text + values.tobytes(), headers)
    assert answer.json()["outputs"][0]["data"] == ["malignant"]


def test_raw_client_sees_the_end(worker):
    with RawClient(worker.path) as client:
        client.ask("GET", "/v2", headers={"connection": "close"})
        assert client.at_end()
