"""Reading lists of configurations, and filtering them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like.core.errors import ConfigError
from autogen_like.models.config import (
    config_list_from_dotenv,
    config_list_from_json,
    config_list_from_models,
    config_list_gpt4_gpt35,
    config_list_openai_aoai,
    filter_config,
    get_config_list,
)

LIST = [
    {"model": "a", "tags": ["x", "y"]},
    {"model": "b", "tags": ["y"]},
    {"model": "c"},
    {"model": "a", "api_type": None},
]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_API_BASE", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_API_BASE", "MODELS"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("wanted", "kept", "excluded"),
    [
        (None, [0, 1, 2, 3], [0, 1, 2, 3]),
        ({}, [0, 1, 2, 3], [0, 1, 2, 3]),
        ({"model": ["a"]}, [0, 3], [1, 2]),
        ({"model": ["a", "b"], "tags": ["y"]}, [0, 1], [2]),
        ({"tags": ["x"]}, [0], [1, 2, 3]),
        ({"tags": ["y", "q"]}, [0, 1], [2, 3]),
        ({"model": []}, [], [0, 1, 2, 3]),
        ({"api_type": [None]}, [], [0, 1, 2, 3]),
        ({"model": "abc"}, [], [0, 1, 2, 3]),
    ],
)
def test_a_filter_keeps_what_has_an_acceptable_value(wanted: Any, kept: list[int], excluded: list[int]) -> None:
    assert filter_config(LIST, wanted) == [LIST[index] for index in kept]
    assert filter_config(LIST, wanted, exclude=True) == [LIST[index] for index in excluded]


values = st.sampled_from(["a", "b", "c"])
entries = st.lists(st.fixed_dictionaries({}, optional={"model": values, "tags": st.lists(values)}), max_size=6)
filters = st.fixed_dictionaries({}, optional={"model": st.lists(values), "tags": st.lists(values)})


@given(entries, filters)
def test_a_filter_keeps_order_and_entries_and_never_keeps_what_it_excludes(listed: Any, wanted: Any) -> None:
    kept = filter_config(listed, wanted)
    assert kept == [entry for entry in listed if any(entry is other for other in kept)]
    assert filter_config(kept, wanted) == kept
    if wanted:
        excluded = filter_config(listed, wanted, exclude=True)
        assert not any(entry is other for entry in kept for other in excluded)
        if len(wanted) == 1:
            assert len(kept) + len(excluded) == len(listed)


def test_a_list_is_read_from_a_file_a_variable_or_a_file_that_the_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = json.dumps(LIST)
    (tmp_path / "MODELS").write_text(text)
    assert config_list_from_json("MODELS", file_location=tmp_path) == LIST
    assert config_list_from_json("MODELS", str(tmp_path), {"model": ["c"]}) == [LIST[2]]
    monkeypatch.setenv("MODELS", text)
    assert config_list_from_json("MODELS", filter_dict={"tags": ["x"]}) == [LIST[0]]
    monkeypatch.setenv("MODELS", str(tmp_path / "MODELS"))
    assert config_list_from_json("MODELS") == LIST


def test_a_list_that_is_not_there_or_not_one_is_an_error_without_its_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="set the environment variable MODELS"):
        config_list_from_json("MODELS", file_location=tmp_path)
    for wrong in ('[{"api_key": "sk-1"', '{"api_key": "sk-1"}'):
        monkeypatch.setenv("MODELS", wrong)
        with pytest.raises(ConfigError, match="MODELS") as raised:
            config_list_from_json("MODELS")
        assert "sk-1" not in str(raised.value)
        assert raised.value.__cause__ is None


def test_a_dotenv_file_gives_keys_that_the_environment_wins_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / ".env"
    file.write_text("# keys\nexport OPENAI_API_KEY='sk 1' # mine\nOTHER = sk-2 # note\nEMPTY=\nno line\n")
    found = config_list_from_dotenv(
        file, {"a": "OPENAI_API_KEY", "b": {"api_key_env_var": "OTHER", "base_url": "https://x"}, "c": "EMPTY"}
    )
    assert found == [{"model": "a", "api_key": "sk 1"}, {"model": "b", "api_key": "sk-2", "base_url": "https://x"}]
    monkeypatch.setenv("OTHER", "sk-3")
    assert config_list_from_dotenv(file, {"b": "OTHER"}) == [{"model": "b", "api_key": "sk-3"}]
    monkeypatch.chdir(tmp_path)
    by_default = config_list_from_dotenv(filter_dict={"model": ["gpt-4"]})
    assert by_default == [{"model": "gpt-4", "api_key": "sk 1"}]
    with pytest.raises(ConfigError, match="can't be read"):
        config_list_from_dotenv(tmp_path / "none")
    file.unlink()
    assert config_list_from_dotenv(model_api_key_map={"a": "NOBODY"}) == []


def test_keys_and_addresses_go_together() -> None:
    assert get_config_list(["1", " ", "2"], ["u", "v", "w"], "azure", "v1") == [
        {"api_key": "1", "base_url": "u", "api_type": "azure", "api_version": "v1"},
        {"api_key": "2", "base_url": "w", "api_type": "azure", "api_version": "v1"},
    ]
    assert get_config_list(["1"]) == [{"api_key": "1"}]
    with pytest.raises(ConfigError, match="one for each key"):
        get_config_list(["1"], ["u", "v"])


def test_key_files_and_the_environment_give_openai_and_azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "key_openai.txt").write_text("k1\nk2\n")
    (tmp_path / "key_aoai.txt").write_text("k3\n")
    (tmp_path / "base_aoai.txt").write_text("https://x\n")
    both = config_list_openai_aoai(tmp_path)
    assert [entry["api_key"] for entry in both] == ["k3", "k1", "k2"]
    assert both[0]["api_type"] == "azure"
    assert [entry["api_key"] for entry in config_list_openai_aoai(tmp_path, exclude="aoai")] == ["k1", "k2"]
    monkeypatch.setenv("OPENAI_API_KEY", "k4")
    assert config_list_from_models(tmp_path, exclude="aoai", model_list=["m", "n"]) == [
        {"api_key": "k4", "model": "m"},
        {"api_key": "k4", "model": "n"},
    ]
    assert config_list_from_models(tmp_path, exclude="aoai") == [{"api_key": "k4"}]
    assert [entry["model"] for entry in config_list_gpt4_gpt35(None)] == ["gpt-4", "gpt-3.5-turbo"]
