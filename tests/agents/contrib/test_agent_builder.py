"""Teams that a model plans."""

from __future__ import annotations

import json

import pytest

from autogen_like import (
    AssistantAgent,
    ConfigError,
    GroupChat,
    GroupChatManager,
    LocalCommandLineCodeExecutor,
    ScriptedModel,
    UserProxyAgent,
)
from autogen_like.agents.contrib.agent_builder import AgentBuilder
from autogen_like.core.errors import ModelError


def plan(*names, coding=False):
    roles = [{"name": name, "description": f"{name}s.", "system_message": f"You are {name}."} for name in names]
    return json.dumps({"agent_configs": roles, "coding": coding})


def names(team):
    return [agent.name for agent in team]


def test_a_team_is_planned_and_works(tmp_path):
    talk = ScriptedModel(["I plan.", "I write. TERMINATE"])
    builder = AgentBuilder(ScriptedModel([f"Here: {plan('planner', 'writer')}"]), talk)
    team, configs = builder.build("Write a poem.")
    assert (team[0].name, team[0].system_message, team[0].description) == ("planner", "You are planner.", "planners.")
    assert configs["building_task"] == "Write a poem."
    chat = GroupChatManager(GroupChat(team, speaker_selection_method="round_robin"))
    result = UserProxyAgent("user", human_input_mode="NEVER").initiate_chat(chat, message="Go", silent=True)
    assert [one.speaker for one in result.messages] == ["user", "planner", "writer"]


def test_code_is_run_only_where_a_place_was_given(tmp_path):
    executor = {"executor": LocalCommandLineCodeExecutor(work_dir=tmp_path)}
    planned = plan("coder", coding=True)
    assert names(AgentBuilder(ScriptedModel([planned])).build("x")[0]) == ["coder"]
    team = AgentBuilder(ScriptedModel([planned])).build("x", code_execution_config=executor)[0]
    assert names(team) == ["coder", "Computer_terminal"]
    assert team[1].code_executor is not None
    own = UserProxyAgent("me")
    assert AgentBuilder(ScriptedModel([planned])).build("x", user_proxy=own)[0][-1] is own
    assert names(
        AgentBuilder(ScriptedModel([planned])).build("x", coding=False, code_execution_config=executor)[0]
    ) == ["coder"]
    model = ScriptedModel([planned])
    with pytest.raises(ConfigError, match="code_execution_config"):
        AgentBuilder(model).build("x", coding=True)
    assert model.calls == 0


@pytest.mark.parametrize(
    "wrong", [plan("a b"), plan("a", "a"), plan("Computer_terminal"), plan("a", "b", "c"), plan(), "Sorry.", "{}"]
)
def test_a_plan_that_cannot_be_is_asked_for_again(wrong):
    model = ScriptedModel([wrong, plan("ada")])
    assert names(AgentBuilder(model, max_agents=2).build("x")[0]) == ["ada"]
    assert "does not fit" in model.requests[1].messages[-1]["content"]
    with pytest.raises(ModelError, match="3 answers"):
        AgentBuilder(ScriptedModel([wrong] * 3)).build("x", max_agents=2)


def test_a_saved_team_is_the_same_and_holds_no_secrets(tmp_path, monkeypatch):
    config = {"model": "m", "api_key": "sk-secret", "base_url": "http://localhost:1"}
    builder = AgentBuilder(ScriptedModel([plan("ada", coding=True)]), config)
    team, configs = builder.build("x", {"temperature": 0}, code_execution_config={"executor": "local"})
    assert team[0].llm_config["temperature"] == 0
    path = builder.save(tmp_path / "team.json")
    assert "sk-secret" not in (tmp_path / "team.json").read_text()
    loaded, again = AgentBuilder(config).load(path)
    assert (names(loaded), again) == (["ada"], configs)  # a file doesn't say that code is run
    where = {"executor": "local"}
    loaded, _ = AgentBuilder(config).load(config_json=json.dumps(configs), code_execution_config=where)
    assert names(loaded) == ["ada", "Computer_terminal"]
    monkeypatch.chdir(tmp_path)
    assert builder.save().startswith("save_config_")


def test_a_team_out_of_a_library(tmp_path):
    known = {"cook": "Cooks soup and bread", "nurse": "Cares for the sick", "pilot": "Flies planes"}
    library = [{"name": name, "description": text, "system_message": "-"} for name, text in known.items()]
    (tmp_path / "lib.json").write_text(json.dumps(library))
    for given in (library, json.dumps(library), tmp_path / "lib.json"):
        model = ScriptedModel(['{"names": ["cook", "pilot", "ghost"]}'])
        team, _ = AgentBuilder(model).build_from_library("Bake bread", given, top_k=1)
        assert names(team) == ["cook"]
        assert "pilot" not in model.requests[0].messages[0]["content"]
    nobody = AgentBuilder(ScriptedModel(['{"names": ["ghost"]}'])).build_from_library("soup", library)
    assert names(nobody[0]) == ["cook"]


def test_agents_have_the_functions_and_can_be_cleared():
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    builder = AgentBuilder(ScriptedModel([plan("ada", "bob")]))
    team, _ = builder.build("x", list_of_functions=[add])
    assert all(agent.can_execute_function("add") for agent in team)
    builder.clear_agent("ada")
    assert list(builder.agents) == ["bob"]
    with pytest.raises(ConfigError, match="there are"):
        builder.clear_agent("ada")
    builder.clear_all_agents()
    assert builder.agents == {}


def test_what_cannot_be_is_refused(tmp_path):
    model = ScriptedModel([])
    builder = AgentBuilder(model)
    (tmp_path / "bad.json").write_text("{}")
    for attempt, cure in (
        (lambda: AgentBuilder(None), "llm_config"),
        (lambda: AgentBuilder(model, max_agents=0), "max_agents"),
        (lambda: builder.build(" "), "building_task"),
        (builder.save, "build a team first"),
        (builder.load, "either filepath or config_json"),
        (lambda: builder.load(tmp_path / "bad.json"), "no saved team"),
        (lambda: builder.load(tmp_path / "none.json"), "can't be read"),
        (lambda: builder.load(config_json=plan("ada"), default_llm_config={"temperature": 0}), "is a client"),
        (lambda: builder.build_from_library("x", "[1"), "no JSON"),
        (lambda: builder.build_from_library("x", [{"name": "a"}]), "library must be"),
    ):
        with pytest.raises(ConfigError, match=cure):
            attempt()
    assert isinstance(builder.load(config_json=plan("ada"))[0][0], AssistantAgent)
