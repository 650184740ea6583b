"""The unmodified tritonclient against the worker: binary and JSON tensors, text, compression, metadata."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tests.support.worker import save_model, spec_of, tumour_data, tumour_model, tumour_rows, write_module
from tritonclient.utils import InferenceServerException

DATA = tumour_data()[0]


def serve(spec: dict[str, Any], folder: Path) -> Iterator[triton.InferenceServerClient]:
    """The worker on a loopback port, and tritonclient's client of it."""
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-u", "-m", "modelyard_worker", "serve", "--spec", str(folder / "spec.json")]
    with subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip().rpartition("//")[2]
        client = triton.InferenceServerClient(address, connection_timeout=120, network_timeout=120)
        try:
            yield client
        finally:
            client.close()
            process.terminate()
            assert process.wait(20) == 0


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    files_dir = tmp_path_factory.mktemp("files")
    spec = spec_of(files_dir, save_model(tumour_model(), files_dir), tumour_rows())
    yield from serve(spec, tmp_path_factory.mktemp("spec"))


TYPED = """
import pandas as pd

class Model:
    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({
            "text": rows["text"].str.upper(), "flag": ~rows["flag"], "i8": rows["i8"], "u64": rows["u64"],
            "f16": rows["f16"], "f32": rows["f32"] * 2,
        })
"""
TYPES = {"text": "BYTES", "flag": "BOOL", "i8": "INT8", "u64": "UINT64", "f16": "FP16", "f32": "FP32"}


@pytest.fixture(scope="module")
def typed_client(tmp_path_factory):
    files_dir = tmp_path_factory.mktemp("typed")
    write_module(files_dir, TYPED)
    columns = [{"name": name, "datatype": datatype} for name, datatype in TYPES.items()]
    schema = {"inputs": columns, "outputs": columns, "layout": "frame"}
    spec = spec_of(files_dir, {"kind": "python", "entry_point": "model:Model"}, None, schema=schema)
    yield from serve(spec, tmp_path_factory.mktemp("typed-spec"))


def matrix_input(rows: int, binary: bool) -> triton.InferInput:
    tensor = triton.InferInput("input-0", [rows, 30], "FP64")
    tensor.set_data_from_numpy(DATA[:rows].to_numpy(), binary_data=binary)
    return tensor


@pytest.mark.parametrize("rows", [1, 3, 300])
@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False, None])
def test_matrix_gets_the_estimators_answers(client, rows, binary_in, binary_out):
    names = ("label", "p_malignant")
    outputs = None
    if binary_out is not None:
        outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    result = client.infer("demo.mine", [matrix_input(rows, binary_in)], outputs=outputs, request_id="r1")
    expected = tumour_model().predict_proba(DATA[:rows])[:, 1]
    assert np.allclose(result.as_numpy("p_malignant"), expected, rtol=1e-12)
    labels = [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]
    assert labels == tumour_model().predict(DATA[:rows]).tolist()
    assert result.get_response()["id"] == "r1"
    assert (result.as_numpy("p_benign") is None) == (outputs is not None)


@pytest.mark.parametrize("binary", [True, False])
def test_one_tensor_a_column_gives_the_same(client, binary):
    inputs = []
    for name in DATA.columns:
        tensor = triton.InferInput(name, [5], "FP64")
        tensor.set_data_from_numpy(DATA[name][:5].to_numpy(), binary_data=binary)
        inputs.append(tensor)
    by_column = client.infer("demo.mine", inputs, model_version="1.0.0").as_numpy("p_benign")
    by_matrix = client.infer("demo.mine", [matrix_input(5, True)]).as_numpy("p_benign")
    assert np.array_equal(by_column, by_matrix)


@pytest.mark.parametrize("algorithm", ["gzip", "deflate"])
def test_compressed_requests_are_understood(client, algorithm):
    result = client.infer("demo.mine", [matrix_input(50, True)], request_compression_algorithm=algorithm)
    assert np.allclose(result.as_numpy("p_malignant"), tumour_model().predict_proba(DATA[:50])[:, 1])


def test_health_and_metadata(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("demo.mine")
    assert client.is_model_ready("demo.mine", "1.0.0")
    assert not client.is_model_ready("demo.mine", "2.0.0")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    metadata = client.get_model_metadata("demo.mine")
    assert len(metadata["inputs"]) == 30
    assert metadata["outputs"][0] == {
        "name": "label",
        "datatype": "BYTES",
        "shape": [-1],
        "parameters": {"kind": "text", "nullable": False},
    }


def test_error_reaches_the_client_with_its_text(client):
    tensor = triton.InferInput("x", [1, 29], "FP64")
    tensor.set_data_from_numpy(np.zeros((1, 29)))
    with pytest.raises(InferenceServerException) as caught:
        client.infer("demo.mine", [tensor])
    assert 'got unknown tensor "x", expected one tensor for each of 30 columns' in caught.value.message()
    assert "Request pr_" in caught.value.message()


def typed_inputs(binary: bool) -> list[triton.InferInput]:
    values = {
        "text": np.array(["é", "", "o\u0000k"], dtype=object),
        "flag": np.array([True, False, True]),
        "i8": np.array([-128, 0, 127], "int8"),
        "u64": np.array([0, 1, 2**64 - 1], "uint64"),
        "f16": np.array([0.5, -2, 65504], "float16"),
        "f32": np.array([0.1, -1e30, 3], "float32"),
    }
    inputs = []
    for name, datatype in TYPES.items():
        tensor = triton.InferInput(name, [3], datatype)
        tensor.set_data_from_numpy(values[name], binary_data=binary)
        inputs.append(tensor)
    return inputs


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_every_datatype_goes_there_and_back(typed_client, binary_in, binary_out):
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in TYPES]
    result = typed_client.infer("demo.typed", typed_inputs(binary_in), outputs=outputs)
    texts = [text.decode() if isinstance(text, bytes) else text for text in result.as_numpy("text")]
    assert texts == ["É", "", "O\u0000K"]
    assert result.as_numpy("flag").tolist() == [False, True, False]
    assert result.as_numpy("i8").tolist() == [-128, 0, 127]
    assert result.as_numpy("u64").tolist() == [0, 1, 2**64 - 1]
    assert result.as_numpy("f16").tolist() == [0.5, -2, 65504]
    assert np.array_equal(result.as_numpy("f32"), np.array([0.1, -1e30, 3], "float32") * 2)
    assert [result.get_output(name)["datatype"] for name in TYPES] == list(TYPES.values())


def test_text_that_is_no_utf8_is_refused(typed_client):
    inputs = typed_inputs(True)
    inputs[0].set_data_from_numpy(np.array([b"\xff", b"", b""], dtype=object))
    with pytest.raises(InferenceServerException, match="no UTF-8"):
        typed_client.infer("demo.typed", inputs)
