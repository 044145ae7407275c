"""Questions that a capability puts to a model on an agent's behalf, outside the conversation but counted with it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ...core.errors import ConfigError, ModelError
from ...core.run import Run
from ...core.usage import UsageLedger
from ...models.client import JsonSchema, ModelClient, ModelRequest, ModelResponse
from ...models.config import check_config, client_from
from ..backends.model import ask_model

if TYPE_CHECKING:
    from pydantic import BaseModel

T = TypeVar("T", bound="BaseModel")
_RETRIES = 2


def client_of(llm_config: Any, what: str) -> ModelClient:  # a dict, an LLMConfig or a ModelClient
    """The model behind a configuration.

    Args:
        llm_config: The configuration.
        what: What needs it, for the error.

    Raises:
        ConfigError: If there is none, or it can't be right.
    """
    checked = check_config(llm_config)
    if isinstance(checked, bool):
        raise ConfigError(f"{what} needs a model: give it an llm_config, as {{'model': 'gpt-4.1-mini'}}")
    return client_from(checked)


def model_of(agent: Any, llm_config: Any, what: str) -> ModelClient:  # any agent
    """The model of a configuration, or else the agent's own.

    Raises:
        ConfigError: If there is neither.
    """
    if llm_config is None or llm_config is False:
        own: ModelClient | None = getattr(agent, "model_client", None)
        if own is not None:
            return own
    return client_of(llm_config, what)


async def ask(
    client: ModelClient,
    messages: Sequence[Mapping[str, Any]],
    *,
    system: str | None = None,
    name: str = "",
    usage: UsageLedger | None = None,
    constraint: JsonSchema | None = None,
) -> str:
    """One question, as a part of the run under way: its budget, usage and cancellation hold.

    Args:
        client: The model.
        messages: What it is shown.
        system: Its system message.
        name: The agent on whose behalf it is asked.
        usage: The agent's ledger.
        constraint: What the answer must look like.

    Returns:
        The text of the answer.

    Example:
        >>> import asyncio
        >>> from autogen_like import ScriptedModel
        >>> asyncio.run(ask(ScriptedModel(["Four."]), [{"role": "user", "content": "2 + 2?"}]))
        'Four.'
    """
    request = ModelRequest(list(messages), system, constraint=constraint)

    async def main(run: Run[ModelResponse]) -> ModelResponse:
        return await ask_model(client, request, run, "", name, show=False)

    response = await Run(main, name=name)
    if usage is not None:
        usage.add(response.model, response.usage, cached=response.cached)
    return response.content or ""


async def ask_for(
    form: type[T],
    client: ModelClient,
    messages: Sequence[Mapping[str, Any]],
    *,
    system: str | None = None,
    name: str = "",
    usage: UsageLedger | None = None,
) -> T:
    """One question whose answer is an object: constrained where the model can be, otherwise told what was wrong.

    Args:
        form: The pydantic model of the answer.
        client: The model.
        messages: What it is shown.
        system: Its system message.
        name: The agent on whose behalf it is asked.
        usage: The agent's ledger.

    Returns:
        The object.

    Raises:
        ModelError: If none of three answers fits.
    """
    schema = form.model_json_schema()
    constraint = JsonSchema(schema, form.__name__) if client.capabilities.json_schema else None
    told = f"Answer with one JSON object that fits this schema, and nothing else: {json.dumps(schema)}"
    asked = [*messages, {"role": "user", "content": told}]
    why = ""
    for _ in range(_RETRIES + 1):
        text = await ask(client, asked, system=system, name=name, usage=usage, constraint=constraint)
        try:
            return form.model_validate(json_in(text))
        except ValueError as error:  # pydantic's errors are ValueErrors
            why = str(error)
        asked += [{"role": "assistant", "content": text}, {"role": "user", "content": f"That does not fit: {why}"}]
    raise ModelError(f"{client.model!r} gave no {form.__name__} in {_RETRIES + 1} answers: {why}")


def json_in(text: str) -> Any:
    """The first JSON object or list in a text, which may have words or a fence around it.

    Raises:
        ValueError: If there is none.

    Example:
        >>> json_in('Here it is: {"a": [1, 2]} Anything else?')
        {'a': [1, 2]}
    """
    decoder = json.JSONDecoder()
    for start, character in enumerate(text):
        if character in "{[":
            try:
                return decoder.raw_decode(text, start)[0]
            except (ValueError, RecursionError):
                continue
    raise ValueError("there is no JSON object in the answer")
