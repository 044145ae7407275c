"""From a request in OpenAI's form to what the engine does for it, and from what that gives to an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, cast

from ..chat_model import ChatModel, ChatRequest
from ..engine import Sampling
from .answering import ChatAnswer, CompletionAnswer
from .errors import ApiError
from .schema import ChatBody, CompletionBody, JsonFormat, NamedTool, SchemaFormat
from .settings import ServerSettings
from .texts import Prompt, open_prompt

Work: TypeAlias = Callable[[ChatModel], Iterator[Any]]

_SAMPLING = ("top_k", "min_p", "seed", "frequency_penalty", "presence_penalty", "repetition_penalty")


class Answer(Protocol):
    """Makes an answer of what the engine gives; ``place`` says which of a request's prompts it is for."""

    def whole(self, items: Iterable[tuple[int, Any]]) -> dict[str, Any]:
        """The whole answer."""
        ...

    def pieces(self, place: int, item: Any) -> Iterator[dict[str, Any]]:
        """What a client that streams is sent for one item."""
        ...

    def last(self) -> dict[str, Any] | None:
        """What it is sent at the end; None where it wants no more."""
        ...

    @property
    def complete(self) -> bool:
        """Whether each reply has ended."""
        ...


class Asked:
    """A request, understood.

    Args:
        works: What the engine does, one for each prompt.
        replies: How many replies they make together.
        answer: Makes the answer.
        prompt: The part of the request that holds the prompt.
        form: The part that says what the reply must look like, if any does.
    """

    def __init__(
        self, works: Sequence[Work], replies: int, answer: Answer, prompt: str, form: str | None = None
    ) -> None:
        self.works = works
        self.replies = replies
        self.answer = answer
        self.prompt = prompt
        self.form = form


def ask(body: ChatBody | CompletionBody, settings: ServerSettings, vocabulary: int) -> Asked:
    """Understands a request.

    Raises:
        ApiError: If it contradicts itself, or names another model.
    """
    if body.model not in (settings.name, f"local:{settings.name}"):
        message = f"there is no model {body.model[:100]!r} here; there is {settings.name!r}"
        raise ApiError(404, message, param="model", code="model_not_found")
    if body.stream_options is not None and not body.stream:
        raise ApiError(400, "stream_options needs stream", param="stream_options")
    sampling = _sampling(body, vocabulary)
    stop = (body.stop,) if isinstance(body.stop, str) else tuple(body.stop or ())
    if isinstance(body, ChatBody):
        return _chat(body, sampling, stop, settings)
    return _completion(body, sampling, stop, settings, vocabulary)


def _sampling(body: ChatBody | CompletionBody, vocabulary: int) -> Sampling:
    bias: dict[int, float] = {}
    for key, value in (body.logit_bias or {}).items():
        token = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else vocabulary
        if token >= vocabulary:
            message = f"logit_bias: {key[:20]!r} is no token's id; ids are numbers below {vocabulary}"
            raise ApiError(400, message, param="logit_bias", code="invalid_value")
        bias[token] = value
    given = {key: getattr(body, key) for key in _SAMPLING if getattr(body, key) is not None}
    # As OpenAI has it; in the process the default is 0, so that the same words get the same answer.
    temperature = 1.0 if body.temperature is None else body.temperature
    top_p = 1.0 if body.top_p is None else body.top_p
    return Sampling(temperature=temperature, top_p=top_p, logit_bias=bias, **given)


def _limit(wanted: int | None, settings: ServerSettings) -> int | None:
    limits = [limit for limit in (wanted, settings.max_reply_tokens) if limit is not None]
    return min(limits, default=None)


def _chat(body: ChatBody, sampling: Sampling, stop: tuple[str, ...], settings: ServerSettings) -> Asked:
    if body.top_logprobs is not None and not body.logprobs:
        raise ApiError(400, "top_logprobs needs logprobs", param="top_logprobs")
    tools = [tool.model_dump(exclude_none=True) for tool in body.tools or ()]
    choice = _tool_choice(body, [tool["function"]["name"] for tool in tools])
    schema, form = _schema(body)
    if schema is None and tools and choice != "none":
        form = "tools"
    request = ChatRequest(
        messages=[message.model_dump(exclude_none=True) for message in body.messages],
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=bool(body.parallel_tool_calls),
        schema=schema,
        sampling=sampling,
        max_tokens=_limit(body.max_completion_tokens or body.max_tokens, settings),
        stop=stop,
        logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        owner=None if body.prompt_cache_key is None else (body.cache_salt or "", body.prompt_cache_key),
        salt=body.cache_salt or "",
        n=body.n or 1,
    )
    usage = bool(body.stream_options and body.stream_options.include_usage)
    answer = ChatAnswer(settings.name, request.n, usage=usage)
    return Asked([lambda model: model.chat(request)], request.n, answer, "messages", form)


def _tool_choice(body: ChatBody, names: Sequence[str]) -> str:
    choice = body.tool_choice
    if len(set(names)) < len(names):
        raise ApiError(400, "tools: two have the same name", param="tools", code="invalid_value")
    if choice is None:
        return "auto"
    if isinstance(choice, NamedTool):
        name = choice.function.name
        if name not in names or name in ("auto", "none", "required"):
            message = f"tool_choice names {name[:64]!r}, which is not among the tools"
            raise ApiError(400, message, param="tool_choice", code="invalid_value")
        return name
    if choice == "required" and not names:
        raise ApiError(400, "tool_choice 'required' needs tools", param="tool_choice", code="invalid_value")
    return choice


def _schema(body: ChatBody) -> tuple[dict[str, Any] | None, str | None]:
    if isinstance(body.response_format, JsonFormat):
        return {"type": "object"}, "response_format"
    if isinstance(body.response_format, SchemaFormat):
        return body.response_format.json_schema.schema_, "response_format"
    return None, None


def _completion(
    body: CompletionBody, sampling: Sampling, stop: tuple[str, ...], settings: ServerSettings, vocabulary: int
) -> Asked:
    prompts = _prompts(body.prompt)
    for prompt in prompts:
        if not isinstance(prompt, str) and max(prompt) >= vocabulary:
            raise ApiError(400, f"prompt: {max(prompt)} is no token's id; ids are below {vocabulary}", param="prompt")
    n, limit = body.n or 1, _limit(16 if body.max_tokens is None else body.max_tokens, settings)
    asked = [
        Prompt(prompt, sampling, limit, stop=stop, logprobs=body.logprobs, n=n, salt=body.cache_salt or "")
        for prompt in prompts
    ]
    usage = bool(body.stream_options and body.stream_options.include_usage)
    answer = CompletionAnswer(settings.name, n, len(prompts), logprobs=body.logprobs is not None, usage=usage)
    works = [open_prompt(one) for one in asked]
    return Asked(works, n * len(prompts), answer, "prompt")


def _prompts(prompt: str | list[int] | list[str] | list[list[int]]) -> list[str | list[int]]:
    if isinstance(prompt, str):
        return [prompt]
    if isinstance(prompt[0], int):  # then all are
        return [prompt]
    return list(cast("list[str | list[int]]", prompt))
