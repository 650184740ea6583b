"""Real scikit-learn models: the same answers as the estimator itself, whichever way the rows travel."""

from __future__ import annotations

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.utils import all_estimators
from tests.support.worker import save_model, tumour_data, tumour_model, tumour_rows, write_module

from modelyard_worker.failures import CheckFailure
from modelyard_worker.rows import read_rows
from modelyard_worker.runtimes import LoadRequest, load_model
from modelyard_worker.runtimes import sklearn as sklearn_runtime
from modelyard_worker.runtimes.sklearn import SklearnModel
from modelyard_worker.schema import infer_inputs
from modelyard_worker.tables import Inputs, Table

DATA, TARGET = tumour_data()


def loaded(estimator, rows) -> tuple[SklearnModel, Inputs]:
    inputs = Inputs(infer_inputs(rows))
    return SklearnModel(copy.deepcopy(estimator), inputs), inputs


def load_failure(files_dir, entry, inputs=()) -> CheckFailure:
    with pytest.raises(CheckFailure) as caught:
        load_model(LoadRequest(entry, files_dir, Inputs(inputs)))
    return caught.value


@pytest.mark.parametrize(
    "estimator",
    [
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        RandomForestClassifier(n_estimators=10, random_state=0),
        make_pipeline(StandardScaler(), "passthrough", SVC()),
        HistGradientBoostingClassifier(max_iter=5),
    ],
    ids=["logistic", "forest", "svc", "boosting"],
)
def test_classifier_answers_label_and_probabilities_like_the_estimator(estimator):
    estimator.fit(DATA, TARGET)
    rows = tumour_rows(50)
    model, inputs = loaded(estimator, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        answer = model.predict(read_rows(rows, inputs))
    assert (answer["label"] == estimator.predict(DATA[:50])).all()
    if hasattr(estimator, "predict_proba"):
        expected = estimator.predict_proba(DATA[:50])
        assert list(answer) == ["label", "p_benign", "p_malignant"]
        assert np.allclose(np.column_stack([answer["p_benign"], answer["p_malignant"]]), expected, rtol=1e-12)
    else:
        assert list(answer) == ["label"]


@pytest.mark.parametrize("name", sorted(sklearn_runtime._ARGMAX_CLASSIFIERS))
def test_label_taken_from_probabilities_is_the_one_predicted(name):
    """Also where a call is close, or tied: shallow trees and few neighbours tie often."""
    data, target = load_iris(return_X_y=True)
    estimator_class = dict(all_estimators("classifier"))[name]
    shallow = {"max_depth": 2} if "max_depth" in estimator_class().get_params() else {}
    for classes in (2, 3):
        chosen = target < classes
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            estimator = estimator_class(**shallow).fit(data[chosen][::2], target[chosen][::2])
        between = np.random.default_rng(0).uniform(data.min(0), data.max(0), (2000, 4))
        model, _ = loaded(estimator, [{"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}])
        expected = estimator.predict(between)
        got = [model.predict(Table(Inputs(()), 1, matrix=row[None]))["label"][0] for row in between[:200]]
        assert got == expected[:200].tolist()
        assert (model.predict(Table(Inputs(()), 2000, matrix=between))["label"] == expected).all()


def test_close_call_is_left_to_predict():
    estimator = LogisticRegression().fit([[-1.0], [1.0]], ["a", "b"])
    model, inputs = loaded(estimator, [{"x": 1.0}])
    tie = np.array([[-estimator.intercept_[0] / estimator.coef_[0, 0]]])
    for shift in (-1e-15, 0, 1e-15):
        answer = model.predict(Table(inputs, 1, matrix=tie + shift))
        assert answer["label"] == estimator.predict(tie + shift)


def test_numbers_in_fitted_order_travel_as_an_array_and_still_count_as_a_frame(monkeypatch):
    model, inputs = loaded(tumour_model(), tumour_rows())
    table = read_rows(tumour_rows(), inputs)
    monkeypatch.setattr(type(table), "frame", lambda _: pytest.fail("a frame was made"))
    model.predict(table)
    assert model.layout == "frame"


def test_columns_in_another_order_are_put_in_the_fitted_one():
    rows = [dict(reversed(row.items())) for row in tumour_rows(20)]
    model, inputs = loaded(tumour_model(), rows)
    assert inputs.names[0] == "worst fractal dimension"
    answer = model.predict(read_rows(rows, inputs))
    assert np.allclose(answer["p_benign"], tumour_model().predict_proba(DATA[:20])[:, 0])


def test_column_transformer_by_name_gets_a_frame():
    frame = pd.DataFrame({"city": ["a", "b", "a", "b"], "age": [1.0, 2.0, 3.0, 4.0]})
    encode = ColumnTransformer([("city", OneHotEncoder(), ["city"]), ("age", StandardScaler(), ["age"])])
    estimator = make_pipeline(encode, LogisticRegression()).fit(frame, [0, 1, 0, 1])
    rows = frame[["age", "city"]].to_dict("records")
    model, inputs = loaded(estimator, rows)
    answer = model.predict(read_rows(rows, inputs))
    assert list(answer) == ["label", "p_0", "p_1"]
    assert np.allclose(answer["p_1"], estimator.predict_proba(frame)[:, 1])


def test_column_transformer_of_numbers_by_name_gets_a_frame():
    encode = ColumnTransformer([("x", StandardScaler(), ["worst area", "mean area"])])
    estimator = make_pipeline(encode, LogisticRegression()).fit(DATA, TARGET)
    model, inputs = loaded(estimator, tumour_rows(5))
    answer = model.predict(read_rows(tumour_rows(5), inputs))
    assert np.allclose(answer["p_benign"], estimator.predict_proba(DATA[:5])[:, 0])


def test_estimator_with_pandas_output_gets_a_frame():
    estimator = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).set_output(transform="pandas")
    estimator.fit(DATA, TARGET)
    model, inputs = loaded(estimator, tumour_rows(5))
    assert (model.predict(read_rows(tumour_rows(5), inputs))["label"] == estimator.predict(DATA[:5])).all()


def test_model_fitted_without_names_gets_an_array():
    estimator = LogisticRegression(max_iter=5000).fit(DATA.to_numpy(), TARGET)
    model, inputs = loaded(estimator, tumour_rows(5))
    assert model.layout == "array"
    assert (model.predict(read_rows(tumour_rows(5), inputs))["label"] == estimator.predict(DATA[:5].to_numpy())).all()


def test_missing_values_reach_a_model_that_takes_them():
    data = DATA.copy()
    data.iloc[::3, 0] = np.nan
    estimator = HistGradientBoostingClassifier(max_iter=5).fit(data, TARGET)
    rows = [{**row, "mean radius": None} if index % 2 else row for index, row in enumerate(tumour_rows(10))]
    model, inputs = loaded(estimator, rows)
    expected = estimator.predict_proba(pd.DataFrame(rows).astype(float))
    assert np.allclose(model.predict(read_rows(rows, inputs))["p_benign"], expected[:, 0])


def test_regressors_and_clusterers_answer_a_prediction():
    regressor = LinearRegression().fit(DATA, np.arange(len(DATA)))
    model, inputs = loaded(regressor, tumour_rows(3))
    answer = model.predict(read_rows(tumour_rows(3), inputs))
    assert list(answer) == ["prediction"]
    assert np.allclose(answer["prediction"], regressor.predict(DATA[:3]))
    clusters, inputs = loaded(KMeans(3, n_init=1, random_state=0).fit(DATA), tumour_rows(3))
    assert list(clusters.predict(read_rows(tumour_rows(3), inputs))) == ["prediction"]


def test_text_classifier_gets_a_list_of_texts():
    estimator = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(["good", "bad", "good", "bad"], [1, 0, 1, 0])
    rows = [{"review": "good"}, {"review": "bad"}]
    model, inputs = loaded(estimator, rows)
    assert model.predict(read_rows(rows, inputs))["label"].tolist() == [1, 0]


@pytest.mark.parametrize("format_name", ["skops", "joblib"])
def test_artifact_is_loaded_by_its_format(tmp_path, format_name):
    entry = save_model(tumour_model(), tmp_path, format_name)
    inputs = Inputs(infer_inputs(tumour_rows()))
    for known in (entry, {**entry, "artifact_format": ""}):
        model = load_model(LoadRequest(known, tmp_path, inputs))
        assert model.predict(read_rows(tumour_rows(), inputs))["label"] == ["malignant"]


@pytest.mark.parametrize("format_name", ["skops", "joblib"])
def test_truncated_artifact_is_unreadable(tmp_path, format_name):
    entry = save_model(tumour_model(), tmp_path, format_name)
    path = tmp_path / entry["artifact"]
    path.write_bytes(path.read_bytes()[:500])
    failure = load_failure(tmp_path, entry)
    assert failure.code == "builds.artifact_unreadable"
    assert "(500 bytes) cannot be read" in failure.message


def test_git_lfs_pointer_is_recognized(tmp_path):
    (tmp_path / "model.joblib").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    failure = load_failure(tmp_path, {"kind": "artifact", "artifact": "model.joblib"})
    assert (failure.code, failure.hint) == ("builds.artifact_unreadable", "Run `git lfs pull` and push again.")


def test_unknown_format_and_absent_file_are_named(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"x")
    failure = load_failure(tmp_path, {"kind": "artifact", "artifact": "model.bin"})
    assert failure.code == "builds.artifact_unknown_format"
    assert ".skops" in failure.message
    assert load_failure(tmp_path, {"kind": "artifact", "artifact": "no.skops"}).code == "builds.artifact_unreadable"


def test_skops_with_untrusted_types_lists_them(tmp_path, monkeypatch):
    write_module(tmp_path, "class Odd:\n    def predict(self, x):\n        return x\n", "odd_types")
    monkeypatch.syspath_prepend(tmp_path)
    import odd_types

    failure = load_failure(tmp_path, save_model(odd_types.Odd(), tmp_path))
    assert failure.code == "builds.artifact_unreadable"
    assert failure.details["untrusted_types"] == ["odd_types.Odd"]
    assert "trusted=['odd_types.Odd']" in failure.hint


def pickle_referring_to(module: str, name: str) -> bytes:
    return pickle.dumps(len, 0).replace(b"c__builtin__\nlen\n", f"c{module}\n{name}\n".encode())


def test_pickle_that_needs_an_absent_module_says_whose_it_is(tmp_path):
    entry = {"kind": "artifact", "artifact": "model.pkl"}
    (tmp_path / "model.pkl").write_bytes(pickle_referring_to("features", "clean"))
    failure = load_failure(tmp_path, entry)
    assert failure.code == "builds.local_module"
    assert failure.message.startswith("model.pkl uses features (./features.py), which no dependency provides.")
    (tmp_path / "model.pkl").write_bytes(pickle_referring_to("xgboost.sklearn", "XGBClassifier"))
    failure = load_failure(tmp_path, entry)
    assert (failure.code, failure.hint) == ("builds.module_missing", "Add xgboost to the dependencies.")


def test_pickle_of_something_from_main_is_a_local_module(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle_referring_to("json", "Gone"))
    assert load_failure(tmp_path, {"kind": "artifact", "artifact": "model.pkl"}).code == "builds.local_module"


def test_artifact_without_predict_is_named(tmp_path):
    joblib.dump({"model": 1}, tmp_path / "model.joblib")
    failure = load_failure(tmp_path, {"kind": "artifact", "artifact": "model.joblib"})
    assert (failure.code, failure.message) == ("builds.load_failed", "model.joblib holds dict, which has no predict.")
