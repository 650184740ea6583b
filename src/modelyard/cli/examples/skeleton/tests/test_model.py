"""Run by pytest against the built version in its own environment: `model` answers, `rows` is row.json as a table."""

from __future__ import annotations


def test_one_answer_for_each_row(model, rows):
    assert len(model.predict(rows)) == len(rows)


def test_score_is_a_probability(model, rows):
    assert model.predict(rows).score.between(0, 1).all()
