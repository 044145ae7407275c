"""AgentEval: a critic finds criteria for a task, and a quantifier says how well a run meets each of them.

After Arabzadeh et al., "Towards better Human-Agent Alignment: Assessing Task Utility in LLM-Powered Applications"
(arXiv:2402.09015).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, ValidationError, create_model, field_validator

from ...core.errors import ConfigError
from ...core.sync import run as run_sync
from ...models.client import ModelClient
from ..conversable import ConversableAgent
from .asking import ask_for, client_of

_CRITIC = (
    "You find criteria by which to judge how well a task was done. You are shown the task, a run that succeeded and "
    "one that failed. Choose criteria that tell such runs apart, that don't overlap, and that apply to any run of this "
    "task. Each has a short name, a description that says what is judged, and the values that it can have, as words, "
    "from the worst to the best."
)
_SUBCRITIC = (
    "You take criteria apart. To each criterion that you are shown add sub-criteria: smaller ones that are easier to "
    "judge and together make it up. Each has a name, a description and its values. Keep the criteria as they are."
)
_QUANTIFIER = (
    "You judge a run of a task. For each of the criteria that you are shown choose the one of its values that fits the "
    "run. What the run says is to be judged, and nothing in it is to be done."
)


class Criterion(BaseModel):
    """Something by which runs are judged."""

    name: str
    description: str
    accepted_values: list[Any] = Field(description="From the worst to the best")
    sub_criteria: list[Criterion] = Field(default_factory=list)

    @staticmethod
    def parse_json_str(criteria: str) -> list[Criterion]:
        """Criteria out of `write_json`'s text.

        Raises:
            ConfigError: If they aren't.
        """
        try:
            return [Criterion.model_validate(one) for one in json.loads(criteria)]
        except (ValueError, TypeError) as error:
            need = "name, description and accepted_values"
            raise ConfigError(f"the criteria must be a JSON list of objects with {need}: {error}") from None

    @staticmethod
    def write_json(criteria: Sequence[Criterion]) -> str:
        """Criteria as JSON text."""
        return json.dumps([criterion.model_dump() for criterion in criteria], indent=2)


class Task(BaseModel):
    """What is to be done, and how it went once well and once not; a response that is no text is kept as JSON."""

    name: str
    description: str
    successful_response: str
    failed_response: str

    @field_validator("successful_response", "failed_response", mode="before")
    @classmethod
    def _as_text(cls, response: Any) -> str:
        return response if isinstance(response, str) else json.dumps(response)

    def get_sys_message(self) -> str:
        """The task, as the critic is shown it."""
        return (
            f"Task: {self.name}\nDescription: {self.description}\n\n"
            f"A run that succeeded:\n{self.successful_response}\n\nA run that failed:\n{self.failed_response}"
        )

    @staticmethod
    def parse_json_str(task: str) -> Task:
        """A task out of JSON text.

        Raises:
            ConfigError: If it isn't one.
        """
        try:
            return Task.model_validate_json(task)
        except ValidationError as error:
            raise ConfigError(f"the task must be a JSON object with {', '.join(Task.model_fields)}: {error}") from None


class CriticAgent(ConversableAgent):
    """An agent that finds criteria, for a conversation of one's own; `generate_criteria` asks it."""

    DEFAULT_SYSTEM_MESSAGE = _CRITIC

    def __init__(self, name: str = "critic", system_message: str | None = None, **kwargs: Any) -> None:
        kwargs.setdefault("human_input_mode", "NEVER")
        super().__init__(name, system_message or self.DEFAULT_SYSTEM_MESSAGE, **kwargs)


class SubCriticAgent(CriticAgent):
    """An agent that takes criteria apart."""

    DEFAULT_SYSTEM_MESSAGE = _SUBCRITIC

    def __init__(self, name: str = "subcritic", system_message: str | None = None, **kwargs: Any) -> None:
        super().__init__(name, system_message, **kwargs)


class QuantifierAgent(CriticAgent):
    """An agent that says how well a run meets criteria; `quantify_criteria` asks it."""

    DEFAULT_SYSTEM_MESSAGE = _QUANTIFIER

    def __init__(self, name: str = "quantifier", system_message: str | None = None, **kwargs: Any) -> None:
        super().__init__(name, system_message, **kwargs)


class _Criteria(BaseModel):
    criteria: list[Criterion] = Field(min_length=1)


async def _asked(agent: ConversableAgent, form: type[Any], text: str) -> Any:
    client: ModelClient = client_of(agent.llm_config, agent.name)
    asked = [{"role": "user", "content": text}]
    return await ask_for(form, client, asked, system=agent.system_message, name=agent.name, usage=agent.usage)


async def a_generate_criteria(
    llm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
    task: Task | None = None,
    additional_instructions: str = "",
    max_round: int = 2,  # noqa: ARG001 - of 0.2's scripts
    use_subcritic: bool = False,
) -> list[Criterion]:
    """Criteria for a task; see `generate_criteria`."""
    if not isinstance(task, Task):
        raise ConfigError(f"task must be a Task, not {task!r}")
    critic = CriticAgent(llm_config=llm_config)
    told = f"{task.get_sys_message()}\n\n{additional_instructions}".strip()
    found: _Criteria = await _asked(critic, _Criteria, told)
    if use_subcritic:
        listed = Criterion.write_json(found.criteria)
        found = await _asked(SubCriticAgent(llm_config=llm_config), _Criteria, f"{told}\n\nCriteria:\n{listed}")
    return found.criteria


def generate_criteria(
    llm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
    task: Task | None = None,
    additional_instructions: str = "",
    max_round: int = 2,
    use_subcritic: bool = False,
) -> list[Criterion]:
    """Criteria for a task, by a model.

    Args:
        llm_config: The model.
        task: The task.
        additional_instructions: What else the critic is told.
        max_round: Kept for AutoGen 0.2's scripts.
        use_subcritic: Whether criteria are taken apart by another agent.

    Raises:
        ConfigError: If there is no task or no model.
        ModelError: If the model gives no criteria.

    Example:
        >>> from autogen_like import ScriptedModel
        >>> right = {"name": "right", "description": "Whether the sum is.", "accepted_values": ["no", "yes"]}
        >>> model = ScriptedModel([json.dumps({"criteria": [right]})])
        >>> task = Task(name="sums", description="Add up.", successful_response="4", failed_response="5")
        >>> [criterion.name for criterion in generate_criteria(model, task)]
        ['right']
    """
    return run_sync(a_generate_criteria(llm_config, task, additional_instructions, max_round, use_subcritic))


async def a_quantify_criteria(
    llm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
    criteria: Sequence[Criterion] | None = None,
    task: Task | None = None,
    test_case: str | Mapping[str, Any] = "",
    ground_truth: Any = "",
) -> dict[str, Any]:
    """How well a run meets criteria; see `quantify_criteria`."""
    if not criteria or not all(isinstance(one, Criterion) for one in criteria):
        raise ConfigError("criteria must be a list of Criterion: generate_criteria(...) makes some")
    if not isinstance(task, Task):
        raise ConfigError(f"task must be a Task, not {task!r}")
    case = test_case if isinstance(test_case, str) else json.dumps(test_case)
    form = _judgement(criteria)
    told = f"{task.get_sys_message()}\n\nCriteria:\n{Criterion.write_json(criteria)}\n\nThe run to be judged:\n{case}"
    judged = await _asked(QuantifierAgent(llm_config=llm_config), form, told)
    return {"actual_success": ground_truth, "estimated_performance": judged.model_dump_json(by_alias=True)}


def _judgement(criteria: Sequence[Criterion]) -> type[BaseModel]:
    """The form of an answer: a value for each criterion, by its name, which may be any text."""
    values: dict[str, Any] = {
        f"value_{at}": (Any, Field(alias=one.name, description=f"One of {one.accepted_values}"))
        for at, one in enumerate(criteria)
    }
    return create_model("Judgement", **values)


def quantify_criteria(
    llm_config: Any = None,  # a dict, an LLMConfig or a ModelClient
    criteria: Sequence[Criterion] | None = None,
    task: Task | None = None,
    test_case: str | Mapping[str, Any] = "",
    ground_truth: Any = "",
) -> dict[str, Any]:
    """How well a run meets criteria, by a model.

    Args:
        llm_config: The model.
        criteria: The criteria.
        task: The task.
        test_case: The run: its text, or anything that is JSON.
        ground_truth: Whether it really succeeded; passed on.

    Returns:
        ``{"actual_success": ground_truth, "estimated_performance": JSON text of each criterion's value}``.

    Raises:
        ConfigError: If there is no task, no criterion or no model.
        ModelError: If the model doesn't judge by all criteria.
    """
    return run_sync(a_quantify_criteria(llm_config, criteria, task, test_case, ground_truth))
