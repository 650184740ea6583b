"""The unmodified tritonclient over HTTP against a whole installation: Envoy checks its token, a worker answers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
import tritonclient.http as triton
from tests.support.installations import Released
from tests.support.worker import tumour_data
from tritonclient.utils import InferenceServerException

pytestmark = pytest.mark.timeout(600)
ROWS = tumour_data()[0]


@pytest.fixture(scope="module")
def client(released: Released) -> Iterator[triton.InferenceServerClient]:
    made = triton.InferenceServerClient(
        f"127.0.0.1:{released.installation.port}", connection_timeout=120, network_timeout=120
    )
    yield made
    made.close()


def matrix(rows: int, *, binary: bool = True) -> triton.InferInput:
    tensor = triton.InferInput("input-0", [rows, 30], "FP64")
    tensor.set_data_from_numpy(ROWS[:rows].to_numpy(), binary_data=binary)
    return tensor


def columns(rows: int, *, binary: bool = True) -> list[triton.InferInput]:
    inputs = []
    for name in ROWS.columns:
        tensor = triton.InferInput(name, [rows], "FP64")
        tensor.set_data_from_numpy(ROWS[name][:rows].to_numpy(), binary_data=binary)
        inputs.append(tensor)
    return inputs


def by_rows(released: Released, rows: int) -> list[float]:
    """What the other way in answers."""
    body = {"rows": json.loads(ROWS[:rows].to_json(orient="records", double_precision=15))}
    answer = released.ask("predict", body)
    assert answer.status_code == 200, answer.text
    return [prediction["p_malignant"] for prediction in answer.json()["predictions"]]


def test_health_needs_no_token_and_the_model_does(client, released):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(released.endpoint, headers=released.headers)
    assert not client.is_model_ready(released.endpoint)


def test_metadata_names_the_servers_extensions_and_the_models_tensors(client, released):
    assert "binary_tensor_data" in client.get_server_metadata(headers=released.headers)["extensions"]
    metadata = client.get_model_metadata(released.endpoint, headers=released.headers)
    assert metadata["versions"] == [released.version]
    assert [tensor["name"] for tensor in metadata["inputs"]] == list(ROWS.columns)
    assert [tensor["name"] for tensor in metadata["outputs"]] == ["label", "p_malignant"]


@pytest.mark.parametrize("rows", [1, 7, 300])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_infer_binary_and_json_tensors_give_what_rows_give(client, released, rows, binary_in, binary_out):
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("p_malignant", "label")]
    result = client.infer(
        released.endpoint, columns(rows, binary=binary_in), outputs=outputs, headers=released.headers, request_id="mine"
    )
    assert np.allclose(result.as_numpy("p_malignant"), by_rows(released, rows), rtol=1e-9)
    assert len(result.as_numpy("label")) == rows
    assert result.get_response()["id"] == "mine"
    assert result.get_response()["model_version"] == released.version


def test_infer_one_matrix_gives_what_columns_give(client, released):
    one = client.infer(released.endpoint, [matrix(5)], headers=released.headers).as_numpy("p_malignant")
    many = client.infer(released.endpoint, columns(5), headers=released.headers).as_numpy("p_malignant")
    assert np.array_equal(one, many)


def test_infer_requested_output_comes_alone(client, released):
    outputs = [triton.InferRequestedOutput("label")]
    result = client.infer(released.endpoint, [matrix(2)], outputs=outputs, headers=released.headers)
    assert result.as_numpy("p_malignant") is None
    assert len(result.as_numpy("label")) == 2


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_infer_compressed_request_and_answer_are_understood(client, released, algorithm):
    result = client.infer(
        released.endpoint, [matrix(50)], headers=released.headers, request_compression_algorithm=algorithm,
        response_compression_algorithm=algorithm,
    )  # fmt: skip
    assert len(result.as_numpy("p_malignant")) == 50


def test_infer_live_version_by_name_answers_and_another_is_unknown(client, released):
    result = client.infer(released.endpoint, [matrix(1)], model_version=released.version, headers=released.headers)
    assert len(result.as_numpy("label")) == 1
    assert refused(client, released, [matrix(1)], model_version="9.9.9").status() == "404"


def refused(client, released, inputs, **options) -> InferenceServerException:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(options.pop("model", released.endpoint), inputs, **{"headers": released.headers, **options})
    return caught.value


def test_infer_wrong_datatype_shape_or_name_says_what_was_expected(client, released):
    text = triton.InferInput(ROWS.columns[0], [1], "BYTES")
    text.set_data_from_numpy(np.array(["2019,0"], dtype=object))
    narrow = triton.InferInput("input-0", [1, 29], "FP64")
    narrow.set_data_from_numpy(np.zeros((1, 29)))
    ragged = columns(2)
    ragged[-1] = columns(3)[-1]
    stranger = triton.InferInput("no such column", [1], "FP64")
    stranger.set_data_from_numpy(np.zeros(1))
    for inputs, words in (
        ([text, *columns(1)[1:]], ("BYTES", "FP64", ROWS.columns[0])),
        ([narrow], ("input-0", "30")),
        (ragged, ("3", "2")),
        ([*columns(1), stranger], ("no such column",)),
        (columns(1)[:-1], (ROWS.columns[-1],)),
    ):
        error = refused(client, released, inputs)
        assert error.status() in ("400", "422"), error
        for word in words:
            assert word in error.message(), error
        assert "Request pr_" in error.message()


def test_infer_nan_where_forbidden_is_refused_with_its_place(client, released):
    inputs = columns(3)
    values = ROWS[ROWS.columns[0]][:3].to_numpy().copy()
    values[1] = np.nan
    inputs[0].set_data_from_numpy(values)
    error = refused(client, released, inputs)
    assert error.status() in ("400", "422")
    assert ROWS.columns[0] in error.message()


def test_infer_without_the_right_token_is_refused(client, released):
    assert refused(client, released, [matrix(1)], headers={}).status() == "401"
    forged = released.token[:-4] + ("AAAA" if released.token[-4:] != "AAAA" else "BBBB")
    assert refused(client, released, [matrix(1)], headers={"authorization": f"Bearer {forged}"}).status() == "401"
    assert refused(client, released, [matrix(1)], model="bench.absent").status() == "404"
    query = {"access_token": released.token}
    assert refused(client, released, [matrix(1)], headers={}, query_params=query).status() == "401"
