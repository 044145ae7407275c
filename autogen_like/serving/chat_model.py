"""A local model that chats: messages in, pieces of a reply out. Joins template, engine, constraints and tool calls."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from ..core.errors import ConfigError
from ..core.message import ToolCall
from .constrain.grammar import Constrainer, auto_grammar, call_schema, choice_grammar, schema_grammar
from .engine import Engine, EngineConfig, GenerateRequest, Sampling, Step
from .engine.chat import ChatTemplate
from .engine.sampling import TokenLogprob
from .engine.sequence import StepUsage, TokenConstraint
from .replies import ChatDelta, ForcedReply, Reading, TextReply, ToolsReply
from .spoken import Spoken

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
        salt: Requests of different salts share nothing that was computed.
        speaker: The agent that the model speaks for: calls of other agents are not its own words.
        n: How many replies.
        shared_first: Puts the conversation, as all agents see it, before what is the speaker's own (its system message
            and tools), so that agents share what is computed of it.
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
    salt: str = ""
    speaker: str | None = None
    n: int = 1
    shared_first: bool = False


@dataclass(frozen=True, slots=True)
class ChatReply:
    """The whole reply.

    Args:
        content: Its text; None where there are only calls.
        tool_calls: Tools that the model wants called.
        finish_reason: "stop", "length" or "tool_calls".
        usage: What it took.
        logprobs: Log-probabilities in OpenAI's form, where they were asked for.
        sampled: The prompt's token ids, the sampled ones (the last one ends the turn, where the model ended it), their
            log-probabilities, and the ids that end a turn, where log-probabilities were asked for.
        index: Which of several replies to one request it is.
    """

    content: str | None
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: StepUsage
    logprobs: dict[str, Any] | None = None
    sampled: tuple[tuple[int, ...], tuple[int, ...], tuple[float, ...], frozenset[int]] | None = None
    index: int = 0


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
        self._spoken = Spoken(tokenizer, self.template.reply_head)
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
        text = self.template.render(
            request.messages,
            system=request.system,
            tools=tools,
            speaker=request.speaker,
            shared_first=request.shared_first,
        )
        if _forced(request):
            text += self.template.tool_tag
        tokens = self._spoken.encode(text, request.messages, request.owner)
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
                n=request.n,
                owner=request.owner,
                salt=request.salt,
            )
        )
        return self._replied(request, prompt, steps)

    def prefill(self, request: ChatRequest) -> Iterator[None]:
        """Computes a prompt that is likely to be asked for, when there is nothing else to do."""
        prompt = self.prompt(request)
        room = self.engine.context - 1
        ahead = GenerateRequest(prompt[:room], owner=request.owner, salt=request.salt, idle=True)
        for _ in self.engine.generate(ahead):
            yield None

    def open(self, request: ChatRequest | GenerateRequest) -> Iterator[ChatItem | Step | None]:
        """`chat`, or the engine's `generate`, as the request wants."""
        if isinstance(request, ChatRequest):
            return self.chat(request)
        return self.engine.open(request)

    def metrics(self) -> dict[str, int]:
        """The engine's counts."""
        return self.engine.metrics()

    def _replied(self, request: ChatRequest, prompt: Sequence[int], steps: Iterator[Step]) -> Iterator[ChatItem | None]:
        replies = [_Reply(_reading(request)) for _ in range(request.n)]
        for step in steps:
            reply = replies[step.index]
            if step.logprob is not None:
                reply.told.append(_logprob_dict(self.engine, step.logprob))
            shown = reply.take(step)
            yield from shown if not step.index else [replace(delta, reply=step.index) for delta in shown]
            if step.finish is not None and step.usage is not None:
                for delta in reply.with_logprobs(reply.reading.finish()):
                    yield replace(delta, reply=step.index)
                self._spoken.remember(request.owner, reply.reading, reply.text, reply.tokens)
                yield self._whole(request, prompt, reply, step)
            elif not shown:
                yield None

    def _whole(self, request: ChatRequest, prompt: Sequence[int], reply: _Reply, last: Step) -> ChatReply:
        told = sampled = None
        if request.logprobs is not None:
            told = {"content": reply.told}
            chosen = [*reply.logprobs, last.end] if last.end is not None else reply.logprobs
            ids, values = tuple(one.token for one in chosen), tuple(one.logprob for one in chosen)
            sampled = (tuple(prompt), ids, values, frozenset(self.engine.tokenizer.ends))
        reading = reply.reading
        finish = "tool_calls" if reading.calls and last.finish == "stop" else last.finish or "stop"
        usage = last.usage or StepUsage(len(prompt))
        return ChatReply(reading.content, reading.calls, finish, usage, told, sampled, last.index)

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


class _Reply:
    """One of a request's replies on its way."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.text = ""
        self.tokens: list[int] = []
        self.logprobs: list[TokenLogprob] = []
        self.told: list[dict[str, Any]] = []  # the same in OpenAI's form
        self._shown = 0

    def take(self, step: Step) -> tuple[ChatDelta, ...]:
        if step.token is not None:
            self.tokens.append(step.token)
        if step.logprob is not None:
            self.logprobs.append(step.logprob)
        self.text += step.text
        return self.with_logprobs(self.reading.add(step.text)) if step.text else ()

    def with_logprobs(self, shown: tuple[ChatDelta, ...]) -> tuple[ChatDelta, ...]:
        """What is shown, with the log-probabilities of all tokens since what was shown before."""
        if not shown or self._shown == len(self.told):
            return shown
        new, self._shown = tuple(self.told[self._shown :]), len(self.told)
        return (replace(shown[0], logprobs=new), *shown[1:])


def _reading(request: ChatRequest) -> Reading:
    if _forced(request):
        return ForcedReply()
    if request.tools and request.tool_choice == "auto" and request.choices is None and request.schema is None:
        return ToolsReply(_names(request.tools))
    return TextReply()


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


def _logprob_dict(engine: Engine, told: TokenLogprob) -> dict[str, Any]:
    def entry(token: int, logprob: float) -> dict[str, Any]:
        raw = engine.tokenizer.token_bytes(token)
        return {"token": raw.decode("utf-8", "replace"), "logprob": logprob, "bytes": list(raw)}

    return {**entry(told.token, told.logprob), "top_logprobs": [entry(token, value) for token, value in told.top]}
