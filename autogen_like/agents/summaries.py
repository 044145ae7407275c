"""Summaries of chats: the last message, a model's reflection, or a user's function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..core.conversation import Conversation
from ..core.errors import ConfigError, ConversationError
from ..core.message import content_text
from ..core.run import Run
from ..models.cache import response_from_json
from ..models.client import ModelClient, ModelRequest
from .agent import call
from .backends.model import ask_model

METHODS = ("last_msg", "reflection_with_llm")
SUMMARY_PROMPT = (
    "Sum up what the conversation above arrived at, in your own words and without an introduction. If it did not "
    "deliver what was asked for, say so."
)


def check_method(method: Any) -> None:
    """Checks a summary method before a chat begins.

    Raises:
        ConfigError: If it is none.
    """
    if method is not None and method not in METHODS and not callable(method):
        raise ConfigError(f"summary_method must be one of {METHODS}, a function or None, not {method!r}")


async def summarize(
    method: str | Callable[..., Any] | None,
    sender: Any,
    recipient: Any,
    conversation: Conversation,
    run: Run[Any],
    args: Mapping[str, Any] | None,
) -> Any:  # a user's method may return anything
    """The summary of a chat.

    Args:
        method: "last_msg", "reflection_with_llm", a function of (sender, recipient, summary_args), or None.
        sender: The agent that began the chat.
        recipient: The agent that was addressed.
        conversation: The chat.
        run: The run that it is part of.
        args: ``summary_prompt`` and ``summary_role`` for reflection; anything for a function.

    Returns:
        The summary; "" if there is no method.

    Raises:
        ConversationError: If a function or a model failed; the chat is attached.
    """
    if method is None:
        return ""
    if method == "last_msg":
        return _last_message(conversation)
    try:
        if method == "reflection_with_llm":
            return await _reflection(sender, recipient, conversation, run, dict(args or {}))
        return await call(method, sender, recipient, dict(args or {}))
    except ConfigError:
        raise
    except Exception as error:
        raise ConversationError(
            f"{sender.name}, summary: {type(error).__name__}: {error}",
            agent=sender.name,
            backend="summary",
            turn=len(conversation.transcript),
            transcript=conversation.transcript,
        ) from error


def _last_message(conversation: Conversation) -> str:
    last = conversation.transcript.last
    if last is None:
        return ""
    rendered = last.render(None)
    return content_text(rendered.get("content")).replace("TERMINATE", "")


async def _reflection(
    sender: Any, recipient: Any, conversation: Conversation, run: Run[Any], args: dict[str, Any]
) -> str:
    prompt = args.get("summary_prompt") or SUMMARY_PROMPT
    role = args.get("summary_role") or "system"
    if not isinstance(prompt, str) or not isinstance(role, str):
        raise ConfigError("summary_prompt and summary_role must be strings")
    reflecting = next(
        (agent for agent in (recipient, sender) if getattr(agent, "model_client", None) is not None), None
    )
    if reflecting is None:
        raise ConfigError("summary_method='reflection_with_llm' needs an llm_config on the recipient or the sender")
    known = response_from_json(run.summed_up) if run.summed_up is not None else None
    if known is not None:  # it was asked for in a process that ended before its summary was needed no more
        run.record_usage(reflecting.name, known.model, known.usage, conversation=conversation.id)
        return known.content or ""
    client: ModelClient = reflecting.model_client
    conversation_view = conversation.transcript.view(reflecting.name).wire
    request = ModelRequest([*conversation_view, {"role": role, "content": prompt}])
    response = await ask_model(client, request, run, conversation.id, reflecting.name)
    reflecting.usage.add(response.model, response.usage, cached=response.cached)
    return response.content or ""
