"""Writes train.csv and eval.csv: scikit-learn's breast-cancer data, which needs no download.

Wolberg, Mangasarian, Street and Street: Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning Repository, 1993.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

LABEL = "diagnosis"


def write_data(folder: Path) -> None:
    """Three quarters for training; the same split every time."""
    found = load_breast_cancer(as_frame=True)
    table: pd.DataFrame = found.data.copy()
    table[LABEL] = ["benign" if target else "malignant" for target in found.target]
    train, evaluation = train_test_split(table, test_size=0.25, random_state=0, stratify=table[LABEL])
    train.to_csv(folder / "train.csv", index=False)
    evaluation.to_csv(folder / "eval.csv", index=False)


if __name__ == "__main__":
    write_data(Path(__file__).parent)
