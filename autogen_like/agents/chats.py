"""Starting chats: `initiate_chat`, its async form, and `run`, which is the same as a stream of events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..core.conversation import Conversation
from ..core.errors import AsyncInSyncChat, ConfigError
from ..core.events import HumanRequested
from ..core.journal import JournalStore, ReplayJournal
from ..core.limits import Limits, is_count
from ..core.message import Message, message_from_dict, new_id
from ..core.protocols import fits
from ..core.run import Ask, Run
from ..core.sync import in_place
from ..core.sync import run as run_sync
from ..core.termination import StopCondition, StopReason
from ..core.transcript import Transcript
from ..models.cache_stores import AbstractCache
from ..models.layer import check_client
from ..observe.console import ConsolePrinter
from .agent import as_participant, call
from .backends.function import FunctionBackend
from .backends.model import active_cache
from .carryover import with_carryover
from .chat_result import ChatResult, cost_of
from .durable import check_kept, finished, recovered, run_of
from .history import HistoryMixin
from .pair import Asker, Pair, Solo
from .paused import Main, PausedChat
from .summaries import check_method, summarize

# What a person or a programming error ended is not asked for a last word.
_NO_LAST_WORD = (
    "answered", "termination_message", "human_exit", "paused", "cancelled", "timeout", "error", "no_reply"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """How a chat is held; the arguments of `ConversableAgent.initiate_chat` and `ConversableAgent.run`."""

    message: Any = None
    clear_history: bool = True
    silent: bool | None = False
    cache: AbstractCache | None = None
    max_turns: int | None = None
    summary_method: str | Callable[..., Any] | None = "last_msg"
    summary_args: Mapping[str, Any] | None = None
    stop: StopCondition | None = None
    limits: Limits | None = None
    human: Ask | str | None = None
    deps: object = None
    final_answer: bool = False
    store: JournalStore | str | None = None
    resume: str | None = None
    uncertain: str = "ask"
    context: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_method(self.summary_method)
        check_kept(self.store, self.resume, self.uncertain)
        if self.human == "pause" and self.message is None and self.resume is None:
            raise ConfigError('a chat with human="pause" can only pause once it has begun: give it a message')
        if self.max_turns is not None and not is_count(self.max_turns):
            raise ConfigError(f"max_turns must be at least 1, or None for no limit; it is {self.max_turns!r}")
        if not (self.message is None or isinstance(self.message, str | Mapping | Message) or callable(self.message)):
            raise ConfigError(f"message must be a string, a message dict, a function or None, not {self.message!r}")
        with_carryover("", self.context)


class ChatsMixin(HistoryMixin):
    """Chats with one other agent, or with a group through its manager."""

    silent: bool | None
    DEFAULT_SUMMARY_METHOD = "last_msg"

    def conversation_for(self, initiator: Any, clear_history: bool, max_turns: int | None) -> Conversation:
        """The conversation that a chat addressed to this agent is held in. A group's manager opens the group's.

        Args:
            initiator: Who begins it.
            clear_history: Whether what the two said before is left behind.
            max_turns: How often this agent may answer.
        """
        transcript = Transcript() if clear_history else self._past_with(initiator)
        pair = Pair(as_participant(initiator), as_participant(self), max_turns)
        others = {id(pair.initiator): self, id(pair.recipient): initiator}
        return Conversation((pair.initiator, pair.recipient), pair, lambda one: others[id(one)], transcript)

    def _past_with(self, initiator: Any) -> Transcript:
        past = self._conversation_with(initiator)
        # Two chats at once on one history would interleave: the second goes on from a copy of its own.
        return past.transcript if past.active is None else past.transcript.fork(past.began)

    async def _opening(self, run: Run[Any], chat: Conversation, recipient: Any, options: ChatOptions) -> Message:
        message = options.message
        context = dict(options.context)
        if callable(message):
            message = await call(message, self, recipient, context)
        elif message is None:
            request = HumanRequested(chat.id, new_id(), self.name, ">")
            message = with_carryover(await run.ask(request, self._ask_terminal), context)
        elif isinstance(message, Message):
            message = with_carryover(message, context)
        else:
            message = await self.a_generate_init_message(message, **context)
        said = message if isinstance(message, Message) else message_from_dict(message, self.name)
        return await self._edit_sent(said, recipient, bool(options.silent))

    async def _ask_terminal(self, request: HumanRequested) -> str:
        return await self.a_get_human_input(request.prompt)

    async def a_get_human_input(self, prompt: str) -> str:
        """Asks the person at the terminal."""
        raise NotImplementedError  # ConversableAgent's

    def generate_init_message(self, message: Any, **context: Any) -> Any:
        """The first message of a chat; override it to make your own.

        Args:
            message: A string, a chat dict, or None to ask the person at the terminal.
            **context: The chat's further arguments; ``carryover`` is added at the end of the message.
        """
        return run_sync(self._init_message(message, context))

    async def a_generate_init_message(self, message: Any, **context: Any) -> Any:
        """The first message of a chat; see `generate_init_message`."""
        if type(self).generate_init_message is not ChatsMixin.generate_init_message:
            return await in_place(self.generate_init_message, message, **context)
        return await self._init_message(message, context)

    async def _init_message(self, message: Any, context: Mapping[str, Any]) -> Any:
        if message is None:
            message = await self.a_get_human_input(">")
        return self._carrying(message, context)

    def _carrying(self, message: Any, context: Mapping[str, Any]) -> Any:
        """A first message with what it carries over from other chats."""
        return with_carryover(message, context)

    def chat(self, recipient: Any, options: ChatOptions) -> Run[ChatResult]:
        """A chat with `recipient`, ready to be started; `initiate_chat` and `run` are made of it."""

        async def main(run: Run[ChatResult]) -> ChatResult:
            opens = getattr(recipient, "conversation_for", None)
            if opens is not None:
                conversation: Conversation = opens(self, options.clear_history, options.max_turns)
            else:
                conversation = _with_foreign(self, recipient, options)
            self._remember(recipient, conversation)
            answers = options.max_turns is None  # by itself, to what is sent after the chat
            self.reply_at_receive[recipient] = answers
            if isinstance(recipient, ChatsMixin):
                recipient.reply_at_receive[self] = answers
            conversation.silent = bool(options.silent or self.silent)
            _check_models(run, (*conversation.participants, recipient))
            with conversation.held_by(run):
                begun = await recovered(run, conversation)
                if begun is not None:
                    return await self._held(run, conversation, None, recipient, options, finished(begun))
                with run.at("opening"):
                    opening = await self._opening(run, conversation, recipient, options)
                return await self._held(run, conversation, opening, recipient, options)

        return self._run_of(main, options, _name_of(recipient))

    def _run_of(self, main: Callable[[Run[ChatResult]], Any], options: ChatOptions, name: str) -> Run[ChatResult]:
        async def cached(run: Run[ChatResult]) -> ChatResult:
            if options.cache is None:
                return await main(run)  # type: ignore[no-any-return]
            token = active_cache.set(options.cache)
            try:
                return await main(run)  # type: ignore[no-any-return]
            finally:
                active_cache.reset(token)

        return run_of(cached, options, name)

    async def _held(
        self,
        run: Run[ChatResult],
        chat: Conversation,
        opening: Message | None,
        recipient: Any,
        options: ChatOptions,
        ended: StopReason | None = None,
    ) -> ChatResult:
        """Has the conversation, unless it has `ended` already, and makes its result."""
        reason = ended or await chat.converse(run, opening, stop=options.stop)
        summary: Any = ""
        paused = self._paused(run, chat, recipient, options) if reason.kind == "paused" else None
        try:
            if options.final_answer and ended is None and reason.kind not in _NO_LAST_WORD:
                await _last_word(chat, run)
            method = options.summary_method
            if method == "reflection_with_llm" and (run.stopped is not None or paused is not None):
                method = "last_msg"  # what was stopped asks no model any more
            with run.at("summary"):
                summary = await summarize(method, self, recipient, chat, run, options.summary_args)
        except asyncio.CancelledError:
            absorbed = run.absorb_cancel()
            if absorbed is None:
                raise
            reason = absorbed
        return ChatResult(
            chat_history=list(chat.transcript.view(self.name)),
            summary=summary,
            cost=cost_of(run.usage),
            human_input=list(run.human_input),
            stop_reason=reason,
            messages=tuple(chat.transcript),
            usage_by_agent=run.usage_by_agent,
            paused=paused,
            run_id=run.id,
        )

    def _paused(self, run: Run[ChatResult], chat: Conversation, recipient: Any, options: ChatOptions) -> PausedChat:
        def run_of(main: Main, resume: str | None) -> Run[ChatResult]:
            return self._run_of(main, replace(options, resume=resume), _name_of(recipient))

        def held(again: Run[ChatResult]) -> Coroutine[Any, Any, ChatResult]:
            return self._held(again, chat, None, recipient, options)

        return PausedChat(chat, run, held, run_of, lambda again: self._print(again, recipient, options.silent))

    def _print(self, run: Run[Any], recipient: Any, silent: bool | None) -> None:
        """Has a run printed, unless it is to be silent; what is nested is printed with the run around it, or not."""
        if silent or self.silent or run.parent is not None:
            return
        members = getattr(getattr(recipient, "groupchat", None), "agents", ())
        stream = any(_streams(one) for one in (self, recipient, *members))
        run.subscribe(ConsolePrinter(stream=stream), deltas=stream)

    def run(
        self,
        recipient: Any = None,
        message: Any = None,
        *,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: AbstractCache | None = None,
        max_turns: int | None = None,
        summary_method: str | Callable[..., Any] | None = "last_msg",
        summary_args: Mapping[str, Any] | None = None,
        stop: StopCondition | None = None,
        limits: Limits | None = None,
        human: Ask | str | None = None,
        deps: object = None,
        final_answer: bool = False,
        store: JournalStore | str | None = None,
        resume: str | None = None,
        uncertain: str = "ask",
        **context: Any,
    ) -> Run[ChatResult]:
        """A chat as a stream of events: iterate over it, or await it for its `ChatResult`.

        Args:
            recipient: Whom to talk to. Without one, the agent itself is asked, and runs its own tools.
            message: What to say first: a string, a chat dict, a function of (sender, recipient, context), or None to
                ask the person at the terminal.
            clear_history: Whether what the two said before is left behind.
            silent: Whether no `ConsolePrinter` prints it, not even one that listens; it has none of its own.
            cache: A cache of model replies, for this chat and all that is nested in it.
            max_turns: How often the recipient may answer.
            summary_method: "last_msg", "reflection_with_llm", a function, or None.
            summary_args: Arguments for it.
            stop: A condition that ends the chat: ``MaxMessages(20) | Timeout(60)``.
            limits: Budgets for the chat and all that is nested in it.
            human: Who answers for people: None for the terminal, "events" to wait for ``run.answer``, "pause" to end
                with a `ChatResult.paused` that can be resumed, or an async function of the `HumanRequested` event.
            deps: Anything that tools should be able to reach.
            final_answer: Whether, on a limit, one last turn "answer now, without tools" is asked for.
            store: Where it is kept, so that it survives the process: a `Store`, or a database's URL.
            resume: The id of a kept run to go on with, with the same agents; its message isn't said again.
            uncertain: What becomes of tool calls that may have run when the process ended, where the tool can't simply
                be run again: "ask" a person, or "tell" the model that nobody knows.
            **context: Further values for a message function; ``carryover`` is added to the message.

        Returns:
            The run; it starts when it is awaited or iterated over, and ``cancel()`` stops it.

        Raises:
            ConfigError: If an argument can't be right.

        Example:
            >>> from autogen_like import AssistantAgent, ScriptedModel
            >>> agent = AssistantAgent("ada", llm_config=ScriptedModel(["Four."]))
            >>> async def main() -> str:
            ...     result = await agent.run(message="2 + 2?")
            ...     return result.summary
            >>> import asyncio; asyncio.run(main())
            'Four.'
        """
        options = ChatOptions(
            message, clear_history, silent, cache, max_turns, summary_method, summary_args, stop, limits, human, deps,
            final_answer, store, resume, uncertain, context,
        )  # fmt: skip
        return self.chat(recipient, options) if recipient is not None else self._asked(options)

    def _asked(self, options: ChatOptions) -> Run[ChatResult]:
        """The agent alone, asked by the program."""
        asker = self._asker

        async def main(run: Run[ChatResult]) -> ChatResult:
            chat = self._conversation_asked(asker, options.clear_history)
            self._conversations[asker] = chat
            chat.silent = bool(options.silent or self.silent)
            _check_models(run, chat.participants)
            with chat.held_by(run):
                begun = await recovered(run, chat)
                if begun is not None:
                    return await self._held(run, chat, None, self, options, finished(begun))
                message = options.message
                if callable(message):
                    with run.at("opening"):
                        message = await call(message, asker, self, dict(options.context))
                elif message is None:
                    request = HumanRequested(chat.id, new_id(), asker.name, ">")
                    message = await run.ask(request, self._ask_terminal)
                message = with_carryover(message, options.context)
                if not isinstance(message, Message):
                    message = message_from_dict(message, asker.name)
                return await self._held(run, chat, message, self, options)

        return self._run_of(main, options, self.name)

    def _conversation_asked(self, asker: Asker, clear_history: bool) -> Conversation:
        """The conversation in which the agent alone is asked. A group's manager opens the group's."""
        agent = as_participant(self)
        transcript = Transcript() if clear_history else self._past_with(asker)
        others = {id(asker): self, id(agent): asker}
        return Conversation((asker, agent), Solo(agent), lambda one: others[id(one)], transcript)

    async def a_initiate_chat(
        self,
        recipient: Any,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: AbstractCache | None = None,
        max_turns: int | None = None,
        summary_method: str | Callable[..., Any] | None = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, Any] | None = None,
        message: Any = None,
        **context: Any,
    ) -> ChatResult:
        """Has a chat with another agent, or with a group through its manager; see `run` for the arguments.

        Returns:
            What was said, its summary and cost, and why it ended.

        Raises:
            ConversationError: If a participant raised; names it and holds the transcript.
        """
        run = self.run(
            recipient,
            message,
            clear_history=clear_history,
            silent=silent,
            cache=cache,
            max_turns=max_turns,
            summary_method=summary_method,
            summary_args=summary_args,
            **context,
        )
        self._print(run, recipient, silent)
        return await run

    def initiate_chat(
        self,
        recipient: Any,
        clear_history: bool = True,
        silent: bool | None = False,
        cache: AbstractCache | None = None,
        max_turns: int | None = None,
        summary_method: str | Callable[..., Any] | None = DEFAULT_SUMMARY_METHOD,
        summary_args: Mapping[str, Any] | None = None,
        message: Any = None,
        **context: Any,
    ) -> ChatResult:
        """Has a chat with another agent, or with a group through its manager; see `run` for the arguments.

        Returns:
            What was said, its summary and cost, and why it ended.

        Raises:
            AsyncInSyncChat: If an async reply function is registered with one of the two and not to be ignored.
            ConversationError: If a participant raised; names it and holds the transcript.
        """
        refuse_async(self, recipient)
        return run_sync(
            self.a_initiate_chat(
                recipient, clear_history, silent, cache, max_turns, summary_method, summary_args, message, **context
            )
        )

    @property
    def _asker(self) -> Asker:
        """Whoever asks it without being an agent: the same one each time, under a name that nobody else has."""
        taken = self._names_taken()
        if self._known_asker is None or self._known_asker.name in taken:
            self._known_asker = Asker(*taken)
        return self._known_asker

    _known_asker: Asker | None = None

    def _names_taken(self) -> Sequence[str]:
        return (self.name,)


def _with_foreign(sender: Any, recipient: Any, options: ChatOptions) -> Conversation:
    """A chat with an object that has only AutoGen 0.2's methods."""
    pair = Pair(as_participant(sender), as_participant(recipient), options.max_turns)
    others = {id(pair.initiator): recipient, id(pair.recipient): sender}
    transcript = Transcript() if options.clear_history else sender._past_with(recipient)  # noqa: SLF001 - one of ours
    return Conversation((pair.initiator, pair.recipient), pair, lambda one: others[id(one)], transcript)


def _name_of(recipient: object) -> str:
    return str(getattr(recipient, "name", ""))


def _check_models(run: Run[Any], participants: Iterable[object]) -> None:
    if run.journal is None or not fits(run.journal, ReplayJournal):  # there no model is asked
        check_models(participants)


def check_models(participants: Iterable[object]) -> None:
    """Checks that the models of all who take part could be asked, before any of them is.

    Raises:
        ConfigError: If one couldn't; says why, and how to mend it.
    """
    for participant in participants:
        client = getattr(participant, "model_client", None)
        if client is not None:
            check_client(client)


def _streams(participant: object) -> bool:
    """Whether an agent's configuration asks for its replies to be printed as they come."""
    config = getattr(participant, "llm_config", None)
    return isinstance(config, Mapping) and bool(config.get("stream"))


async def _last_word(chat: Conversation, run: Run[Any]) -> None:
    """Lets the last speaker that has a model answer once more, without tools."""
    talkers = [one for one in chat.participants if getattr(one, "model_client", None) is not None]
    if not talkers:
        return
    names = [message.speaker for message in reversed(chat.transcript.messages[-10:])]
    talkers.sort(key=lambda one: names.index(one.name) if one.name in names else len(names))
    await chat.close_calls(run, "Not run: a limit was reached.")
    reply = await chat.ask(talkers[0], run, final=True)
    if isinstance(reply, Message):
        await chat.add(reply, run)


def refuse_async(*agents: Any) -> None:
    """Checks that a synchronous chat would call no async reply function.

    Raises:
        AsyncInSyncChat: If it would; names the function and the cure.
    """
    for agent in agents:
        for backend in getattr(agent, "backends", ()):
            if isinstance(backend, FunctionBackend) and backend.is_async and not backend.ignore_async_in_sync_chat:
                raise AsyncInSyncChat(
                    f"{agent.name} has the async reply function {backend.name!r}: use a_initiate_chat, or register it "
                    f"with ignore_async_in_sync_chat=True"
                )


__all__ = ["ChatOptions", "ChatsMixin", "StopReason", "refuse_async"]
