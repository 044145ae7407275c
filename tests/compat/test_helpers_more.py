"""Helpers of 0.2's modules in odd cases: logged and wrapped clients, contents, hints, names of modules."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, ForwardRef

import pytest

from autogen_like import ConfigError, ModelError, ModelRequest, ScriptedModel
from autogen_like.compat import ConversableAgent, code_utils, function_utils, runtime_logging
from autogen_like.compat._wrapped import WrappedClient
from autogen_like.compat.alias import AliasFinder
from autogen_like.compat.logger.logger_utils import to_dict

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def log() -> Iterator[sqlite3.Connection]:
    runtime_logging.start(config={"dbname": ":memory:"})
    connection = runtime_logging.get_connection()
    assert connection is not None
    yield connection
    runtime_logging.stop()


def agent(**kwargs: Any) -> ConversableAgent:
    return ConversableAgent("one", human_input_mode="NEVER", **kwargs)


def test_a_request_that_fails_is_logged_with_its_error(log: sqlite3.Connection) -> None:
    with pytest.raises(ModelError):
        agent(llm_config=ScriptedModel([ModelError("down")])).generate_reply(HI)
    (response,) = log.execute("SELECT response FROM chat_completions").fetchone()
    assert "down" in response


def test_a_streamed_reply_is_logged_when_it_is_whole(log: sqlite3.Connection) -> None:
    client = agent(llm_config=ScriptedModel(["hello"])).model_client
    assert client is not None

    async def main() -> list[Any]:
        return [item async for item in client.stream(ModelRequest(HI))]

    assert asyncio.run(main())[-1].content == "hello"
    assert log.execute("SELECT count(*) FROM chat_completions").fetchone() == (1,)


def test_functions_are_logged_with_what_they_were_given_whatever_it_was(log: sqlite3.Connection) -> None:
    one = agent(llm_config=False, function_map={"f": lambda: "x"})
    calls = [
        {"id": name, "type": "function", "function": {"name": "f", "arguments": given}}
        for name, given in (("1", "{}"), ("2", "no json"))
    ]
    other = ConversableAgent("other", llm_config=False, human_input_mode="NEVER")
    other.initiate_chat(one, message={"content": None, "tool_calls": calls}, max_turns=1, silent=True)
    logged = [given for (given,) in log.execute("SELECT args FROM function_calls")]
    assert logged == ["{}", '"no json"']


def test_a_client_of_the_scripts_own_is_streamed_as_one_piece() -> None:
    class Wrapper:
        asked: dict[str, Any]

        def create(self, **config: Any) -> Any:
            self.asked = config
            return SimpleNamespace(cost="unknown", model="theirs")

        def extract_text_or_completion_object(self, response: Any) -> list[Any]:
            return ["hello"]

    one = agent(llm_config={"config_list": [{"model": "m", "api_key": "none"}]})
    one.client = wrapper = Wrapper()
    assert one.generate_reply(HI) == "hello"
    tool = {"type": "function", "function": {"name": "f"}}

    async def main() -> list[Any]:
        client = WrappedClient(wrapper)
        pieces = [item async for item in client.stream(ModelRequest(HI, "You help.", [tool]))]
        await client.aclose()
        return pieces

    piece, whole = asyncio.run(main())
    assert (piece.text, whole.content, whole.model, whole.usage.cost) == ("hello", "hello", "theirs", 0.0)
    assert wrapper.asked["messages"][0] == {"role": "system", "content": "You help."}
    assert wrapper.asked["tools"] == [tool]


@pytest.mark.parametrize(("content", "error"), [(3, TypeError), ([3], TypeError), ([{"type": "sound"}], ConfigError)])
def test_contents_that_can_not_be_are_refused(content: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        code_utils.content_str(content)


def test_code_is_found_by_another_pattern_and_between_backticks() -> None:
    assert code_utils.extract_code("<py>1</py>", pattern=r"<(\w+)>(.*?)</") == [("py", "1")]
    assert code_utils.extract_code("none", pattern=r"<(\w+)>(.*?)</") == [("unknown", "none")]
    assert code_utils.extract_code("none here", detect_single_line_code=True) == [("unknown", "none here")]


def test_powershell_that_is_not_there_is_a_missing_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="pwsh"):
        code_utils.get_powershell_command()


def test_hints_in_quotation_marks_are_looked_up() -> None:
    def halve(x: ForwardRef("int")) -> float:  # type: ignore[valid-type]
        return x / 2

    def silent(x: int):  # type: ignore[no-untyped-def]
        return x

    assert function_utils.get_typed_annotation(ForwardRef("int"), {}) is int
    assert function_utils.get_typed_return_annotation(silent) is None
    assert function_utils.get_typed_return_annotation(halve) is float


def test_a_parameter_without_a_hint_is_left_out_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    def some(a: int, b=2):  # type: ignore[no-untyped-def]
        return a + b

    schema = function_utils.get_function_schema(some, description="Adds.")
    assert list(schema["function"]["parameters"]["properties"]) == ["a"]
    assert "'b'" in caplog.text

    def none(a, b: int) -> int:  # type: ignore[no-untyped-def]
        return int(a + b)

    with pytest.raises(TypeError, match="'a'"):
        function_utils.get_function_schema(none, description="Adds.")


def test_objects_are_logged_by_their_attributes() -> None:
    class Slotted:
        __slots__ = ()

        def __repr__(self) -> str:
            return "slotted"

    thing = SimpleNamespace(a=1, key="secret", inner=SimpleNamespace(b=len), rest=[Slotted()])
    shown = to_dict(thing, exclude=("key",))
    assert shown == {"a": 1, "inner": {"b": "len"}, "rest": ["slotted"]}
    assert to_dict([thing], no_recursive=SimpleNamespace) == [repr(thing)]


def test_only_modules_that_are_there_are_found_as_autogens() -> None:
    finder = AliasFinder()
    assert finder.find_spec("autogen.no_such_module") is None
    assert finder.find_spec("autogen.no_such.module") is None
    spec = finder.find_spec("autogen.oai")
    assert spec is not None
    assert finder.create_module(spec).__name__ == "autogen_like.compat.oai"
