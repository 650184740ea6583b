"""`login`, `logout`, `users`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelyard.cli.options import Command, Group
from modelyard.cli.output import Cli, note, pass_cli


def read_password(file: Path | None, prompt: str, *, confirm: bool = False) -> str:
    """From the file (its first line) or asked for; never from an argument, which other processes can read."""
    if file is not None:
        lines = file.read_text().splitlines()
        return lines[0] if lines else ""
    answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    return answer


@click.command("login", cls=Command)
@click.option("--user", required=True, help="Your name there.")
@click.option("--password-file", type=click.Path(exists=True, path_type=Path), help="Instead of being asked.")
@click.option("--new-password-file", type=click.Path(exists=True, path_type=Path), help="After a one-time password.")
@click.option("--ca-file", type=click.Path(exists=True, path_type=Path), help="Trust this authority's certificates.")
@pass_cli
def login_command(
    cli: Cli, user: str, password_file: Path | None, new_password_file: Path | None, ca_file: Path | None
) -> None:
    """Log in and keep a profile, named for the user unless --profile says otherwise; it becomes the active one."""
    from modelyard.sdk.client import Client
    from modelyard.sdk.profiles import Credentials, Profile
    from modelyard.sdk.settings import URL_DEFAULT, read_settings

    settings = read_settings()
    name = cli.profile or user
    before = Credentials(settings.config_dir).find_profile(name)
    url = (cli.url or settings.url or (before.url if before else URL_DEFAULT)).rstrip("/")
    authority = str(ca_file.resolve()) if ca_file else (before.ca_file if before else "")
    with Client(url, agent="cli", ca_file=authority) as client:
        password = read_password(password_file, f"Password of {user} at {url}")
        session = client.accounts.log_in(user, password)
        if client.accounts.me().must_change_password:
            note("That was a one-time password; choose your own.")
            client.accounts.change_password(password, read_password(new_password_file, "New password", confirm=True))
        me = client.accounts.me()
    names = [entry["name"] for entry in me.projects]
    kept = before.project if before and before.project in names else ""
    project = cli.project or settings.project or kept or (names[0] if len(names) == 1 else "")
    profile = Profile(name, url, session.token, user, project, session.expires_at, authority)
    credentials = Credentials(settings.config_dir)
    credentials.save(profile)
    where = f"{user} @ {project}" if project else user
    shown = {"profile": name, "url": url, "user": user, "project": project, "expires_at": session.expires_at}
    cli.show(shown, f"{where}, {url.partition('://')[2]} ✓")
    if not project and names:
        note(f"You are in {', '.join(names)}. Choose one: modelyard config project NAME")


@click.command("logout", cls=Command)
@pass_cli
def logout_command(cli: Cli) -> None:
    """End the session on the server and forget the profile."""
    from modelyard.sdk.client import Client
    from modelyard.sdk.errors import ModelyardError
    from modelyard.sdk.profiles import Credentials, choose_profile
    from modelyard.sdk.settings import read_settings

    settings = read_settings()
    profile = choose_profile(settings, name=cli.profile)
    try:
        with Client.from_profile(profile=profile, agent="cli") as client:
            client.accounts.log_out()
    except ModelyardError as problem:
        note(f"The server did not end the session ({problem.detail}); the profile is forgotten here.")
    Credentials(settings.config_dir).remove(profile.name)
    cli.show({"profile": profile.name}, f"Logged out {profile.name}.")


@click.group("users", cls=Group)
@click.pass_context
def users_command(ctx: click.Context) -> None:
    """List users; add, disable, enable, reset-password, password."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_users)


@users_command.command("list")
@pass_cli
def list_users(cli: Cli) -> None:
    """The people of this installation."""
    users = list(cli.client().accounts.list_users())
    rows = [(u.name, u.display_name, u.is_administrator, u.is_auditor, "disabled" if u.disabled else "") for u in users]
    headers = ("name", "display name", "administrator", "auditor", "state")
    cli.show_list([u.document for u in users], headers, rows, "No users yet: modelyard users add NAME")


@users_command.command("add")
@click.argument("name")
@click.option("--display-name", default="", help="As pages show it.")
@click.option("--password-file", type=click.Path(exists=True, path_type=Path), help="Instead of a generated one.")
@click.option("--administrator", is_flag=True, help="May manage users, projects and nodes.")
@click.option("--auditor", is_flag=True, help="May read everything, change nothing.")
@pass_cli
def add_user(
    cli: Cli, name: str, display_name: str, password_file: Path | None, administrator: bool, auditor: bool
) -> None:
    """Add a user. Without --password-file a password is made and printed, this once."""
    password = read_password(password_file, "") if password_file else ""
    user = cli.client().accounts.add_user(
        name, display_name=display_name, password=password, administrator=administrator, auditor=auditor
    )
    _show_password(cli, name, user.document, user.one_time_password)


@users_command.command("disable")
@click.argument("name")
@pass_cli
def disable_user(cli: Cli, name: str) -> None:
    """Shut a user out; sessions and tokens end."""
    cli.client().accounts.disable_user(name)
    cli.show({"name": name, "disabled": True}, f"{name} is disabled.")


@users_command.command("enable")
@click.argument("name")
@pass_cli
def enable_user(cli: Cli, name: str) -> None:
    """Let a disabled user in again."""
    cli.client().accounts.enable_user(name)
    cli.show({"name": name, "disabled": False}, f"{name} is enabled.")


@users_command.command("reset-password")
@click.argument("name")
@click.option("--home", type=click.Path(path_type=Path), help="On the host: through the installation's own socket.")
@pass_cli
def reset_password(cli: Cli, name: str, home: Path | None) -> None:
    """Make a new one-time password: as an administrator, or with --home as the person who owns the machine."""
    if home is None:
        user = cli.client().accounts.reset_password(name)
    else:
        from modelyard.cli.local_socket import host_client

        with host_client(home) as client:
            user = client.accounts.reset_password(name)
    _show_password(cli, name, user.document, user.one_time_password)


@users_command.command("password")
@click.option("--old-file", type=click.Path(exists=True, path_type=Path), help="File with the old password.")
@click.option("--new-file", type=click.Path(exists=True, path_type=Path), help="File with the new password.")
@pass_cli
def change_password(cli: Cli, old_file: Path | None, new_file: Path | None) -> None:
    """Change your own password."""
    client = cli.client()
    old = read_password(old_file, "Old password")
    client.accounts.change_password(old, read_password(new_file, "New password", confirm=True))
    cli.show({"changed": True}, "Password changed.")


def _show_password(cli: Cli, name: str, document: dict[str, Any], password: str) -> None:
    if cli.as_json or not password:
        cli.show(document, name)
        return
    click.echo(password)
    note(f"That is the password of {name}, shown this once.")
