"""Run by pytest against the built version in its own environment: `model` answers, `rows` is row.json as a table."""

from __future__ import annotations


def test_monotone(model, rows):
    worse = rows.assign(**{"worst area": rows["worst area"] * 2})
    assert (model.predict(worse).p_malignant >= model.predict(rows).p_malignant).all()


def test_probability(model, rows):
    assert model.predict(rows).p_malignant.between(0, 1).all()


def test_label_follows_probability(model, rows):
    answer = model.predict(rows)
    assert list(answer.label) == ["malignant" if p >= 0.5 else "benign" for p in answer.p_malignant]
