"""`projects`: the tenants, their members and service accounts."""

from __future__ import annotations

import click

from modelyard.cli.options import Group
from modelyard.cli.output import Cli, pass_cli, table

ROLES = ("viewer", "developer", "reviewer", "operator", "owner")


@click.group("projects", cls=Group)
@click.pass_context
def projects_command(ctx: click.Context) -> None:
    """List projects; create, show, grant, remove, account."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_projects)


@projects_command.command("list")
@pass_cli
def list_projects(cli: Cli) -> None:
    """The projects that you can see."""
    projects = list(cli.client().projects.list_projects())
    rows = [(p.name, p.description) for p in projects]
    empty = "No projects yet: modelyard projects create NAME"
    cli.show_list([p.document for p in projects], ("name", "description"), rows, empty)


@projects_command.command("create")
@click.argument("name")
@click.option("--description", default="", help="One sentence on what it is for.")
@pass_cli
def create_project(cli: Cli, name: str, description: str) -> None:
    """Make a project."""
    project = cli.client().projects.add_project(name, description)
    cli.show(project.document, f"Project {name}. Let somebody in: modelyard projects grant {name} USER owner")


@projects_command.command("show")
@click.argument("name")
@pass_cli
def show_project(cli: Cli, name: str) -> None:
    """A project's members and service accounts."""
    client = cli.client()
    project = client.projects.get_project(name)
    members = list(client.projects.list_members(name))
    accounts = list(client.projects.list_service_accounts(name))
    rows = [(m.get("user") or m.get("name"), m["role"]) for m in members]
    rows += [(a["name"], "service account") for a in accounts]
    text = f"{name}  {project.description}\n{table(('who', 'role'), rows)}"
    cli.show({**project.document, "members": members, "service_accounts": accounts}, text)


@projects_command.command("grant")
@click.argument("name")
@click.argument("user")
@click.argument("role", type=click.Choice(ROLES))
@pass_cli
def grant(cli: Cli, name: str, user: str, role: str) -> None:
    """Make USER a member of project NAME, or change the role."""
    cli.client().projects.grant(name, user, role)
    cli.show({"project": name, "user": user, "role": role}, f"{user} is {role} of {name}.")


@projects_command.command("remove")
@click.argument("name")
@click.argument("user")
@pass_cli
def remove_member(cli: Cli, name: str, user: str) -> None:
    """End USER's membership in project NAME."""
    cli.client().projects.remove_member(name, user)
    cli.show({"project": name, "user": user, "role": None}, f"{user} is no longer in {name}.")


@projects_command.command("account")
@click.argument("name")
@click.option("--description", default="", help="Which program it is.")
@pass_cli
def add_account(cli: Cli, name: str, description: str) -> None:
    """Make a service account: the identity of a program that calls endpoints."""
    client = cli.client()
    account = client.projects.add_service_account(client.project, name, description)
    cli.show(account, f"Service account {name}. Its token: modelyard tokens create {name}")
