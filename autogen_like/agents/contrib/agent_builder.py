"""AgentBuilder: a team of agents for a task, planned by a model; saved and loaded as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from ...core.errors import ConfigError
from ...core.limits import is_count
from ...core.sync import run as run_sync
from ...models.config import LLMConfig
from ..assistant import AssistantAgent
from ..conversable import ConversableAgent
from ..user_proxy import UserProxyAgent
from .asking import ask_for, client_of
from .retrieval.embedding import Embedder
from .retrieval.vector_db import VectorDBFactory

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TERMINAL = "Computer_terminal"
_PLANNER = (
    "You put together a team of experts who solve a task by talking to each other. Choose as few as the task needs, "
    "each with a part of its own. For each give a name (letters, digits and _), a description of what it is good for, "
    "by which the next speaker is chosen, and a system message that tells it its part, how to work with the others, to "
    "check what they say, and to reply TERMINATE once the task is done. Say whether code has to be run."
)
_CHOOSER = "You choose, from a list of experts, those whom a task needs: as few as it needs, by their names."


class Role(BaseModel):
    """An agent of the team."""

    name: str
    description: str = ""
    system_message: str

    @field_validator("name")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("a name has letters, digits, _ and -, and no more than 64 of them")
        return name


class Plan(BaseModel):
    """A team, as it is saved. It has no keys in it, and says nothing of where code is run."""

    building_task: str = ""
    agent_configs: list[Role] = Field(min_length=1)
    coding: bool = False

    @model_validator(mode="after")
    def _names_differ(self) -> Plan:
        names = [role.name for role in self.agent_configs]
        if len(set(names)) < len(names) or _TERMINAL in names:
            raise ValueError(f"the names must differ from each other and from {_TERMINAL}: {names}")
        return self


class _Chosen(BaseModel):
    names: list[str] = Field(min_length=1)


class AgentBuilder:
    """Builds teams.

    Args:
        builder_model: The model that plans: a dict, an `LLMConfig` or a `ModelClient`.
        agent_model: The agents' model; the planner's by default.
        max_agents: How many agents a team has, at most.

    Attributes:
        agents: The agents that are there, by name.

    Raises:
        ConfigError: If a setting can't be right.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> ada = {"name": "ada", "description": "Adds.", "system_message": "You add numbers."}
        >>> builder = AgentBuilder(ScriptedModel([json.dumps({"agent_configs": [ada]})]))
        >>> agents, plan = builder.build("Add some numbers.")
        >>> [agent.name for agent in agents], plan["coding"]
        (['ada'], False)
    """

    def __init__(
        self,
        builder_model: Any,  # a dict, an LLMConfig or a ModelClient
        agent_model: Any = None,  # the same
        max_agents: int = 5,
    ) -> None:
        if not is_count(max_agents):
            raise ConfigError(f"max_agents must be at least 1, not {max_agents!r}")
        self.set_builder_model(builder_model)
        self.set_agent_model(agent_model if agent_model is not None else builder_model)
        self.max_agents = max_agents
        self.agents: dict[str, ConversableAgent] = {}
        self.plan: Plan | None = None

    def set_builder_model(self, model: Any) -> None:  # a dict, an LLMConfig or a ModelClient
        """Changes the model that plans."""
        self._planner = client_of(model, "AgentBuilder")

    def set_agent_model(self, model: Any) -> None:  # a dict, an LLMConfig or a ModelClient
        """Changes the model of agents that are built from now on."""
        client_of(model, "AgentBuilder's agents")
        self._agent_model = model

    # --- building

    async def a_build(
        self,
        building_task: str,
        default_llm_config: Mapping[str, Any] | None = None,
        list_of_functions: Sequence[Callable[..., Any]] | None = None,
        coding: bool | None = None,
        code_execution_config: Mapping[str, Any] | None = None,
        user_proxy: ConversableAgent | None = None,
        max_agents: int | None = None,
    ) -> tuple[list[ConversableAgent], dict[str, Any]]:
        """A team for a task; see `build`."""
        most = max_agents or self.max_agents
        if not building_task or not building_task.strip():
            raise ConfigError("building_task must say what the team is for")
        _check_coding(coding, code_execution_config, user_proxy)
        asked = [{"role": "user", "content": f"Task: {building_task}\n\nUse {most} experts at most."}]
        plan = await ask_for(_at_most(most), self._planner, asked, system=_PLANNER, name="builder")
        self.plan = Plan(
            building_task=building_task,
            agent_configs=plan.agent_configs,
            coding=plan.coding if coding is None else coding,
        )
        return self._made(self.plan, default_llm_config, list_of_functions, code_execution_config, user_proxy)

    def build(
        self,
        building_task: str,
        default_llm_config: Mapping[str, Any] | None = None,
        list_of_functions: Sequence[Callable[..., Any]] | None = None,
        coding: bool | None = None,
        code_execution_config: Mapping[str, Any] | None = None,
        user_proxy: ConversableAgent | None = None,
        max_agents: int | None = None,
    ) -> tuple[list[ConversableAgent], dict[str, Any]]:
        """A team for a task, planned by the builder's model.

        Args:
            building_task: What the team is for.
            default_llm_config: Settings that go with the agents' model, such as ``{"temperature": 0}``.
            list_of_functions: Tools that all agents of the team have.
            coding: Whether an agent is added that runs code; as planned, by default.
            code_execution_config: Where code is run. Without it none is, whatever the plan says.
            user_proxy: The agent that runs code, instead of one that is made.
            max_agents: How many agents the team has, at most.

        Returns:
            The agents, for a `GroupChat`; and the plan, as `save` writes it.

        Raises:
            ConfigError: If a setting can't be right: `coding` without a place to run it, say.
            ModelError: If the model gives no plan that can be used.
        """
        return run_sync(
            self.a_build(
                building_task,
                default_llm_config,
                list_of_functions,
                coding,
                code_execution_config,
                user_proxy,
                max_agents,
            )
        )

    async def a_build_from_library(
        self,
        building_task: str,
        library_path_or_json: str | Path | Sequence[Mapping[str, Any]],
        default_llm_config: Mapping[str, Any] | None = None,
        top_k: int = 3,
        coding: bool | None = None,
        code_execution_config: Mapping[str, Any] | None = None,
        user_proxy: ConversableAgent | None = None,
        embedding_model: Embedder | None = None,
    ) -> tuple[list[ConversableAgent], dict[str, Any]]:
        """A team out of a library; see `build_from_library`."""
        _check_coding(coding, code_execution_config, user_proxy)
        library = _library(library_path_or_json)
        with VectorDBFactory.create_vector_db("embedded", embedding_function=embedding_model) as db:  # type: ignore[attr-defined]
            db.create_collection("library")
            db.insert_docs([{"id": role.name, "content": f"{role.name} {role.description}"} for role in library])
            (near,) = db.retrieve_docs([building_task], n_results=top_k)
        known = {role.name: role for role in library}
        listed = "\n".join(f"- {doc['id']}: {known[doc['id']].description}" for doc, _ in near)
        asked = [{"role": "user", "content": f"Task: {building_task}\n\nExperts:\n{listed}"}]
        chosen = await ask_for(_Chosen, self._planner, asked, system=_CHOOSER, name="builder")
        found = {doc["id"] for doc, _ in near}
        roles = [known[name] for name in dict.fromkeys(chosen.names) if name in found]
        roles = roles or [known[near[0][0]["id"]]]  # it named nobody who is there: the nearest then
        self.plan = Plan(building_task=building_task, agent_configs=roles, coding=bool(coding))
        return self._made(self.plan, default_llm_config, None, code_execution_config, user_proxy)

    def build_from_library(
        self,
        building_task: str,
        library_path_or_json: str | Path | Sequence[Mapping[str, Any]],
        default_llm_config: Mapping[str, Any] | None = None,
        top_k: int = 3,
        coding: bool | None = None,
        code_execution_config: Mapping[str, Any] | None = None,
        user_proxy: ConversableAgent | None = None,
        embedding_model: Embedder | None = None,
    ) -> tuple[list[ConversableAgent], dict[str, Any]]:
        """A team out of a library of agents: those near the task are found, and the model chooses among them.

        Args:
            building_task: What the team is for.
            library_path_or_json: A JSON file, JSON text or a list of ``{"name", "description", "system_message"}``.
            default_llm_config: Settings that go with the agents' model.
            top_k: How many the model may choose from.
            coding: Whether an agent is added that runs code.
            code_execution_config: Where code is run.
            user_proxy: The agent that runs code.
            embedding_model: Makes vectors of descriptions; by default their words are compared.

        Returns:
            The agents, and the plan.

        Raises:
            ConfigError: If the library or a setting can't be right.
        """
        return run_sync(
            self.a_build_from_library(
                building_task, library_path_or_json, default_llm_config, top_k, coding, code_execution_config,
                user_proxy, embedding_model,
            )
        )  # fmt: skip

    def _made(
        self,
        plan: Plan,
        settings: Mapping[str, Any] | None,
        tools: Sequence[Callable[..., Any]] | None,
        code_execution_config: Mapping[str, Any] | None,
        user_proxy: ConversableAgent | None,
    ) -> tuple[list[ConversableAgent], dict[str, Any]]:
        config = self._agent_model
        if settings:
            if not isinstance(config, Mapping | str):
                raise ConfigError("default_llm_config goes with a model's configuration, and the agents' is a client")
            config = LLMConfig(config, **settings)
        team: list[ConversableAgent] = [
            AssistantAgent(
                role.name, role.system_message, config, description=role.description or None, tools=list(tools or ())
            )
            for role in plan.agent_configs
        ]
        if plan.coding and (user_proxy is not None or code_execution_config is not None):
            team.append(
                user_proxy
                or UserProxyAgent(
                    _TERMINAL,
                    human_input_mode="NEVER",
                    code_execution_config=code_execution_config,
                    default_auto_reply="There is no code to run in that.",
                    description="Runs the code that others write, and says what it printed; nothing else.",
                )
            )
        self.agents.update({agent.name: agent for agent in team})
        return team, plan.model_dump()

    # --- keeping

    def save(self, filepath: str | Path | None = None) -> str:
        """Writes the last team's plan, without models, keys or where code is run.

        Args:
            filepath: Where to; a file of this folder named after the task by default.

        Returns:
            Where it was written.

        Raises:
            ConfigError: If no team was built.
        """
        if self.plan is None:
            raise ConfigError("there is nothing to save: build a team first")
        key = sha256(self.plan.building_task.encode()).hexdigest()[:16]
        path = Path(filepath) if filepath is not None else Path(f"save_config_{key}.json")
        path.write_text(self.plan.model_dump_json(indent=2), encoding="utf-8")
        return str(path)

    def load(
        self,
        filepath: str | Path | None = None,
        config_json: str | None = None,
        default_llm_config: Mapping[str, Any] | None = None,
        code_execution_config: Mapping[str, Any] | None = None,
        user_proxy: ConversableAgent | None = None,
    ) -> tuple[list[ConversableAgent], dict[str, Any]]:
        """A team out of what `save` wrote; no model is asked. A file can't say that code is to be run.

        Args:
            filepath: The file; or
            config_json: its text.
            default_llm_config: Settings that go with the agents' model.
            code_execution_config: Where code is run.
            user_proxy: The agent that runs code.

        Returns:
            The agents, and the plan.

        Raises:
            ConfigError: If it is no plan.
        """
        if (filepath is None) == (config_json is None):
            raise ConfigError("give load either filepath or config_json")
        text = config_json if filepath is None else _read(filepath)
        try:
            self.plan = Plan.model_validate_json(text or "")
        except ValidationError as error:
            raise ConfigError(f"this is no saved team: {error}") from None
        return self._made(self.plan, default_llm_config, None, code_execution_config, user_proxy)

    def clear_agent(self, agent_name: str) -> None:
        """Forgets an agent.

        Raises:
            ConfigError: If there is none of that name.
        """
        if agent_name not in self.agents:
            raise ConfigError(f"there is no agent {agent_name!r}; there are {sorted(self.agents)}")
        del self.agents[agent_name]

    def clear_all_agents(self) -> None:
        """Forgets all agents."""
        self.agents.clear()


def _at_most(most: int) -> type[Plan]:
    class Team(Plan):
        """A team of experts."""

        agent_configs: list[Role] = Field(min_length=1, max_length=most)

    return Team


def _check_coding(coding: bool | None, config: Mapping[str, Any] | None, user_proxy: Any) -> None:
    if coding and config is None and user_proxy is None:
        raise ConfigError("coding=True needs a place: code_execution_config={'executor': 'docker'}, or a user_proxy")


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}") from None


def _library(given: str | Path | Sequence[Mapping[str, Any]]) -> list[Role]:
    if isinstance(given, str | Path):
        text = str(given) if str(given).lstrip().startswith("[") else _read(given)
        try:
            given = json.loads(text)
        except ValueError as error:
            raise ConfigError(f"the library is no JSON: {error}") from None
    try:
        return Plan.model_validate({"agent_configs": given}).agent_configs
    except ValidationError as error:
        raise ConfigError(f"the library must be a list of name, description and system_message: {error}") from None
