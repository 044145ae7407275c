"""The helpers of AutoGen 0.2: counting, drawing, comparing, checking, by their module paths."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import autogen_like.compat as autogen
from autogen_like.compat import code_utils, graph_utils, math_utils, token_count_utils
from autogen_like.compat.agentchat.chat import consolidate_chat_info
from autogen_like.compat.agentchat.contrib.capabilities import transforms, transforms_util
from autogen_like.compat.agentchat.contrib.capabilities.agent_capability import AgentCapability
from autogen_like.compat.cache.cache_factory import CacheFactory
from autogen_like.compat.coding.factory import CodeExecutorFactory
from autogen_like.compat.coding.utils import get_file_name_from_content, silence_pip
from autogen_like.compat.formatting_utils import colored, cprint
from autogen_like.compat.io import IOConsole
from autogen_like.compat.oai.client_utils import should_hide_tools, validate_parameter
from autogen_like.compat.oai.openai_utils import OAI_PRICE1K, get_config
from autogen_like.compat.oai.rate_limiters import TimeRateLimiter

MODULES = [module.name for module in pkgutil.walk_packages(autogen.__path__, "autogen_like.compat.")]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_path_is_there_with_all_that_it_names(name: str) -> None:
    module = import_module(name)
    assert all(hasattr(module, public) for public in getattr(module, "__all__", ()))


def test_submodules_are_attributes() -> None:
    assert autogen.token_count_utils is token_count_utils
    with pytest.raises(AttributeError, match="no attribute"):
        _ = autogen.nothing


def test_tokens_are_counted_as_in_0_2() -> None:
    empty = {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}}
    unit = {"type": "string", "description": "Which", "enum": ["C", "F"]}
    full = {**empty, "parameters": {"type": "object", "properties": {"unit": unit}}}
    count = token_count_utils.num_tokens_from_functions
    assert count([full]) > count([empty]) > count([{"name": "now", "description": "The time."}])
    assert token_count_utils.count_token({"role": "user", "content": "hi"}) > 1
    assert token_count_utils.token_left("hi there") == 4096 - 2
    assert token_count_utils.percentile_used("hi there") == 2 / 4096
    assert token_count_utils.get_max_token_limit("gpt4-32k") == 32_768
    for wrong in (lambda: token_count_utils.count_token(3), lambda: token_count_utils.get_max_token_limit("mine")):
        with pytest.raises(ValueError, match=r"."):
            wrong()


def test_transitions_are_checked_and_drawn(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    a, b, c = (SimpleNamespace(name=name) for name in "abc")
    agents = [_Hashed(one.name) for one in (a, b, c)]
    one, two, three = agents
    graph_utils.check_graph_validity({one: [two, two], two: [], three: []}, agents[:2])
    assert "isolated" in caplog.text
    assert "do not match agents" in caplog.text
    assert "duplicate" in caplog.text
    for wrong in ({}, {one: two}, {1: [one]}, {one: []}):
        with pytest.raises(ValueError, match="transitions"):
            graph_utils.check_graph_validity(wrong, agents)
    graph_utils.visualize_speaker_transitions_dict({one: [one, two]}, agents, tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")


class _Hashed:
    def __init__(self, name: str) -> None:
        self.name = name


def test_solutions_are_judged_together() -> None:
    said = [r"\boxed{1/2}", r"\boxed{0.5}", r"\boxed{3}", "none"]
    judged = math_utils.eval_math_responses(said, r"\boxed{\frac12}")
    assert (judged["success"], judged["success_vote"], judged["votes"]) == (True, 1.0, 2)
    assert math_utils.eval_math_responses([])["votes"] == 0
    assert math_utils.get_answer(r"so \boxed 7") == "7"
    assert math_utils.last_boxed_only_string(r"\boxed{open") is None
    assert math_utils.remove_boxed("7") is None
    assert (math_utils.is_equiv(None, None), math_utils.is_equiv(None, "1")) == (1.0, 0.0)
    with pytest.raises(ValueError, match="retired"):
        math_utils.solve_problem("1 + 1")


def test_code_is_run_by_the_old_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "false")
    assert code_utils.execute_code("print(1)", filename="one.py", work_dir=str(tmp_path)) == (0, "1\n", None)
    assert code_utils.execute_code(filename="one.py", work_dir=str(tmp_path)) == (0, "1\n", None)
    assert code_utils.execute_code("import time; time.sleep(60)", timeout=1)[1] == "Timeout"
    assert code_utils.extract_code("<x>1</x>", pattern="<(x)>(.*?)</x>") == [("x", "1")]
    with pytest.raises(AssertionError, match="needs code"):
        code_utils.execute_code()
    with pytest.raises(ValueError, match="retired"):
        code_utils.improve_code()
    with pytest.raises(TypeError, match="content"):
        code_utils.content_str(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(("told", "means"), [("yes", True), ("0", False), ("none", None)])
def test_whether_docker_is_used_may_be_said_by_the_environment(
    told: str, means: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", told)
    assert code_utils.decide_use_docker(None) is means
    assert code_utils.decide_use_docker(True) is True
    monkeypatch.setenv("AUTOGEN_USE_DOCKER", "perhaps")
    with pytest.raises(ValueError, match="AUTOGEN_USE_DOCKER"):
        code_utils.decide_use_docker(None)


def test_parameters_of_a_client_are_checked(caplog: pytest.LogCaptureFixture) -> None:
    check = lambda value, **rest: validate_parameter(
        {"p": value}, "p", rest.get("types", int), rest.get("none", False), 1, rest.get("bound"), rest.get("values")
    )
    assert [check(2), check(None, none=True), check(True), check("x"), check(None)] == [2, None, 1, 1, 1]
    assert [check(5, bound=(0, 4)), check(5, values=[1, 2]), check(2, values=[1, 2])] == [1, 1, 2]
    assert "is used" in caplog.text
    with pytest.raises(ValueError, match="not both"):
        check(1, bound=(0, 1), values=[1])
    tools = [{"function": {"name": name}} for name in "fg"]
    call = {"tool_calls": [{"id": "1", "function": {"name": "f"}}]}
    said = [call, {"role": "tool", "tool_call_id": "1"}]
    assert [should_hide_tools(said, tools, how) for how in ("never", "if_any_run", "if_all_run")] == [
        False,
        True,
        False,
    ]
    with pytest.raises(ValueError, match="hide_tools"):
        should_hide_tools(said, tools, "always")
    with pytest.raises(ValueError, match="rate"):
        TimeRateLimiter(0)
    limiter = TimeRateLimiter(1000)
    limiter.sleep()
    limiter.sleep()


def test_small_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert colored("x", "light_red", "on_blue", ["bold"]) == "\x1b[91m\x1b[44m\x1b[1mx\x1b[0m"
    assert colored("x", "red", no_color=True) == "x"
    cprint("y", "red", no_color=True)
    monkeypatch.setattr("builtins.input", lambda prompt: "typed")
    monkeypatch.setattr("getpass.getpass", lambda prompt: "secret")
    assert (IOConsole().input("?"), IOConsole().input(password=True)) == ("typed", "secret")
    assert capsys.readouterr().out == "y\n"
    assert get_file_name_from_content("# filename: a.py\nx") == "a.py"
    assert get_file_name_from_content("# compute the sum") is None
    assert silence_pip("!pip install x\ny", "python") == "!pip install -qqq x\ny"
    assert silence_pip("pip install x", "html") == "pip install x"
    assert get_config("k", api_type="azure") == {"api_key": "k", "api_type": "azure"}
    assert OAI_PRICE1K["gpt-4"] == (0.03, 0.06)
    assert len(OAI_PRICE1K) == len(list(OAI_PRICE1K))
    with pytest.raises(KeyError):
        OAI_PRICE1K["mine"]
    with CacheFactory.cache_factory("s", cache_path_root=tmp_path) as cache:  # type: ignore[attr-defined]
        cache.set("k", [1])
        assert cache.get("k") == [1]
    with pytest.raises(ValueError, match="executor"):
        CodeExecutorFactory.create({})
    assert CodeExecutorFactory.create({"executor": "commandline-local"}).code_extractor is not None
    with pytest.raises(NotImplementedError):
        AgentCapability().add_to_agent(None)


def test_chats_are_checked_one_or_many() -> None:
    a, b = (autogen.ConversableAgent(name) for name in "ab")
    assert consolidate_chat_info({"recipient": b}, a)["sender"] is a
    assert len(consolidate_chat_info([{"recipient": b}], a)) == 1


def test_names_go_into_parts_of_text_and_tool_calls_are_looked_at() -> None:
    parts: list[dict[str, Any]] = [
        {"role": "user", "name": "ada", "content": [{"type": "image_url"}, {"type": "text", "text": "Hi"}]},
        {"role": "user", "name": "ada", "content": ""},
        {"role": "user", "content": "nobody"},
    ]
    named = transforms.TextMessageContentName(filter_dict={"name": ["bob"]})
    after = named.apply_transform(parts)
    assert after[0]["content"][1]["text"] == "ada:\nHi"
    assert named.get_logs(parts, after) == ("1 message(s) changed to incorporate name.", True)
    assert named.get_logs(parts, parts)[1] is False
    assert transforms_util.is_tool_call_valid(parts)
    assert transforms_util.min_tokens_reached(parts, 1)
    assert not transforms_util.min_tokens_reached(parts, 1000)
