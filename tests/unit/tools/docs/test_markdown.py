"""Tables keep their columns whatever is in a cell."""

from __future__ import annotations

from tools.docs.markdown import table


def test_table_cell_with_bar_and_newline_stays_one_cell():
    assert table(["a"], [["x | y\nz"]]).splitlines()[-1] == "| x \\| y z |"
