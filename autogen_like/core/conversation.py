"""The one loop: ask who speaks next, let that participant answer, append, emit, check the stop rule.

Two-agent chats, group chats, nested chats and state machines all run here; they differ in their `Rule`. The loop is
flat, so a conversation of 100,000 turns uses no more stack than one of two.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from .belongings import Belongings
from .errors import AgentNameConflict, ConfigError, ConversationError, PersonNeeded, ReplayDiffers
from .events import ConversationEnded, ConversationStarted, Event, MessageAdded, Notice, TurnStarted
from .guard import LoopGuard
from .journal import Closed, Opened, Recovered, Said
from .message import Message
from .open_calls import check_results, unanswered, with_results
from .protocols import Participant, Reply
from .run import Run
from .snapshot import Pause, restore, snapshot, state_of, take_up
from .step_log import warn
from .steps import ConversationStep, TurnStep, watched
from .termination import Checker, Progress, StopCondition, StopReason
from .transcript import Transcript, View, wire_messages

LONGEST_HOLD = 0.001  # seconds that conversations which wait for nothing may keep a loop to themselves
_RULE_ENDS = ("answered", "max_turns", "max_round", "no_speaker")


class _Thread(threading.local):
    holds_until = 0.0  # when the conversations of its loop are to give way, on `time.monotonic`'s clock


_thread = _Thread()


class Rule(Protocol):
    """Decides who speaks next."""

    async def next(self, conversation: Conversation) -> Participant | StopReason:
        """The participant whose turn it is, or the reason why nobody's is."""
        ...


class Turn:
    """What a participant is given when it is its turn.

    Attributes:
        conversation: The conversation.
        run: The run that it is part of.
        speaker: Who is to answer.
        sender: Whom it answers: the other agent, or the group's manager.
        index: The turn's number in the run, from 0.
        backend: Which backend is at work; for error messages.
        final: Whether this is the last turn, to be answered without tools.
        messages: The conversation as the speaker sees it, or what its hooks made of that.
    """

    __slots__ = ("_edited", "backend", "conversation", "final", "index", "run", "sender", "speaker")

    def __init__(
        self, conversation: Conversation, run: Run[Any], speaker: Participant, sender: Any, index: int = 0
    ) -> None:
        self.conversation = conversation
        self.run = run
        self.speaker = speaker
        self.sender = sender  # an Agent, or whatever a script passed as one
        self.index = index
        self.backend = ""
        self.final = False
        self._edited: list[dict[str, Any]] | None = None

    @property
    def transcript(self) -> Transcript:
        """Everything said so far."""
        return self.conversation.transcript

    @property
    def last(self) -> Message | None:
        """The message to answer."""
        messages = self.conversation.transcript.messages
        return messages[-1] if messages else None

    @property
    def view(self) -> View:
        """The conversation as the speaker sees it."""
        return self.conversation.transcript.view(self.speaker.name)

    @property
    def messages(self) -> list[Any]:  # of ChatMessage, or of the plain dicts that a hook returned
        return self.view if self._edited is None else self._edited

    @messages.setter
    def messages(self, edited: list[dict[str, Any]]) -> None:
        self._edited = edited

    @property
    def wire(self) -> Sequence[Mapping[str, Any]]:
        """`messages` as a chat endpoint takes them: each tool result a message of its own."""
        return self.view.wire if self._edited is None else wire_messages(self._edited)

    def emit(self, event: Event) -> None:
        """Tells listeners. Check ``turn.run.listening`` before making an event that happens often."""
        self.run.emit(event)

    def notice(self, text: str, kind: str = "info") -> None:
        """Tells listeners something that a person should know; a warning is logged, too."""
        if kind == "warning":
            warn(self.conversation.id, self.speaker.name, text)
        if self.run.listening:
            self.run.emit(Notice(self.conversation.id, self.speaker.name, text, kind))


class Conversation:
    """Participants, one transcript, and a rule for who speaks next. Can be run, and run on later.

    Args:
        participants: Who takes part; names must differ.
        rule: Who speaks next.
        counterpart: Whom each participant answers (see `Turn.sender`).
        transcript: What was said before.

    Attributes:
        auto_replies: How often each participant has answered in a row without a person.
        active: The run that it is in, while it runs.
        began: How many messages there were when that run began.
        silent: Whether it should not be printed.
        paused: Where it stands, while it waits for a person.
        belongings: State that others keep with it: which tools are registered, say.

    Raises:
        AgentNameConflict: If two participants have the same name.
    """

    def __init__(
        self,
        participants: Iterable[Participant],
        rule: Rule,
        counterpart: Callable[[Participant], Any],
        transcript: Transcript | None = None,
    ) -> None:
        self.participants: Sequence[Participant] = tuple(participants)
        names = [participant.name for participant in self.participants]
        if len(set(names)) < len(names):
            twice = {name for name in names if names.count(name) > 1}
            raise AgentNameConflict(f"participants need different names; used twice: {sorted(twice)}")
        self.rule = rule
        self.counterpart = counterpart
        self.transcript = transcript if transcript is not None else Transcript()
        self.auto_replies: dict[str, int] = {}
        self.active: Run[Any] | None = None
        self.began = 0
        self.silent = False
        self.paused: Pause | None = None
        self.belongings = Belongings()
        self._saved: Mapping[str, Any] = {}

    def snapshot(self) -> dict[str, Any]:
        """Everything needed to go on with it, as JSON: what was said, whose turn it is, whom it waits for."""
        return snapshot(self)

    def state(self, run: Run[Any]) -> dict[str, Any]:
        """What it needs to go on behind its last message, as JSON; what a journal is told with each record.

        A turn that is under way isn't in it: it is taken again from its beginning.

        Args:
            run: The run that it is part of.
        """
        return {**self._saved, "run": run.snapshot()}

    def recover(self, found: Recovered, run: Run[Any]) -> None:
        """Goes on where another process ended.

        Args:
            found: What the journal knows of it.
            run: The run that it will be part of; takes over what was used up, answered and called.

        Raises:
            ConfigError: If it is of another version, or has a participant that isn't here.
        """
        take_up(self, found.id, found.participants, found.messages, found.state)
        run.restore(found.state["run"])
        run.answers.update(found.answers)
        run.human_input.extend(found.human_input)
        run.recovered.update(found.calls)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes the state of a conversation with the same participants, as `snapshot` gave it.

        Raises:
            ConfigError: If the state is of another version, or names a participant that isn't here.
        """
        restore(self, state)

    @property
    def id(self) -> str:
        """The conversation's id, which is its transcript's."""
        return self.transcript.id

    def held_by(self, run: Run[Any]) -> AbstractContextManager[None]:
        """Marks the conversation as being in a run, for as long as the block lasts; blocks may be nested."""
        return _Held(self, run)

    async def add(self, message: Message, run: Run[Any], *, announce: bool = True) -> None:
        """Appends a message: written to the journal first, shown to listeners after.

        Calls that were made before and that this message doesn't answer get a result that says so, since no endpoint
        takes a transcript in which a call is parted from its result.

        Args:
            message: What was said.
            run: The run it was said in.
            announce: Whether listeners are told.

        Raises:
            TranscriptError: If it answers a call that nobody has made, or that was answered before.
        """
        calls = self.transcript.open_calls()
        if calls or message.tool_results:
            check_results(message, calls)
            missing = unanswered(calls, "Not run: the conversation went on without it.", message.tool_results)
            if missing and message.tool_results:
                message = with_results(message, message.tool_results + missing)
            elif missing:
                await self._append(Message(message.speaker, tool_results=missing), run, announce)
        await self._append(message, run, announce)

    async def close_calls(self, run: Run[Any], why: str) -> None:
        """Gives calls that were made and not run a result that says why not."""
        missing = unanswered(self.transcript.open_calls(), why)
        if missing:
            await self._append(Message(self.transcript.messages[-1].speaker, tool_results=missing), run, True)

    async def _append(self, message: Message, run: Run[Any], announce: bool) -> None:
        if run.journal is not None:
            self._saved = state_of(self)
            await run.journal.append(self.id, Said(message, self.state(run)))
        self.transcript.append(message)
        if announce and run.listening:
            run.emit(MessageAdded(self.id, message, self._recipient(message.speaker)))

    def _recipient(self, name: str) -> str:
        for participant in self.participants:
            if participant.name == name:
                return str(self.counterpart(participant).name)
        return ""

    async def converse(
        self,
        run: Run[Any],
        opening: Message | None = None,
        *,
        stop: StopCondition | None = None,
        announce: bool = True,
    ) -> StopReason:
        """Runs until somebody or something ends it.

        Args:
            run: The run that it is part of.
            opening: A message to add first; without one, a paused conversation goes on with the turn it paused in.
            stop: A condition to end it, beside what participants and the rule decide.
            announce: Whether listeners are told of the opening.

        Returns:
            Why it ended.

        Raises:
            ConversationError: If a participant or the rule raised.
        """
        with self.held_by(run):
            if not run.watchers:
                return await self._converse(run, opening, stop, announce)
            step = ConversationStep(run, self)
            with watched(step):
                step.reason = reason = await self._converse(run, opening, stop, announce)
            return reason

    async def _converse(
        self, run: Run[Any], opening: Message | None, stop: StopCondition | None, announce: bool
    ) -> StopReason:
        if run.listening:
            parent = run.parent.id if run.parent is not None else None
            names = tuple(participant.name for participant in self.participants)
            run.emit(ConversationStarted(self.id, names, parent, self.silent))
        if run.journal is not None:
            names = tuple(participant.name for participant in self.participants)
            past = tuple(self.transcript.messages)
            self._saved = state_of(self)
            await run.journal.append(self.id, Opened(run.key, names, self.state(run), past))
        deadline = stop.deadline() if stop is not None else None
        timer = run.stop_after(deadline) if deadline is not None else None
        try:
            reason = await self._loop(run, opening, stop, announce)
        except asyncio.CancelledError:
            absorbed = run.absorb_cancel()
            reason = absorbed or StopReason("cancelled", "its caller was cancelled")
            try:
                await self._cut_off(run, reason)
            finally:
                await self._ended(run, reason)
            if absorbed is None:
                raise
        except Exception as error:
            await self._ended(run, StopReason("error", str(error), getattr(error, "agent", "")))
            raise
        else:
            await self._ended(run, reason)
        finally:
            if timer is not None:
                timer.cancel()
        return reason

    async def _ended(self, run: Run[Any], reason: StopReason) -> None:
        try:
            if run.journal is not None:
                # Whose turn it is is known, or that it is nobody's: the rule isn't asked again.
                if self.paused is not None or reason.kind in _RULE_ENDS:
                    self._saved = state_of(self)
                await run.journal.append(self.id, Closed(reason, self.state(run)))
        finally:
            if run.listening:
                run.emit(ConversationEnded(self.id, reason))

    async def _loop(
        self, run: Run[Any], opening: Message | None, stop: StopCondition | None, announce: bool
    ) -> StopReason:
        progress = Progress(run)
        guard = LoopGuard(self, run)
        checks = [guard.check, stop.begin()] if stop is not None else [guard.check]
        added, index = opening, 0
        speaker: Participant | StopReason | None = None
        paused, self.paused = self.paused, None
        if paused is not None and opening is None:
            index = paused.index
            speaker = self._catch_up(progress, checks, paused.messages) or paused.speaker
        guard.announce = run.listening
        while True:
            if added is not None:
                await self.add(added, run, announce=announce or index > 0)
                progress.messages += 1
                progress.last = added
                reason = self._checked(checks, progress, index)
                if reason is not None:
                    return reason
            # Participants that wait for nothing would keep timers, cancellation and other conversations waiting, and
            # who reads the events would get them all at the end.
            if run.listening or time.monotonic() >= _thread.holds_until:
                _thread.holds_until = time.monotonic() + LONGEST_HOLD  # or all that are ready would give way too
                await asyncio.sleep(0)
                _thread.holds_until = time.monotonic() + LONGEST_HOLD
            reason = run.ending()
            if reason is not None:
                await self._cut_off(run, reason)
                return reason
            reason = run.over_budget()
            if reason is not None:
                return reason
            speaker = speaker or await self._next_speaker(run, index)
            if isinstance(speaker, StopReason):
                return speaker
            try:
                reply = await self.ask(speaker, run, index)
            except PersonNeeded as need:
                self.paused = Pause(need.requests, speaker, index, progress.messages)
                return StopReason("paused", str(need), speaker.name)
            if isinstance(reply, StopReason):
                return reply
            if reply is None:
                return StopReason("no_reply", f"{speaker.name} had nothing to say", speaker.name)
            run.record_turn()
            added, speaker = reply, None
            index += 1

    def _checked(self, checks: Iterable[Checker], progress: Progress, index: int) -> StopReason | None:
        try:
            for check in checks:
                reason = check(progress)
                if reason is not None:
                    return reason
        except Exception as error:
            raise self._error(error, "the stop condition", "", index) from error
        return None

    def _catch_up(self, progress: Progress, checks: Iterable[Checker], count: int) -> StopReason | None:
        """Shows the checks of a resumed run what was said in it before. Only the last of that can have ended it."""
        reasons: list[StopReason | None] = []
        for message in self.transcript.messages[len(self.transcript) - count :]:
            progress.messages += 1
            progress.last = message
            reasons = [check(progress) for check in checks]
        return next(filter(None, reasons), None)

    async def _next_speaker(self, run: Run[Any], index: int) -> Participant | StopReason:
        try:
            if run.journal is None:
                return await self.rule.next(self)
            with run.at(f"{len(self.transcript)}.rule"):
                return await self.rule.next(self)
        except (ConversationError, ReplayDiffers):
            raise
        except PersonNeeded as need:
            cure = ConfigError(f'{need}; choosing a speaker can\'t pause: pass human="events" or an async function')
            raise self._error(cure, "the rule for who speaks next", type(self.rule).__name__, index) from need
        except Exception as error:
            raise self._error(error, "the rule for who speaks next", type(self.rule).__name__, index) from error

    async def ask(self, speaker: Participant, run: Run[Any], index: int = 0, *, final: bool = False) -> Reply:
        """Lets one participant answer; appends nothing.

        Args:
            speaker: Whose turn it is.
            run: The run that it is part of.
            index: The turn's number.
            final: Whether it is the last turn, to be answered without tools.
        """
        turn = Turn(self, run, speaker, self.counterpart(speaker), index)
        turn.final = final
        if not run.watchers:
            return await self._taken(turn)
        step = TurnStep(run, turn)
        with watched(step):
            step.reply = reply = await self._taken(turn)
        return reply

    async def _taken(self, turn: Turn) -> Reply:
        speaker, run, index = turn.speaker, turn.run, turn.index
        if run.listening:
            run.emit(TurnStarted(self.id, speaker.name, index))
        try:
            if run.journal is None:
                return await speaker.reply(turn)
            with run.at(str(len(self.transcript))):
                return await speaker.reply(turn)
        except (PersonNeeded, ReplayDiffers):
            raise
        except Exception as error:
            raise self._error(error, speaker.name, turn.backend, index) from error

    def _error(self, error: Exception, agent: str, backend: str, index: int) -> ConversationError:
        where = f"{agent}, backend {backend or 'unknown'!r}, turn {index}"
        return ConversationError(
            f"{where}: {type(error).__name__}: {error}",
            agent=agent,
            backend=backend,
            turn=index,
            transcript=self.transcript,
        )

    async def _cut_off(self, run: Run[Any], reason: StopReason) -> None:
        """Closes the calls that were under way; the transcript stays valid even if the journal can't follow."""
        results = unanswered(self.transcript.open_calls(), f"Not finished: the run was stopped ({reason}).")
        if not results:
            return
        closing = Message(self.transcript.messages[-1].speaker, tool_results=results)
        try:
            await self._append(closing, run, True)
        finally:
            if self.transcript.last is not closing:
                self.transcript.append(closing)


class _Held:
    """A conversation in a run. A class, since a generator costs several times as much at each of many short runs."""

    __slots__ = ("_before", "_conversation", "_run")

    def __init__(self, conversation: Conversation, run: Run[Any]) -> None:
        self._conversation, self._run = conversation, run
        self._before: Run[Any] | None = None

    def __enter__(self) -> None:
        held = self._conversation
        self._before, held.active = held.active, self._run
        if self._before is None:
            held.began = len(held.transcript)

    def __exit__(self, *_: object) -> None:
        self._conversation.active = self._before
