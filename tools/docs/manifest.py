"""docs/reference/manifest.md: every key of modelyard.toml, from the table that drives the parser."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.contracts.manifest.sections import COLUMN_KEYS, EXPECT_LIMITS, REQUIRED_SECTIONS, SECTIONS, Key
from tools.docs.markdown import code, page, table

INTRODUCTION = """
`modelyard.toml` stands at the top of the folder that is pushed. Unknown keys are errors, with the line and the nearest
known key. `modelyard init` writes `.modelyard/manifest.schema.json` beside it, which editors read by the line
`#:schema .modelyard/manifest.schema.json`. A minimal manifest:

```toml
[model]
name = "mine"
artifact = "model.skops"
[environment]
dependencies = "requirements.txt"
[schema]
sample = "row.json"
```
"""
EXAMPLES = """
```toml
[[examples]]
input = "row.json"
expect.label = "benign"
expect.p_malignant = { max = 0.2 }
```

`input` is a JSON file with a row, or the row itself. `expect` names output columns, each with a value or with limits:
"""


def render() -> str:
    parts = []
    for section, keys in SECTIONS.items():
        required = " (required)" if section in REQUIRED_SECTIONS else ""
        parts += [f"## [{section}]{required}\n", _table(keys)]
        if section == "schema":
            parts += ["`[[schema.inputs]]` and `[[schema.outputs]]` write columns out instead of a sample:\n"]
            parts += [_table(COLUMN_KEYS)]
    limits = ", ".join(code(limit) for limit in EXPECT_LIMITS) + ".\n"
    return page("The manifest", INTRODUCTION, *parts, "## [[examples]]\n", EXAMPLES, limits)


def _table(keys: Sequence[Key]) -> str:
    rows = []
    for key in keys:
        value = f"list of {key.kind.name.split(' ', 1)[-1]}s" if key.is_list else key.kind.name
        rows.append([code(key.name), value, "yes" if key.is_required else "", key.doc])
    return table(["key", "value", "required", "meaning"], rows)
