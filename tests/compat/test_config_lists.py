"""Lists of models and custom clients by 0.2's names."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like import ConfigError
from autogen_like.compat.oai.client_utils import should_hide_tools
from autogen_like.compat.oai.openai_utils import is_valid_api_key


def test_a_list_that_is_nowhere_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="NOT_THERE"):
        autogen.config_list_from_json("NOT_THERE", file_location=tmp_path)
    (tmp_path / "list").write_text("[1]")
    with pytest.raises(ConfigError) as caught:
        autogen.config_list_from_json("list", file_location=tmp_path)
    assert not isinstance(caught.value, FileNotFoundError)
    (tmp_path / "list").write_text(json.dumps([{"model": "m"}]))
    assert autogen.config_list_from_json("list", file_location=tmp_path) == [{"model": "m"}]


def test_unequal_lists_of_keys_and_addresses_are_an_assertion_error() -> None:
    with pytest.raises(AssertionError, match="one for each key"):
        autogen.get_config_list(["a", "b"], ["https://example.org"])
    assert autogen.get_config_list(["a", ""]) == [{"api_key": "a"}]


def test_a_missing_dotenv_file_and_missing_keys_are_warnings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a")
    with caplog.at_level(logging.WARNING):
        found = autogen.config_list_from_dotenv("not-there.env", {"gpt-4": "OPENAI_API_KEY", "other": "NO_SUCH_KEY"})
    assert [entry["model"] for entry in found] == ["gpt-4"]
    assert "not-there.env" in caplog.text
    assert "other" in caplog.text


def test_entries_for_openai_come_before_those_for_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in (
        ("OPENAI_API_KEY", "a\nb"), ("OPENAI_API_BASE", "https://a.org\nhttps://b.org"),
        ("AZURE_OPENAI_API_KEY", "c"), ("AZURE_OPENAI_API_BASE", "https://c.org"),
    ):  # fmt: skip
        monkeypatch.setenv(variable, value)
    assert [entry["api_key"] for entry in autogen.config_list_openai_aoai()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("key", "valid"),
    [("sk-" + "a1" * 24, True), ("sk-proj-" + "a1" * 24, True), ("", False), ("sk-", False), ("sk-short", False)],
)
def test_keys_are_known_by_their_form(key: str, valid: bool) -> None:
    assert is_valid_api_key(key) is valid


def test_a_result_counts_whatever_its_role_when_tools_are_hidden() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "move", "arguments": "{}"}}
    tools = [{"type": "function", "function": {"name": "move"}}]
    said = [{"role": "assistant", "tool_calls": [call]}, {"role": "user", "tool_call_id": "1", "content": "moved"}]
    assert should_hide_tools(said, tools, "if_all_run")
    assert not should_hide_tools(said[:1], tools, "if_any_run")


class Mine:
    def __init__(self, config: dict[str, Any], made: list[str]) -> None:
        made.append(config["model"])
        self.model = config["model"]

    def create(self, params: dict[str, Any]) -> Any:
        message = SimpleNamespace(content=f"I am {params['model']}.", function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model=self.model)

    def message_retrieval(self, response: Any) -> list[str]:
        return [choice.message.content for choice in response.choices]

    def cost(self, response: Any) -> float:
        return 2.0

    @staticmethod
    def get_usage(response: Any) -> dict[str, Any]:
        return {}


def test_a_registered_client_answers_also_where_the_call_says_more() -> None:
    made: list[str] = []
    wrapper = autogen.OpenAIWrapper(config_list=[{"model": "local", "model_client_cls": "Mine"}])
    wrapper.register_model_client(Mine, made=made)
    hi = [{"role": "user", "content": "hi"}]
    response = wrapper.create(messages=hi, cache_seed=None)
    assert response.choices[0].message.content == "I am local."
    assert response.cost == 2.0
    assert wrapper.create(messages=hi, model="larger").choices[0].message.content == "I am larger."
    assert made == ["local", "larger"]
