"""Trains the model and writes model.skops and metrics.json.

python train.py            StandardScaler and LogisticRegression, AUC 0.99
python train.py --weak     one measurement alone, AUC 0.89: a first version that leaves room for a second
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

import pandas as pd
import skops.io
from data import LABEL, write_data
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent


def train(weak: bool) -> dict[str, float]:
    """Returns the metrics on the evaluation data."""
    if not (HERE / "train.csv").exists():
        write_data(HERE)
    table, evaluation = pd.read_csv(HERE / "train.csv"), pd.read_csv(HERE / "eval.csv")
    features = [column for column in table.columns if column != LABEL]
    scaled = ColumnTransformer([("one", StandardScaler(), ["radius error"])]) if weak else StandardScaler()
    pipe = make_pipeline(scaled, LogisticRegression(max_iter=1000))
    pipe.fit(table[features], table[LABEL] == "malignant")
    p = pipe.predict_proba(evaluation[features])[:, 1]
    truth = evaluation[LABEL] == "malignant"
    metrics = {"auc": roc_auc_score(truth, p), "accuracy": accuracy_score(truth, p >= 0.5)}
    skops.io.dump(pipe, HERE / "model.skops")
    (HERE / "metrics.json").write_text(json.dumps({name: round(value, 4) for name, value in metrics.items()}) + "\n")
    return metrics


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weak", action="store_true", help="the first, weaker version")
    weak = parser.parse_args().weak or os.environ.get("MODEL") == "weak"
    print("  ".join(f"{name} {value:.3f}" for name, value in train(weak).items()))
