"""Writes the reference pages that are made from the code, so that they cannot disagree with it.

`python -m tools.docs` writes them, `--check` only says which are not current. A test calls the same functions.
"""
