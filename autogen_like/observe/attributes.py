"""What spans say of steps: OpenTelemetry's names for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.message import Message
from ..core.steps import CodeStep, ModelStep, RunStep, ToolStep, TurnStep
from ..core.usage import Usage
from . import content
from .content import Redact

# Of a request's parameters, those that the conventions know: never others, which may be headers.
_PARAMS: Mapping[str, tuple[str, type[float | int]]] = {
    "frequency_penalty": ("gen_ai.request.frequency_penalty", float),
    "max_completion_tokens": ("gen_ai.request.max_tokens", int),
    "max_tokens": ("gen_ai.request.max_tokens", int),
    "presence_penalty": ("gen_ai.request.presence_penalty", float),
    "seed": ("gen_ai.request.seed", int),
    "temperature": ("gen_ai.request.temperature", float),
    "top_k": ("gen_ai.request.top_k", float),
    "top_p": ("gen_ai.request.top_p", float),
}


def of_run(step: RunStep) -> dict[str, Any]:
    """A run's attributes."""
    about = {"gen_ai.operation.name": "invoke_workflow"}
    if step.run.name:
        about["gen_ai.workflow.name"] = step.run.name
    return about


def of_turn(step: TurnStep, redact: Redact | None) -> dict[str, Any]:
    """The attributes of an agent's turns."""
    speaker = step.turn.speaker
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": speaker.name,
        "gen_ai.conversation.id": step.turn.conversation.id,
    }
    description = getattr(speaker, "description", None)
    if redact is not None and isinstance(description, str) and description:  # by default it is the system message
        about["gen_ai.agent.description"] = redact(description)
    return about


def of_model(step: ModelStep) -> dict[str, Any]:
    """What tells requests of one kind from others: these label measurements too."""
    about: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": step.provider or "_OTHER",
        "gen_ai.request.model": step.model,
    }
    if step.server:
        host, _, port = step.server.rpartition(":")
        about["server.address"] = host or step.server
        if host and port.isdecimal():
            about["server.port"] = int(port)
    return about


def of_request(step: ModelStep) -> dict[str, Any]:
    """A request's further attributes."""
    about: dict[str, Any] = {"gen_ai.conversation.id": step.conversation, "gen_ai.agent.name": step.speaker}
    if step.streamed:
        about["gen_ai.request.stream"] = True
    for name, (key, kind) in _PARAMS.items():
        value = step.params.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            about[key] = kind(value)
    return about


def of_response(step: ModelStep, started: float, redact: Redact | None) -> dict[str, Any]:
    """What a model's answer adds.

    Args:
        step: The request, answered.
        started: When it was sent, on `time.perf_counter`'s clock.
        redact: What each text goes through; None where no content is captured.
    """
    response = step.response
    about: dict[str, Any] = {
        "gen_ai.response.finish_reasons": [response.finish_reason],
        "autogen_like.cost": response.usage.cost,
        **tokens(response.usage),
    }
    if response.model:
        about["gen_ai.response.model"] = response.model
    number = getattr(response.raw, "id", None)
    if isinstance(number, str):
        about["gen_ai.response.id"] = number
    if step.first is not None:
        about["gen_ai.response.time_to_first_chunk"] = step.first - started
    if response.cached:
        about["autogen_like.cached"] = True
    if response.usage.estimated:
        about["autogen_like.usage.estimated"] = True
    if redact is not None:
        about["gen_ai.output.messages"] = content.output_message(
            response.content, response.tool_calls, response.finish_reason, redact, response.reasoning
        )
    return about


def said_to_model(step: ModelStep, redact: Redact) -> dict[str, Any]:
    """What a model was told."""
    request = step.request
    about = {"gen_ai.input.messages": content.input_messages(request.messages, redact)}
    if request.system:
        about["gen_ai.system_instructions"] = content.system_instructions(request.system, redact)
    if request.tools:
        about["gen_ai.tool.definitions"] = content.tool_definitions(request.tools)
    return about


def tokens(usage: Usage) -> dict[str, int]:
    """What was used."""
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
    }


def reply(message: Message, redact: Redact) -> str:
    """What an agent said."""
    reason = "tool_calls" if message.tool_calls else "stop"
    return content.output_message(message.text, message.tool_calls, reason, redact)


def of_tool(step: ToolStep, redact: Redact | None) -> dict[str, Any]:
    """A tool call's attributes."""
    about: dict[str, Any] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": step.call.name,
        "gen_ai.tool.type": "function",
        "gen_ai.conversation.id": step.conversation,
        "gen_ai.agent.name": step.speaker,
    }
    if step.call.id is not None:
        about["gen_ai.tool.call.id"] = step.call.id
    if redact is not None:
        about["gen_ai.tool.call.arguments"] = content.arguments(step.call.arguments, redact)
    return about


def of_code(step: CodeStep) -> dict[str, Any]:
    """The attributes of code that runs."""
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "code",
        "gen_ai.tool.type": "extension",
        "gen_ai.conversation.id": step.conversation,
        "gen_ai.agent.name": step.speaker,
        "autogen_like.code.languages": [language or "unknown" for language in step.languages],
    }
