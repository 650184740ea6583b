"""`allow`, `deny`, `tokens`: who may call what, and with which token."""

from __future__ import annotations

import click

from modelyard.cli.options import Command, Group
from modelyard.cli.output import Cli, note, pass_cli


@click.command("allow", cls=Command)
@click.argument("caller", required=False)
@click.argument("endpoint", required=False)
@click.option("--purpose", default="", help="What the predictions are for; kept with every one of them.")
@click.option("--list", "listing", is_flag=True, help="Show who may call what.")
@pass_cli
def allow_command(cli: Cli, caller: str | None, endpoint: str | None, purpose: str, listing: bool) -> None:
    """Let CALLER (a service account or user) use ENDPOINT, for a purpose."""
    client = cli.client()
    if listing or not caller:
        pairings = list(client.projects.list_pairings(client.project))
        rows = [(p.caller, p.endpoint, p.purpose) for p in pairings]
        empty = "Nobody may call anything yet: modelyard allow CALLER ENDPOINT --purpose WHY"
        cli.show_list([p.document for p in pairings], ("caller", "endpoint", "purpose"), rows, empty)
        return
    if not endpoint:
        raise click.UsageError("Missing argument 'ENDPOINT'.")
    if not purpose:
        raise click.UsageError("Missing option '--purpose': say what the predictions are for.")
    pairing = client.projects.allow(client.project, caller, endpoint, purpose)
    cli.show(pairing.document, f"{caller} may call {client.project}/{endpoint} for {purpose}.")


@click.command("deny", cls=Command)
@click.argument("caller")
@click.argument("endpoint")
@pass_cli
def deny_command(cli: Cli, caller: str, endpoint: str) -> None:
    """End a caller's use of an endpoint; refused everywhere within a second."""
    client = cli.client()
    pairing = client.projects.deny(client.project, caller, endpoint)
    cli.show(pairing.document, f"{caller} may no longer call {client.project}/{endpoint}.")


@click.group("tokens", cls=Group)
@click.pass_context
def tokens_command(ctx: click.Context) -> None:
    """List API tokens; create, revoke."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_tokens)


@tokens_command.command("list")
@pass_cli
def list_tokens(cli: Cli) -> None:
    """The project's tokens, without their text."""
    client = cli.client()
    tokens = list(client.projects.list_tokens(client.project))
    rows = [(t.jti, t.principal, t.name, t.expires_at[:10], _state(t.document)) for t in tokens]
    headers = ("id", "of", "name", "expires", "state")
    cli.show_list([t.document for t in tokens], headers, rows, "No tokens yet: modelyard tokens create ACCOUNT")


@tokens_command.command("create")
@click.argument("account", required=False)
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="How long it lasts.")
@click.option("--name", default="", help="To tell it from others.")
@pass_cli
def create_token(cli: Cli, account: str | None, days: int, name: str) -> None:
    """Make a token for a service ACCOUNT, or for yourself. Only its text goes to stdout, this once."""
    client = cli.client()
    token = client.projects.add_token(client.project, principal=account or "", name=name, days=days)
    cli.show(token.document, token.token)
    if not cli.as_json:
        note(f"Token {token.jti} of {account or 'yours'}, until {token.expires_at[:10]}. It is not shown again.")


@tokens_command.command("revoke")
@click.argument("token_id")
@pass_cli
def revoke_token(cli: Cli, token_id: str) -> None:
    """End a token; refused everywhere within a second."""
    client = cli.client()
    client.projects.revoke_token(client.project, token_id)
    cli.show({"jti": token_id, "revoked": True}, f"{token_id} is revoked.")


def _state(document: dict[str, object]) -> str:
    if document.get("revoked_at"):
        return "revoked"
    return str(document.get("warning") or "")
