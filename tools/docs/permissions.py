"""docs/reference/permissions.md: every permission, its sentence (the comment beside it), and which roles have it."""

from __future__ import annotations

import inspect
import re

from modelyard.kernel import access
from modelyard.kernel.access import ADMINISTRATOR_PERMISSIONS, AUDITOR_PERMISSIONS, ROLE_PERMISSIONS, Permission, Role
from tools.docs.markdown import code, page, table

INTRODUCTION = """
A permission reads `resource:action`. Members of a project have those of their role there; administrator and auditor
are roles of the installation. Somebody outside a project gets the answer "not found" about everything in it, so that
they cannot learn what exists. Nobody approves a release that they authored, whatever their role.
"""


def render() -> str:
    head = ["permission", "allows to", *(role.value for role in Role), "administrator", "auditor"]
    rows = []
    for permission, sentence in sentences().items():
        holders = [ROLE_PERMISSIONS[role] for role in Role] + [ADMINISTRATOR_PERMISSIONS, AUDITOR_PERMISSIONS]
        rows.append([code(permission.value), sentence, *("✓" if permission in held else "" for held in holders)])
    return page("Permissions", INTRODUCTION, table(head, rows))


def sentences() -> dict[Permission, str]:
    """The comment on the right of each member."""
    lines = inspect.getsource(access.Permission).splitlines()
    found = {}
    for line in lines:
        match = re.match(r"\s*(\w+) = \"[^\"]+\"\s+# (.+)$", line)
        if match:
            found[Permission[match[1]]] = match[2]
    return {permission: found.get(permission, "") for permission in Permission}
