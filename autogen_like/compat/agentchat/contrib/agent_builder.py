"""``autogen.agentchat.contrib.agent_builder``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ....agents.contrib import agent_builder
from ....core.errors import ConfigError
from ...oai.openai_utils import config_list_from_json


class AgentBuilder(agent_builder.AgentBuilder):
    """`autogen_like.AgentBuilder` with the arguments of AutoGen 0.2.

    Args:
        config_file_or_env: Where the configurations are, as `config_list_from_json` takes it.
        config_file_location: The file's folder.
        builder_model: The name of the model that plans, or several.
        agent_model: The name of the agents' model, or several.
        builder_model_tags: Tags of the model that plans.
        agent_model_tags: Tags of the agents' model.
        max_agents: How many agents a team has, at most.
    """

    def __init__(
        self,
        config_file_or_env: str | None = "OAI_CONFIG_LIST",
        config_file_location: str | None = "",
        builder_model: str | Sequence[str] = (),
        agent_model: str | Sequence[str] = (),
        builder_model_tags: Sequence[str] = (),
        agent_model_tags: Sequence[str] = (),
        max_agents: int | None = 5,
    ) -> None:
        def found(models: str | Sequence[str], tags: Sequence[str], what: str) -> dict[str, Any]:
            names = [models] if isinstance(models, str) else list(models)
            wanted = {key: list(value) for key, value in (("model", names), ("tags", tags)) if value}
            entries = config_list_from_json(
                config_file_or_env or "OAI_CONFIG_LIST", config_file_location or "", filter_dict=wanted or None
            )
            if not entries:
                raise ConfigError(f"{config_file_or_env} has no entry for {what}: {wanted}")
            return {"config_list": entries}

        planner = found(builder_model, builder_model_tags, "builder_model")
        super().__init__(planner, found(agent_model, agent_model_tags, "agent_model"), max_agents or 5)


__all__ = ["AgentBuilder"]
