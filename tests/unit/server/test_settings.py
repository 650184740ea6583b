"""The control plane's settings: sources in order, unknown keys, sections of the node."""

from __future__ import annotations

import pytest

from modelyard.infra.settings import SettingInvalid, describe
from modelyard.server.settings import load_settings


@pytest.fixture
def home(tmp_path, monkeypatch):
    for section in ("SERVER", "DATABASE", "NODE"):
        monkeypatch.delenv(f"MODELYARD__{section}__LOG_LEVEL", raising=False)
    return tmp_path


def test_settings_without_file_are_defaults(home):
    loaded = load_settings(home)
    assert loaded.value.database_url == f"sqlite:///{home}/control/modelyard.db"
    assert loaded.value.server.log_level == "INFO"


def test_environment_wins_over_file_and_says_so(home, monkeypatch):
    (home / "config.toml").write_text('[server]\nlog_level = "DEBUG"\n[database]\npool_size = 3\n')
    monkeypatch.setenv("MODELYARD__SERVER__LOG_LEVEL", "ERROR")
    loaded = load_settings(home)
    assert (loaded.value.server.log_level, loaded.value.database.pool_size) == ("ERROR", 3)
    assert loaded.sources["server.log_level"] == "MODELYARD__SERVER__LOG_LEVEL"
    assert loaded.sources["database.pool_size"] == str(home / "config.toml")


def test_sections_of_the_node_are_the_nodes_business(home, monkeypatch):
    (home / "config.toml").write_text('[node]\nport = 9000\n[node.indexes.default]\nurl = "https://example.org"\n')
    monkeypatch.setenv("MODELYARD__NODE__PORT", "9001")
    assert load_settings(home).value.server.log_level == "INFO"


@pytest.mark.parametrize("text", ["[servr]\nlog_level = 'x'\n", "[server]\nlog_levl = 'x'\n"])
def test_unknown_key_is_refused_with_the_nearest(home, text):
    (home / "config.toml").write_text(text)
    with pytest.raises(SettingInvalid, match=r"an unknown key, expected .*server"):
        load_settings(home)


def test_secret_is_hidden_when_described(home, monkeypatch):
    monkeypatch.setenv("MODELYARD__DATABASE__URL", "postgresql://u:geheim@h/db")
    shown = {name: value for name, value, _, _ in describe(load_settings(home))}
    assert shown["database.url"] == "***"
