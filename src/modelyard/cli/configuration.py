"""`config`, `completion`."""

from __future__ import annotations

from dataclasses import asdict, replace

import click

from modelyard.cli.options import Command, Group
from modelyard.cli.output import Cli, pass_cli

_SCRIPTS = {
    "bash": 'eval "$(_MODELYARD_COMPLETE=bash_source modelyard)"',
    "zsh": 'eval "$(_MODELYARD_COMPLETE=zsh_source modelyard)"',
    "fish": "_MODELYARD_COMPLETE=fish_source modelyard | source",
}


@click.group("config", cls=Group)
@click.pass_context
def config_command(ctx: click.Context) -> None:
    """Show profiles; use one, choose a project."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show_config)


@config_command.command("show")
@pass_cli
def show_config(cli: Cli) -> None:
    """The profiles of this machine, without their tokens; * is the active one."""
    from modelyard.sdk.profiles import Credentials
    from modelyard.sdk.settings import read_settings

    credentials = Credentials(read_settings().config_dir)
    profiles, active = credentials.list_profiles()
    documents = [
        {**{key: value for key, value in asdict(profile).items() if key != "token"}, "active": profile.name == active}
        for profile in profiles
    ]
    rows = [("*" if p.name == active else "", p.name, p.user, p.project, p.url, p.expires_at[:16]) for p in profiles]
    headers = ("", "profile", "user", "project", "url", "expires")
    cli.show_list(documents, headers, rows, "No profiles yet: modelyard login --user NAME")


@config_command.command("use")
@click.argument("name", metavar="PROFILE")
@pass_cli
def use_profile(cli: Cli, name: str) -> None:
    """Make a profile the active one."""
    from modelyard.sdk.profiles import Credentials, choose_profile
    from modelyard.sdk.settings import read_settings

    settings = read_settings()
    found = choose_profile(settings, name=name)
    Credentials(settings.config_dir).save(found)
    cli.show({"active": name}, f"Acting as {found.user} at {found.url}.")


@config_command.command("project")
@click.argument("name")
@pass_cli
def choose_project(cli: Cli, name: str) -> None:
    """Choose the project that commands act in."""
    from modelyard.sdk.profiles import Credentials, choose_profile
    from modelyard.sdk.settings import read_settings

    settings = read_settings()
    found = choose_profile(settings, name=cli.profile)
    cli.client().projects.get_project(name)
    Credentials(settings.config_dir).save(replace(found, project=name), activate=False)
    cli.show({"profile": found.name, "project": name}, f"{found.name} acts in {name}.")


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(sorted(_SCRIPTS)))
def completion_command(shell: str) -> None:
    """Print the line that turns completion on in a shell; put it into the shell's start-up file."""
    click.echo(_SCRIPTS[shell])
