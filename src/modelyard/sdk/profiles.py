"""Who you are logged in as, and where: `credentials.toml`, readable by its owner only.

A profile is an installation's address, a user's session token and a project. `login` writes one, named for the user
unless told otherwise, and makes it the active one.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

from modelyard.sdk.errors import ModelyardError, Unauthenticated
from modelyard.sdk.settings import URL_DEFAULT, ClientSettings

FILE_NAME = "credentials.toml"


@dataclass(frozen=True, slots=True)
class Profile:
    """`project` is the one that commands act in; empty until chosen. `expires_at` is RFC 3339."""

    name: str
    url: str
    token: str = ""
    user: str = ""
    project: str = ""
    expires_at: str = ""
    ca_file: str = ""


class Credentials:
    """The file. Every change reads it again and replaces it whole, so that two logins at once lose neither."""

    def __init__(self, config_dir: Path) -> None:
        self.path = config_dir / FILE_NAME

    def list_profiles(self) -> tuple[list[Profile], str]:
        """All profiles and the name of the active one. Raises ModelyardError when the file can't be understood."""
        try:
            document = tomllib.loads(self.path.read_text())
        except FileNotFoundError:
            return [], ""
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, PermissionError) as cause:
            raise ModelyardError(
                f"{self.path} can't be read: {cause}.",
                code="client.credentials_unreadable",
                hint="remove the file and log in again: modelyard login --user NAME",
            ) from cause
        known = set(Profile.__slots__) - {"name"}
        found = [
            Profile(name=name, **{key: str(value) for key, value in entry.items() if key in known})
            for name, entry in document.get("profiles", {}).items()
            if isinstance(entry, dict) and "url" in entry
        ]
        return found, str(document.get("active", ""))

    def find_profile(self, name: str) -> Profile | None:
        """The profile by name; with an empty name the active one."""
        profiles, active = self.list_profiles()
        return next((profile for profile in profiles if profile.name == (name or active)), None)

    def save(self, profile: Profile, *, activate: bool = True) -> None:
        """Adds or replaces the profile."""
        profiles, active = self.list_profiles()
        kept = [other for other in profiles if other.name != profile.name]
        self._write([*kept, profile], profile.name if activate or not active else active)

    def remove(self, name: str) -> bool:
        """Forgets the profile; False when there was none."""
        profiles, active = self.list_profiles()
        kept = [profile for profile in profiles if profile.name != name]
        if len(kept) == len(profiles):
            return False
        self._write(kept, active if active != name else (kept[-1].name if kept else ""))
        return True

    def _write(self, profiles: list[Profile], active: str) -> None:
        # A JSON string is a TOML basic string: same quotes, same escapes.
        lines = [
            "# Written by `modelyard login`. Whoever can read this file can act as you.",
            f"active = {_toml(active)}",
        ]
        for profile in profiles:
            lines += ["", f"[profiles.{_toml(profile.name)}]"]
            fields = asdict(profile)
            lines += [f"{key} = {_toml(value)}" for key, value in fields.items() if key != "name" and value]
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".credentials-")  # made with mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                file.write("\n".join(lines) + "\n")
            os.replace(temporary, self.path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise


def choose_profile(settings: ClientSettings, *, name: str = "", url: str = "", project: str = "") -> Profile:
    """Whom to act as: arguments before environment before the active profile.

    Raises Unauthenticated when a named profile does not exist, or nothing says how to log in.
    """
    wanted = name or settings.profile
    credentials = Credentials(settings.config_dir)
    found = credentials.find_profile(wanted)
    if wanted and found is None:
        known = ", ".join(profile.name for profile in credentials.list_profiles()[0]) or "none"
        raise Unauthenticated(
            f"There is no profile {wanted!r}. Known: {known}.",
            code="client.profile_unknown",
            hint=f"modelyard login --user {wanted}",
        )
    token = settings.token if not name else ""
    if found is None and not token:
        raise Unauthenticated("Nobody is logged in.", code="client.not_logged_in", hint="modelyard login --user NAME")
    base = found or Profile(name="environment", url=settings.url or URL_DEFAULT)
    moved = url or settings.url
    if moved and found and not token and moved.rstrip("/") != found.url:
        # A session must never travel to another address just because a variable points there.
        raise Unauthenticated(
            f"Profile {base.name!r} belongs to {base.url}, not {moved}.",
            code="client.profile_elsewhere",
            hint=f"modelyard login --url {moved} --user NAME",
        )
    return Profile(
        name=base.name,
        url=(moved or base.url).rstrip("/"),
        token=token or base.token,
        user=base.user if not token else "",
        project=project or settings.project or base.project,
        expires_at=base.expires_at if not token else "",
        ca_file=base.ca_file,
    )


def _toml(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
