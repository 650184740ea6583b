from __future__ import annotations

import stat
from pathlib import Path

import pytest

from modelyard.sdk.errors import ModelyardError, Unauthenticated
from modelyard.sdk.profiles import Credentials, Profile, choose_profile
from modelyard.sdk.settings import ClientSettings, read_settings

AUTHOR = Profile("author", "http://127.0.0.1:8800", 'tok"en\\\n', "author", "demo", "2026-11-24T00:00:00Z")


def test_save_and_read_gives_the_same_profile_in_a_private_file(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path / "deep" / "modelyard")
    credentials.save(AUTHOR)
    assert credentials.find_profile("author") == AUTHOR
    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o600


def test_save_second_profile_keeps_the_first_and_becomes_active(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.save(AUTHOR)
    credentials.save(Profile("reviewer", AUTHOR.url, "t2", "reviewer"))
    assert [profile.name for profile in credentials.list_profiles()[0]] == ["author", "reviewer"]
    assert credentials.list_profiles()[1] == "reviewer"


def test_save_over_a_too_open_file_closes_it(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.save(AUTHOR)
    credentials.path.chmod(0o644)
    credentials.save(AUTHOR)
    assert stat.S_IMODE(credentials.path.stat().st_mode) == 0o600


def test_remove_active_profile_leaves_another_active(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.save(Profile("reviewer", AUTHOR.url, "t2"))
    credentials.save(AUTHOR)
    assert credentials.remove("author")
    assert credentials.list_profiles()[1] == "reviewer"
    assert not credentials.remove("author")


def test_list_profiles_broken_file_says_what_to_do(tmp_path: Path) -> None:
    credentials = Credentials(tmp_path)
    credentials.path.write_text("active = ")
    with pytest.raises(ModelyardError, match="can't be read") as caught:
        credentials.list_profiles()
    assert caught.value.code == "client.credentials_unreadable"


def test_choose_profile_unknown_name_lists_the_known(tmp_path: Path) -> None:
    Credentials(tmp_path).save(AUTHOR)
    with pytest.raises(Unauthenticated, match="Known: author"):
        choose_profile(ClientSettings(tmp_path), name="nobody")


def test_choose_profile_nobody_logged_in_says_how(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated) as caught:
        choose_profile(ClientSettings(tmp_path))
    assert caught.value.hint == "modelyard login --user NAME"


def test_choose_profile_never_sends_a_session_to_another_address(tmp_path: Path) -> None:
    Credentials(tmp_path).save(AUTHOR)
    with pytest.raises(Unauthenticated, match="belongs to"):
        choose_profile(ClientSettings(tmp_path, url="http://evil.example"))


def test_choose_profile_token_of_the_environment_wins_and_goes_where_it_says(tmp_path: Path) -> None:
    Credentials(tmp_path).save(AUTHOR)
    chosen = choose_profile(ClientSettings(tmp_path, url="http://10.0.0.1", token="t", project="p"))
    assert (chosen.url, chosen.token, chosen.project, chosen.user) == ("http://10.0.0.1", "t", "p", "")


def test_read_settings_names_every_variable() -> None:
    environment = {
        "MODELYARD_PROFILE": "p", "MODELYARD_URL": "u", "MODELYARD_TOKEN": "t", "MODELYARD_PROJECT": "j",
        "MODELYARD_CONFIG_DIR": "/c",
    }  # fmt: skip
    assert read_settings(environment) == ClientSettings(Path("/c"), "p", "u", "t", "j")
    assert read_settings({"HOME": "/h"}).config_dir == Path("/h/.config/modelyard")
