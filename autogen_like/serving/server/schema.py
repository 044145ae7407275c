"""Requests in OpenAI's form, as far as this server knows them: what else they hold is refused by name."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_INT64 = 2**63 - 1
MOST_REPLIES = 16
MOST_PROMPTS = 32


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


class TextPart(_Strict):
    """A piece of a message; these models see text only."""

    type: Literal["text"]
    text: str


Text = str | list[TextPart]


class CalledFunction(_Strict):
    """What a message called."""

    name: str
    arguments: str


class Call(_Strict):
    """A tool call of an earlier message."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction
    index: int | None = None


class SystemMessage(_Strict):
    """Instructions."""

    role: Literal["system", "developer"]
    content: Text
    name: str | None = None


class UserMessage(_Strict):
    """What somebody said."""

    role: Literal["user"]
    content: Text
    name: str | None = None


class AssistantMessage(_Strict):
    """What the model said. What clients echo of earlier replies and means nothing here is let through where empty."""

    role: Literal["assistant"]
    content: Text | None = None
    name: str | None = None
    tool_calls: list[Call] | None = None
    refusal: str | None = None
    function_call: None = None
    audio: None = None
    annotations: list[Any] | None = None


class ToolMessage(_Strict):
    """What a tool answered."""

    role: Literal["tool"]
    content: Text
    tool_call_id: str
    name: str | None = None


class FunctionMessage(_Strict):
    """The same in the retired form."""

    role: Literal["function"]
    content: Text | None
    name: str


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage, Field(discriminator="role")
]


class Function(_Strict):
    """A function that may be called."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_.-]{1,64}$")
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(_Strict):
    """A tool."""

    type: Literal["function"]
    function: Function


class NamedFunction(_Strict):
    """The function that must be called."""

    name: str


class NamedTool(_Strict):
    """The tool that must be called."""

    type: Literal["function"]
    function: NamedFunction


class TextFormat(_Strict):
    """Any text."""

    type: Literal["text"]


class JsonFormat(_Strict):
    """A JSON object."""

    type: Literal["json_object"]


class NamedSchema(_Strict):
    """A JSON schema and its name."""

    name: str
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class SchemaFormat(_Strict):
    """JSON that fits a schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


Format = Annotated[TextFormat | JsonFormat | SchemaFormat, Field(discriminator="type")]
Stop = Annotated[str, Field(min_length=1)] | Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=16)]


class StreamOptions(_Strict):
    """How a stream ends."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _Body(_Strict):
    """What both kinds of requests know. The second half means nothing to a server of one's own, and is let through."""

    model: str
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=0, le=_INT64)
    min_p: float | None = Field(None, ge=0, le=1)
    repetition_penalty: float | None = Field(None, gt=0, le=10)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    seed: int | None = Field(None, ge=-_INT64 - 1, le=_INT64)
    max_tokens: int | None = Field(None, ge=1)
    stop: Stop | None = None
    n: int | None = Field(None, ge=1, le=MOST_REPLIES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    cache_salt: str | None = Field(None, max_length=256)

    user: str | None = None


class ChatBody(_Body):
    """``POST /v1/chat/completions``."""

    messages: list[Message] = Field(min_length=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    tools: list[Tool] | None = Field(None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    response_format: Format | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    prompt_cache_key: str | None = Field(None, max_length=512)

    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    prompt_cache_retention: str | None = None
    safety_identifier: str | None = None


Tokens = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class CompletionBody(_Body):
    """``POST /v1/completions``."""

    prompt: (
        str
        | Tokens
        | Annotated[list[str], Field(min_length=1, max_length=MOST_PROMPTS)]
        | Annotated[list[Tokens], Field(min_length=1, max_length=MOST_PROMPTS)]
    )
    logprobs: int | None = Field(None, ge=0, le=20)
    echo: Literal[False] | None = None
    suffix: None = None
    best_of: Literal[1] | None = None
