"""The rules. Each module has `CODE`, a docstring that says why, and `check(tree)` yielding findings."""
