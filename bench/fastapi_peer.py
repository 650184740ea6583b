"""The peer that everybody writes by hand: one scikit-learn model behind FastAPI and uvicorn, async route.

It checks no caller, limits nothing, splits nothing and records nothing.

    python -m bench.fastapi_peer PORT MODEL.joblib
"""

from __future__ import annotations

import sys

import joblib
import numpy as np
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Rows(BaseModel):
    rows: list[list[float]]


def make_app(path: str) -> FastAPI:
    pipeline = joblib.load(path)
    app = FastAPI()

    @app.post("/predict")
    async def predict(body: Rows) -> dict[str, list[float]]:
        return {"p": pipeline.predict_proba(np.asarray(body.rows))[:, 1].tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), access_log=False, log_level="warning")
