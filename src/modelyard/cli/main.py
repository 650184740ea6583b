"""Entry point: commands are imported when they are used, so that `modelyard --help` and completion stay instant."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from modelyard import __version__
from modelyard.cli.options import global_options
from modelyard.cli.output import EXIT_INTERRUPTED, EXIT_USAGE, Cli, report_error

# name -> (module, what --help says), grouped as people look for them.
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Make a model": {
        "init": ("starting", "Start a model's folder, before training."),
        "test": ("local", "Run the build's checks here, offline."),
        "serve": ("local", "Answer predictions here, offline, with the real worker."),
        "push": ("pushing", "Upload the folder and build a version."),
        "builds": ("pushing", "List builds; show, log, cancel, retry."),
        "models": ("registry", "List models; show, versions, alias."),
        "diff": ("registry", "What differs between two versions."),
        "pull": ("registry", "Write a version's files into a folder."),
    },
    "Bring it to production": {
        "release": ("deployments", "Ask that a version answer at an endpoint."),
        "releases": ("deployments", "List releases; show, withdraw."),
        "approve": ("deployments", "Approve somebody else's release and wait until it is live."),
        "reject": ("deployments", "Reject a release, with a reason."),
        "rollback": ("deployments", "Send an endpoint back to what was live before."),
        "endpoints": ("deployments", "List endpoints; show, stop, start."),
        "predict": ("predictions", "Ask an endpoint, or a version that nobody approved yet."),
        "logs": ("deployments", "What the model at an endpoint prints."),
        "lineage": ("predictions", "From a prediction to people, code, data and environment."),
        "audit": ("auditing", "Who did what, when and why."),
    },
    "Let people and programs in": {
        "login": ("accounts", "Log in and keep a profile."),
        "logout": ("accounts", "End the session."),
        "allow": ("callers", "Let a caller use an endpoint, for a purpose."),
        "deny": ("callers", "End that."),
        "tokens": ("callers", "List API tokens; create, revoke."),
        "users": ("accounts", "List users; add, disable, enable, reset-password, password."),
        "projects": ("projects", "List projects; create, show, grant, remove, account."),
    },
    "Run an installation": {
        "up": ("up", "Start everything in the foreground."),
        "down": ("up", "Stop what `up` started."),
        "status": ("status", "What runs and how it is."),
        "doctor": ("doctor", "Find what is wrong, and say what to do."),
        "backup": ("backups", "Write everything into one file, under load."),
        "restore": ("backups", "Make a home from a backup."),
        "config": ("configuration", "Show profiles; use one, choose a project."),
        "completion": ("configuration", "Shell completion: bash, zsh or fish."),
    },
}
_MODULES = {name: module for group in COMMANDS.values() for name, (module, _) in group.items()}


class LazyGroup(click.Group):
    """Knows its commands by name; imports a command's module when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        module = importlib.import_module(f"modelyard.cli.{_MODULES[cmd_name]}")
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _MODULES and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], _MODULES, n=1)
            ctx.fail(f"There is no command {args[0]!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, group in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, about) for name, (_, about) in group.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", "-V", prog_name="modelyard")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Takes machine-learning models from your machine to governed production.

    First steps: `modelyard init NAME --example tumour`, `modelyard test`, `modelyard push`.
    """
    ctx.ensure_object(Cli)


global_options(cli)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    state = Cli()
    try:
        answer: Any = cli.main(arguments, prog_name="modelyard", standalone_mode=False, obj=state)
        return answer if isinstance(answer, int) else 0
    except click.exceptions.NoArgsIsHelpError as shown:
        click.echo(shown.format_message())
        return EXIT_USAGE
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away, as `head` does; the interpreter must not complain when it flushes.
        sys.stdout = None
        return 0
    except Exception as error:
        if type(error).__module__.split(".")[0] != "modelyard" and not isinstance(error, OSError):
            raise
        return report_error(error, as_json=state.as_json)
    finally:
        state.close()


if __name__ == "__main__":
    sys.exit(main())
