"""Use cases of projects."""

from __future__ import annotations

from modelyard.identity.projects.domain import DESCRIPTION_CHARS_MAX, Project
from modelyard.identity.projects.errors import ProjectNameTaken, ProjectNotFound
from modelyard.identity.projects.store import ProjectStore
from modelyard.infra.db.database import UnitOfWork
from modelyard.kernel.access import Access
from modelyard.kernel.clock import Clock
from modelyard.kernel.errors import Invalid
from modelyard.kernel.events import Event
from modelyard.kernel.ids import NAME_RULE, is_name, new_id
from modelyard.kernel.paging import Page, PageRequest


class ProjectService:
    """Makes and opens projects."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def create(self, uow: UnitOfWork, access: Access, name: str, description: str = "") -> Project:
        """A project without members: whoever may make one does not get to see into it by that. Raises Invalid,
        ProjectNameTaken."""
        access.check_installation()
        if not is_name(name):
            raise Invalid(field="name", got=repr(name[:80]), expected=NAME_RULE)
        if len(description) > DESCRIPTION_CHARS_MAX:
            expected = f"at most {DESCRIPTION_CHARS_MAX} characters"
            raise Invalid(field="description", got=f"{len(description)} characters", expected=expected)
        project = Project(new_id("pj"), name, description, self._clock.now(), uow.by.label)
        if not ProjectStore(uow).add(project):
            raise ProjectNameTaken(name=name)
        uow.record(Event("identity.project.created", f"project:{name}", project.id, project.id, name))
        return project

    def open(self, uow: UnitOfWork, access: Access, name: str) -> Project:
        """The project of that name, with the call's permission checked in it: the way into every project.

        Raises ProjectNotFound for one that does not exist and for one whose member the principal is not, alike, and
        Denied for a member without the permission.
        """
        hidden = ProjectNotFound(name=name[:80])
        project = ProjectStore(uow).find_by_name(name)
        if project is None:
            access.checked = True
            raise hidden
        access.check(project.id, hidden=hidden, scope=project.name)
        return project

    def list_projects(self, uow: UnitOfWork, access: Access, page: PageRequest) -> Page[Project]:
        """Those that the principal may see, by name."""
        return ProjectStore(uow).list_projects(access.visible_projects(), page)

    def names(self, uow: UnitOfWork, project_ids: frozenset[str] | None = None) -> dict[str, str]:
        """Project id -> name, for rendering; None means of all. Checks nothing: the ids come from checked objects."""
        return ProjectStore(uow).names(project_ids)

    def find_by_name(self, uow: UnitOfWork, name: str) -> Project | None:
        """Checks nothing: for what checks are made of, and for jobs."""
        return ProjectStore(uow).find_by_name(name)

    def find_by_id(self, uow: UnitOfWork, project_id: str) -> Project | None:
        """Checks nothing: for an id that comes from an object that was checked, or from a job."""
        return ProjectStore(uow).find(project_id)
