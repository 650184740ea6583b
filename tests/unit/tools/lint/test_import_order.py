from __future__ import annotations

import pytest
from tools.lint.rules import import_order


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/modelyard/kernel/ids.py", "from modelyard.infra.db import Database"),
        ("src/modelyard/identity/users/service.py", "import modelyard.registry.models.service"),
        ("src/modelyard/deployment/releases/service.py", "from modelyard.governance.audit import service"),
        ("src/modelyard/governance/audit/service.py", "from modelyard.server.app import create_app"),
        ("src/modelyard/node/supervisor.py", "from modelyard.registry.models.service import find_model"),
        ("src/modelyard/sdk/client.py", "from modelyard.infra.http.problems import STATUS"),
        ("src/modelyard/server/app.py", "from modelyard.cli.main import main"),
        ("src/modelyard/cli/up.py", "import modelyard.server.app"),
        ("src/modelyard/cli/up.py", "from modelyard.infra.db import Database"),
        ("src/modelyard/builds/builds/api.py", "from modelyard.web.pages import page"),
        (
            "src/modelyard/governance/audit/service.py",
            "from modelyard.deployment.releases.nowhere import x; import modelyard.web",
        ),
        ("src/modelyard/server/app.py", "import modelyard_worker.serving"),
        ("worker/src/modelyard_worker/serving.py", "from modelyard.kernel.ids import new_id"),
        ("src/modelyard/novelty/x.py", "import modelyard.kernel.ids"),
    ],
)
def test_import_against_the_order_is_found(lint, path, line):
    assert len(lint(import_order, {path: line})) == 1


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("src/modelyard/identity/users/service.py", "from modelyard.infra.db import UnitOfWork"),
        ("src/modelyard/cli/up.py", "from modelyard.infra.processes.paths import run_dir"),
        ("src/modelyard/server/app.py", "from modelyard import __version__"),
        ("src/modelyard/server/wiring.py", "import modelyard.web.pages"),
        ("src/modelyard/deployment/releases/service.py", "from modelyard.builds.builds.service import get_build"),
        ("worker/src/modelyard_worker/serving.py", "import modelyard_worker.http"),
        ("tests/api/test_x.py", "import modelyard.server.app"),
    ],
)
def test_import_along_the_order_passes(lint, path, line):
    assert lint(import_order, {path: line}) == []


def test_import_inside_a_function_or_for_types_only_is_found_too(lint):
    text = """
        if TYPE_CHECKING:
            from modelyard.server.app import create_app
        def f():
            import modelyard.server.app
        """
    assert [m.split()[0] for m in lint(import_order, {"src/modelyard/kernel/x.py": text})] == ["3", "5"]


def test_relative_import_is_resolved(lint):
    files = {"src/modelyard/kernel/x.py": "from ..server import app"}
    assert "kernel may not import modelyard.server" in lint(import_order, files)[0]


def test_slice_importing_a_later_slice_of_its_room_is_found(lint):
    later = {"src/modelyard/identity/projects/service.py": "from modelyard.identity.tokens.service import issue"}
    earlier = {
        "src/modelyard/identity/tokens/service.py": "from modelyard.identity.projects.service import get_project"
    }
    assert "comes before tokens" in lint(import_order, later)[0]
    assert lint(import_order, earlier) == []


def test_slice_missing_from_the_order_is_found(lint):
    files = {"src/modelyard/identity/novelty/service.py": "from modelyard.identity.projects.service import x"}
    assert "identity.novelty is not in" in lint(import_order, files)[0]
