"""The administrator of a new installation: made once, through the local socket."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from modelyard.cli.local_socket import host_client


def make_administrator(home: Path, password_file: Path | None) -> str | None:
    """The one-time password to show, None when there is none to show.

    With a file the password is not shown: a file with content gives it, an absent or empty one receives it. Such a
    password is no one-time password, because a script that reads the file could not choose another.
    """
    given = ""
    if password_file is not None and password_file.exists():
        given = (password_file.read_text().splitlines() or [""])[0].strip()
    made = "" if given or password_file is None else secrets.token_urlsafe(18)
    with host_client(home) as client:
        body = {"password": given or made} if given or made else {}
        answer = client.transport.json("POST", "/api/v1/first-start", body=body)
    if not answer.get("created"):
        return None
    if made and password_file is not None:
        handle = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(made + "\n")
    shown: str | None = answer.get("one_time_password")
    return shown
