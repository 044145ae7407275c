"""The protocol of model clients: a request in, a response (or a stream of deltas that ends with it) out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from ..core.errors import ModelError
from ..core.message import ToolCall
from ..core.protocols import PrefixHint
from ..core.usage import Usage


@dataclass(frozen=True, slots=True)
class Choice:
    """The whole reply must be one of these strings."""

    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """The whole reply must be JSON that fits a schema.

    Args:
        schema: A JSON schema.
        name: A short name, which some endpoints want.
    """

    schema: Mapping[str, Any]
    name: str = "reply"


Constraint: TypeAlias = Choice | JsonSchema


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What is asked of a model.

    Args:
        messages: The conversation as chat dicts, oldest first, without the system message. Read-only, and possibly a
            live view: don't keep it.
        system: The system message.
        tools: Tools on offer, as OpenAI tool dicts (``{"type": "function", "function": {...}}``).
        tool_choice: "auto", "none", "required", or an OpenAI tool choice dict that names a function.
        constraint: What the reply must look like; only for clients whose `Capabilities` say so.
        params: Sampling parameters by OpenAI's names (temperature, top_p, max_tokens, stop, seed, ...); they win over
            the client's own defaults.
        prefix: Whose prompt this is, for clients that keep computed prefixes.
    """

    messages: Sequence[Mapping[str, Any]]
    system: str | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str | Mapping[str, Any] | None = None
    constraint: Constraint | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    prefix: PrefixHint | None = None


@dataclass(frozen=True, slots=True)
class SampledTokens:
    """The tokens of one request, as the model had them: what training needs, since text can't be turned back into them.

    Args:
        prompt_ids: The tokens that the model was shown.
        response_ids: The tokens that it sampled, as it sampled them.
        logprobs: The log-probability of each sampled token; None where they aren't known.
        ends: The tokens that end a turn, where they are known. The one that ended this is not always among the sampled.
    """

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None = None
    ends: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """What a model answered.

    Args:
        content: The text, or None when there are only tool calls.
        tool_calls: Tools that the model wants called.
        finish_reason: "stop", "length", "tool_calls", "content_filter" or whatever the endpoint said.
        usage: Tokens and cost.
        model: The model that answered, as it names itself.
        cached: Whether this program's own cache answered.
        reasoning: The model's reasoning text, where it shows it.
        logprobs: Log-probabilities, in the endpoint's form, where they were asked for.
        parsed: The validated object, where a pydantic model was asked for.
        raw: The endpoint's own response object, for those who need more.
        tokens: The tokens themselves, where the model gives them: the embedded one with ``logprobs=True``.
    """

    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    usage: Usage = Usage()
    model: str = ""
    cached: bool = False
    reasoning: str | None = None
    logprobs: Any = None
    parsed: Any = None
    raw: Any = field(default=None, compare=False, repr=False)
    tokens: SampledTokens | None = field(default=None, compare=False, repr=False)


class ReplyCut(ModelError):
    """A stream broke off after pieces of the reply had been given out.

    It is not retried, since what was shown can't be taken back: asking again is for whoever can say so to those who
    saw it.

    Attributes:
        partial: The reply as far as it came; its ``finish_reason`` is "cut", and its last tool call may be half of one.
    """

    partial: ModelResponse

    @classmethod
    def after(cls, partial: ModelResponse, cause: ModelError) -> ReplyCut:
        """The error for a reply that `cause` cut."""
        came = len(partial.content or "")
        cut = cls(
            f"{cause}; {came} characters of the reply had come (in the error's 'partial')",
            status=cause.status,
            retry_after=cause.retry_after,
            transient=cause.transient,
        )
        cut.partial = partial
        return cut


@dataclass(slots=True)  # not frozen, which would make each piece of a stream cost 0.3 us more
class Delta:
    """A piece of a reply as it is generated.

    Args:
        text: New text ("" when the piece is of another kind).
        kind: "text", "reasoning", or "tool" for a piece of a tool call's arguments.
        index: Which tool call the piece belongs to.
        name: The tool's name, in the first piece of a call.
    """

    text: str
    kind: Literal["text", "reasoning", "tool"] = "text"
    index: int = 0
    name: str | None = None


StreamItem: TypeAlias = Delta | ModelResponse


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a client's model can do.

    Args:
        choices: Whether `Choice` constrains the output.
        json_schema: Whether `JsonSchema` constrains the output.
        tools: Whether it takes tools.
        images: Whether it takes images.
        context: Size of its window in tokens, where known.
    """

    choices: bool = False
    json_schema: bool = False
    tools: bool = True
    images: bool = False
    context: int | None = None


@runtime_checkable
class ModelClient(Protocol):
    """A language model, wherever it runs. Clients that wrap a client (retries, caches) are clients themselves.

    A client may be used from several event loops at once (see `autogen_like.core.sync`): what is bound to a loop, it
    keeps per loop.
    """

    @property
    def model(self) -> str:
        """The model's name, for usage tables and logs."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the model can do."""
        ...

    async def complete(self, request: ModelRequest) -> ModelResponse:
        """One reply.

        Raises:
            ModelError: If the endpoint fails; its `transient` says whether trying again can help.
        """
        ...

    def stream(self, request: ModelRequest) -> AsyncIterator[StreamItem]:
        """The same reply in pieces: any number of `Delta`, then one `ModelResponse`, which is whole."""
        ...

    async def aclose(self) -> None:
        """Frees connections."""
        ...
