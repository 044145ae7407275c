"""A local model that chats: messages in, pieces of a reply out. Joins template, engine, constraints and tool calls."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..core.errors import ConfigError
from ..core.message import ToolCall, new_id
from .constrain.grammar import Constrainer, auto_grammar, call_schema, choice_grammar, schema_grammar
from .constrain.toolcalls import ToolCallStream
from .engine import Engine, EngineConfig, GenerateRequest, Sampling, Step
from .engine.chat import ChatTemplate
from .engine.sampling import TokenLogprob
from .engine.sequence import StepUsage, TokenConstraint

_KEPT_GRAMMARS = 32


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked of a local model.

    Args:
        messages: Chat dicts, oldest first.
        system: The system message, where it is not among them.
        tools: OpenAI tool dicts.
        tool_choice: "auto", "none", "required", or the name of the tool that must be called.
        parallel_tool_calls: Whether "auto" may call several at once; small models then find no end.
        choices: The reply is one of these.
        schema: The reply is JSON that fits this schema.
        sampling: How tokens are chosen.
        max_tokens: Most tokens of the reply; None is as many as the context holds.
        stop: Texts that end it.
        logprobs: How many most likely tokens to tell for each token; None tells nothing.
        owner: Whose prompt it is, so that the next one of the same owner goes on where this one ends.
        speaker: The agent that the model speaks for: calls of other agents are not its own words.
    """

    messages: Sequence[Mapping[str, Any]]
    system: str | None = None
    tools: Sequence[Mapping[str, Any]] = ()
    tool_choice: str = "auto"
    parallel_tool_calls: bool = False
    choices: tuple[str, ...] | None = None
    schema: Mapping[str, Any] | None = None
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    owner: Hashable = None
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of a reply.

    Args:
        text: New text, or a piece of a call's arguments.
        kind: Which of the two.
        index: Which call it belongs to.
        name: The called tool, in the call's first piece.
    """

    text: str
    kind: Literal["text", "tool"] = "text"
    index: int = 0
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The whole reply.

    Args:
        content: Its text; None where there are only calls.
        tool_calls: Tools that the model wants called.
        finish_reason: "stop", "length" or "tool_calls".
        usage: What it took.
        logprobs: Log-probabilities in OpenAI's form, where they were asked for.
        sampled: The prompt's token ids, the sampled ones, their log-probabilities and the ids that end a turn, where
            log-probabilities were asked for.
    """

    content: str | None
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: StepUsage
    logprobs: dict[str, Any] | None = None
    sampled: tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...], frozenset[int]] | None = None


ChatItem: TypeAlias = ChatDelta | ChatReply
_Form: TypeAlias = Callable[[], TokenConstraint] | None


class ChatModel:
    """A model, ready to chat. For one thread, as its engine is.

    Args:
        engine: What generates.

    Attributes:
        engine: The same.
        template: How its prompts look.
    """

    def __init__(self, engine: Engine) -> None:
        tokenizer = engine.tokenizer
        self.engine = engine
        self.template = ChatTemplate(engine.template, bos=tokenizer.bos, eos=tokenizer.eos, guard=tokenizer.guard)
        self._begins = tokenizer.add_bos and engine.template is None
        self._constrainer: Constrainer | None = None
        self._grammars: OrderedDict[str, Callable[[], TokenConstraint]] = OrderedDict()

    @classmethod
    def load(cls, path: Path, config: EngineConfig | None = None) -> ChatModel:
        """Reads a model from a GGUF file or a folder in Hugging Face's layout.

        Raises:
            ConfigError: If something in it is not supported; the message names it.
        """
        return cls(Engine.load(path, config))

    def prompt(self, request: ChatRequest) -> list[int]:
        """The tokens that the model is shown."""
        tokenizer = self.engine.tokenizer
        tools = request.tools if request.tool_choice != "none" else ()
        text = self.template.render(request.messages, system=request.system, tools=tools, speaker=request.speaker)
        if _forced(request):
            text += self.template.tool_tag
        tokens = tokenizer.encode(text)
        if self._begins and tokenizer.bos_id is not None:
            tokens.insert(0, tokenizer.bos_id)
        return tokens

    def chat(self, request: ChatRequest) -> Iterator[ChatItem | None]:
        """One reply.

        Yields:
            Its pieces, and None now and then while there is nothing to show, so that whoever drives it may stop it;
            at the end the whole `ChatReply`.

        Raises:
            ConfigError: If the request contradicts itself, or its schema or tools can't be kept to.
            ContextOverflow: If the conversation doesn't fit the model's window.
        """
        _check(request)
        prompt = self.prompt(request)
        steps = self.engine.generate(
            GenerateRequest(
                prompt=prompt,
                sampling=request.sampling,
                max_tokens=request.max_tokens,
                stop=request.stop if not _forced(request) else (),
                constraint=self._form(request),
                logprobs=request.logprobs,
                owner=request.owner,
            )
        )
        reply: _Text | _Tools | _Forced
        if _forced(request):
            reply = _Forced()
        elif request.tools and request.tool_choice == "auto" and request.choices is None and request.schema is None:
            reply = _Tools(_names(request.tools))
        else:
            reply = _Text()
        return self._replied(request, prompt, steps, reply)

    def _replied(
        self, request: ChatRequest, prompt: Sequence[int], steps: Iterator[Step], reply: _Text | _Tools | _Forced
    ) -> Iterator[ChatItem | None]:
        logprobs: list[TokenLogprob] = []
        for step in steps:
            if step.logprob is not None:
                logprobs.append(step.logprob)
            shown = reply.add(step.text) if step.text else ()
            yield from shown
            if step.finish is not None and step.usage is not None:
                yield from reply.finish()
                told = sampled = None
                if request.logprobs is not None:
                    told = _logprobs_dict(self.engine, logprobs)
                    ids, values = tuple(one.token for one in logprobs), tuple(one.logprob for one in logprobs)
                    sampled = (tuple(prompt), ids, values, frozenset(self.engine.tokenizer.ends))
                finish = "tool_calls" if reply.calls and step.finish == "stop" else step.finish
                yield ChatReply(reply.content, reply.calls, finish, step.usage, told, sampled)
            elif not shown:
                yield None

    def _form(self, request: ChatRequest) -> _Form:
        if request.choices is not None:
            return self._grammar(choice_grammar(request.choices))
        if request.schema is not None:
            return self._grammar(schema_grammar(request.schema))
        if not request.tools or request.tool_choice == "none":
            return None
        if request.tool_choice == "auto":
            if not self.template.tool_tag:
                return None
            return self._grammar(auto_grammar(request.tools, parallel=request.parallel_tool_calls))
        wanted = request.tools
        if request.tool_choice != "required":
            wanted = [tool for tool in wanted if _name(tool) == request.tool_choice]
        return self._grammar(schema_grammar(call_schema(wanted)))

    def _grammar(self, grammar: str) -> Callable[[], TokenConstraint]:
        found = self._grammars.get(grammar)
        if found is None:
            if self._constrainer is None:
                self._constrainer = Constrainer(self.engine.tokenizer, self.engine.model.config.vocabulary)
            found = self._grammars[grammar] = self._constrainer.constraint(grammar)
            while len(self._grammars) > _KEPT_GRAMMARS:
                self._grammars.popitem(last=False)
        self._grammars.move_to_end(grammar)
        return found


class _Text:
    """A reply that is text and nothing else."""

    calls: tuple[ToolCall, ...] = ()

    def __init__(self) -> None:
        self._parts: list[str] = []

    @property
    def content(self) -> str | None:
        return "".join(self._parts)

    def add(self, text: str) -> tuple[ChatDelta, ...]:
        self._parts.append(text)
        return (ChatDelta(text),)

    def finish(self) -> tuple[ChatDelta, ...]:
        return ()


class _Tools:
    """A reply in which tools may be called."""

    def __init__(self, names: frozenset[str]) -> None:
        self._stream = ToolCallStream(names)
        self.content: str | None = ""
        self.calls: tuple[ToolCall, ...] = ()

    def add(self, text: str) -> tuple[ChatDelta, ...]:
        shown = self._stream.add(text)
        return (ChatDelta(shown),) if shown else ()

    def finish(self) -> tuple[ChatDelta, ...]:
        rest, parsed = self._stream.finish()
        self.content, self.calls = parsed.content, parsed.calls
        text = (ChatDelta(rest),) if rest else ()
        return text + tuple(
            ChatDelta(call.arguments, "tool", index, call.name) for index, call in enumerate(self.calls)
        )


class _Forced:
    """A reply that is one call: ``{"name": "...", "arguments": {...}}``, as the grammar writes it."""

    _HEAD = re.compile(r'\s*\{"name":\s*("(?:[^"\\]|\\.)*"),\s*"arguments":\s*(?=\S)')

    def __init__(self) -> None:
        self._id = new_id()
        self._name: str | None = None
        self._held = ""
        self._arguments: list[str] = []

    @property
    def content(self) -> str | None:
        return None if self._name is not None else self._held

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        if self._name is None:
            return ()
        return (ToolCall(self._id, self._name, "".join(self._arguments)),)

    def add(self, text: str) -> tuple[ChatDelta, ...]:
        self._held += text
        first = None
        if self._name is None:
            head = self._HEAD.match(self._held)
            if head is None:
                return ()
            first = self._name = json.loads(head[1])
            self._held = self._held[head.end() :]
        # The last brace so far may be the call's own; it is shown when more comes after it.
        piece, self._held = self._held[:-1], self._held[-1:]
        if not piece and first is None:
            return ()
        self._arguments.append(piece)
        return (ChatDelta(piece, "tool", 0, first),)

    def finish(self) -> tuple[ChatDelta, ...]:
        if self._name is None:  # cut before it had a name
            return (ChatDelta(self._held),) if self._held else ()
        return ()


def _forced(request: ChatRequest) -> bool:
    constrained = request.choices is not None or request.schema is not None
    return bool(request.tools) and request.tool_choice not in ("auto", "none") and not constrained


def _check(request: ChatRequest) -> None:
    if request.choices is not None and request.schema is not None:
        raise ConfigError("a reply can be one of some choices, or fit a schema, not both")
    if request.max_tokens is not None and request.max_tokens < 1:
        raise ConfigError(f"'max_tokens' must be at least 1, not {request.max_tokens}")
    if request.logprobs is not None and not 0 <= request.logprobs <= 20:
        raise ConfigError(f"'top_logprobs' must be at least 0 and at most 20, not {request.logprobs}")
    if request.tool_choice in ("auto", "none", "required"):
        if request.tool_choice == "required" and not request.tools:
            raise ConfigError('tool_choice="required" needs tools')
    elif request.tool_choice not in _names(request.tools):
        raise ConfigError(
            f"tool_choice names {request.tool_choice!r}, but the tools are {sorted(_names(request.tools)) or 'none'}"
        )


def _name(tool: Mapping[str, Any]) -> str:
    return str(tool.get("function", tool)["name"])


def _names(tools: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(map(_name, tools))


def _logprobs_dict(engine: Engine, told: Sequence[TokenLogprob]) -> dict[str, Any]:
    def entry(token: int, logprob: float) -> dict[str, Any]:
        raw = engine.tokenizer.token_bytes(token)
        return {"token": raw.decode("utf-8", "replace"), "logprob": logprob, "bytes": list(raw)}

    return {
        "content": [
            {**entry(item.token, item.logprob), "top_logprobs": [entry(token, value) for token, value in item.top]}
            for item in told
        ]
    }
