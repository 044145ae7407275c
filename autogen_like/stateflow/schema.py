"""What a file that declares a flow may say. Nothing else is taken."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Reference = str
"""A name that the loading program gives, or "module:function" of a module that it allows."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ViewSpec(_Strict):
    """A view: one of the three, or a template as plain text."""

    last: int | None = None
    since: str | None = None
    call: Reference | None = None


class AskSpec(_Strict):
    """`ask`."""

    prompt: str = ""
    model: Reference | None = None
    agent: Reference | None = None
    view: ViewSpec | str | None = None
    rounds: int = 10


class ToolArguments(_Strict):
    """A function that gives a tool's arguments."""

    call: Reference


class RunSpec(_Strict):
    """`run`: a tool, or an executor."""

    tool: Reference | None = None
    executor: Reference | None = None
    arguments: ToolArguments | dict[str, Any] | None = None
    name: str = "executor"


class LimitsSpec(_Strict):
    """`Limits`."""

    turns: int | None = None
    requests: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None


class ChatOptionsSpec(_Strict):
    """What a file may say of how a chat is held: nothing that writes, answers for people or names a place."""

    clear_history: bool | None = None
    silent: bool | None = None
    max_turns: int | None = None
    summary_method: str | ToolArguments | None = None
    summary_args: dict[str, Any] | None = None
    limits: LimitsSpec | None = None
    final_answer: bool | None = None


class ChatSpec(_Strict):
    """`chat`."""

    agent: Reference
    message: str | ToolArguments | None = None
    options: ChatOptionsSpec | None = None


class OutputSpec(_Strict):
    """An output: one key, which says what it is."""

    instruct: str | None = None
    ask: AskSpec | str | None = None
    run: RunSpec | Reference | None = None
    call: Reference | None = None
    chat: ChatSpec | None = None
    flow: FlowSpec | None = None
    task: str | ToolArguments | None = None


class StateSpec(_Strict):
    """`StateFlow.state`."""

    outputs: list[OutputSpec] = []
    model: Reference | None = None
    tools: list[Reference] = []
    view: ViewSpec | str | None = None
    temperature: float | None = None
    max_visits: int | None = None
    timeout: float | None = None
    otherwise: str | None = None
    description: str = ""


class ReturnedSpec(_Strict):
    """`returned`."""

    tool: str
    test: Reference


class ConditionSpec(_Strict):
    """A condition: one key, which says what it is."""

    says: str | None = None
    matches: str | None = None
    returned: ReturnedSpec | str | None = None
    raised: list[str] | None = None
    call: Reference | None = None


class ChooseSpec(_Strict):
    """`choose`."""

    targets: list[str]
    model: Reference | None = None
    prompt: str | None = None
    default: str | None = None
    retries: int = 2


class TransitionSpec(_Strict):
    """`StateFlow.transition`."""

    source: str = Field(alias="from")
    to: str | ChooseSpec
    when: Literal["succeeded", "failed"] | ConditionSpec | None = None


class FlowSpec(_Strict):
    """A whole flow."""

    stateflow: Literal[1] = 1
    name: str
    initial: str
    final: list[str]
    model: Reference | None = None
    system: str = ""
    instruction: str = "last"
    max_transitions: int = 100
    answer: Reference | None = None
    states: dict[str, StateSpec] = {}
    transitions: list[TransitionSpec] = []
