"""Benign or malignant, from thirty measurements of a cell nucleus."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import skops.io


class Tumour:
    def load(self, files: Path) -> None:
        self.pipe = skops.io.load(files / "model.skops")

    def predict(self, rows: pd.DataFrame) -> pd.DataFrame:
        p = self.pipe.predict_proba(rows[self.pipe.feature_names_in_])[:, 1]
        return pd.DataFrame({"label": ["malignant" if x >= 0.5 else "benign" for x in p], "p_malignant": p})
