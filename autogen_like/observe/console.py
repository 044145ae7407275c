"""Prints a run to a terminal, in AutoGen 0.2's form: each speaker named, and coloured where there are colours."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO
from zlib import crc32

from ..core.events import (
    CodeStarted,
    ConversationEnded,
    ConversationStarted,
    Event,
    EventsDropped,
    HumanRequested,
    MessageAdded,
    Notice,
    SpeakerSelected,
    TextDelta,
    ToolProgress,
    ToolStarted,
    TurnStarted,
)
from ..core.message import Message, ToolResult
from ..core.text import one_line, visible

RULE = "-" * 80
QUIET = 10.0  # seconds without a delta after which a stream no longer keeps others from printing

_PALETTE = ("33", "36", "35", "32", "34", "93", "96", "95", "92", "94")
_GREEN, _RED, _BLUE, _MAGENTA, _DIM = "32", "31", "34", "35", "2"


class ConsolePrinter:
    """A listener that prints a run.

    Several runs may share one: a message is never interleaved with another. Control characters in what models, tools
    and people wrote are shown as visible signs and don't reach the terminal.

    Args:
        file: Where to print; standard output by default, looked up each time.
        stream: Whether to print replies as they are generated. Subscribe it with ``deltas=True`` then.
        color: Whether to use colours; by default where `file` is a terminal and ``NO_COLOR`` isn't set.

    Example:
        >>> printer = ConsolePrinter(color=False)
        >>> printer(MessageAdded("c", Message("alice", "Hello!"), "bob"))
        alice (to bob):
        <BLANKLINE>
        Hello!
        <BLANKLINE>
        --------------------------------------------------------------------------------
    """

    def __init__(self, file: TextIO | None = None, *, stream: bool = False, color: bool | None = None) -> None:
        self._file = file
        self.stream = stream
        self._color = color
        self._lock = threading.RLock()
        self._colors: dict[str, str] = {}
        self._recipients: dict[str, dict[str, str]] = {}  # conversation -> speaker -> to whom
        self._groups: set[str] = set()  # conversations of more than two
        self._silent: set[str] = set()  # conversations that asked not to be printed
        self._live: _Stream | None = None
        self._waiting: list[Event] = []
        self._handlers: dict[type[Event], Callable[[Any], None]] = {
            MessageAdded: self._message,
            ConversationStarted: self._started,
            ConversationEnded: self._ended,
            SpeakerSelected: self._selected,
            ToolStarted: self._tool_started,
            ToolProgress: self._tool_progress,
            CodeStarted: self._code_started,
            Notice: self._notice,
            EventsDropped: self._dropped,
        }

    def __call__(self, event: Event) -> None:
        """Prints an event, or keeps it until the message that is being streamed is complete.

        Args:
            event: What happened.
        """
        with self._lock:
            if isinstance(event, ConversationStarted):
                (self._silent.add if event.silent else self._silent.discard)(event.conversation)
            if event.conversation in self._silent:
                return
            live = self._live
            if isinstance(event, TextDelta):
                if self.stream:
                    self._delta(event)
                return
            if live is None:
                self._show(event)
            elif live.conversation == event.conversation:
                self._meanwhile(live, event)
            elif time.monotonic() - live.last > QUIET:
                self._release()
                self._show(event)
            elif type(event) in self._handlers:
                self._waiting.append(event)

    def _show(self, event: Event) -> None:
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    # --- streams

    def _delta(self, event: TextDelta) -> None:
        if event.kind == "tool" or not event.text:
            return  # the whole call is printed once it is complete
        live = self._live
        if live is not None and (live.conversation, live.speaker) != (event.conversation, event.speaker):
            if live.conversation != event.conversation and time.monotonic() - live.last <= QUIET:
                return  # another one is speaking: this reply is printed whole, when it is complete
            self._release()
            live = None
        if live is None:
            live = self._live = _Stream(event.conversation, event.speaker)
            known = self._recipients.get(event.conversation, {})
            self._header(event.speaker, known.get(event.speaker) or known.get("", ""))
        live.last = time.monotonic()
        text = visible(event.text)
        if event.kind == "text":
            if live.reasoned and not live.text:
                self._write("\n\n")
            live.text += event.text
            self._write(text, flush=True)
        else:
            live.reasoned = True
            self._write(self._paint(text, _DIM), flush=True)

    def _meanwhile(self, live: _Stream, event: Event) -> None:
        """Something happens in the conversation whose reply is being streamed."""
        if isinstance(event, MessageAdded) and event.message.speaker == live.speaker:
            self._live = None
            message = event.message
            self._learn(event)
            if message.text.strip() == live.text.strip():
                self._write("\n" if live.text or live.reasoned else "")
            else:  # the model was asked again, or a hook changed what it said
                self._line("" if live.text or live.reasoned else None, visible(message.text))
            self._calls(message)
            self._line("", RULE)
            self._flush_waiting()
            return
        if isinstance(event, MessageAdded | TurnStarted | ConversationEnded | HumanRequested):
            self._release()  # the reply was given up: nothing more will come of it
        elif type(event) in self._handlers:
            self._write("\n")
        self._show(event)

    def _release(self) -> None:
        if self._live is not None:
            self._live = None
            self._line("", "", RULE)
            self._flush_waiting()

    def _flush_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._show(event)

    # --- messages

    def _message(self, event: MessageAdded) -> None:
        self._learn(event)
        message = event.message
        if message.tool_results and message.content is None:
            for result in message.tool_results:
                self._header(message.speaker, event.recipient)
                self._result(result)
                self._line("", RULE)
            return
        self._header(message.speaker, event.recipient)
        for result in message.tool_results:
            self._result(result)
        if message.content is not None:
            self._line(visible(message.text))
        self._calls(message)
        self._line("", RULE)

    def _header(self, speaker: str, recipient: str) -> None:
        name = self._paint(one_line(speaker), self._color_of(speaker))
        self._line(f"{name} (to {one_line(recipient)}):" if recipient else f"{name}:", "")

    def _calls(self, message: Message) -> None:
        for call in message.tool_calls:
            self._line(self._paint(f"calls {one_line(call.name)}", _GREEN), visible(call.arguments))

    def _result(self, result: ToolResult) -> None:
        verdict, color = ("failed", _RED) if result.error else ("answered", _GREEN)
        self._line(self._paint(f"{one_line(result.name) or 'the tool'} {verdict}", color), visible(result.content))

    # --- everything else

    def _started(self, event: ConversationStarted) -> None:
        first = not self._recipients
        new = event.conversation not in self._recipients
        known = self._recipients.setdefault(event.conversation, {})
        if len(event.participants) == 2:
            one, other = event.participants
            known.update({one: other, other: one})
        elif event.participants:
            self._groups.add(event.conversation)
        if new and (event.parent is not None or not first):
            names = ", ".join(one_line(name) for name in event.participants)
            self._line(self._paint(f"\n=== a chat of {names} ===\n", _BLUE))

    def _ended(self, event: ConversationEnded) -> None:
        if event.reason is not None:
            self._line(self._paint(f"\n(the chat ended: {visible(str(event.reason))})", _DIM))

    def _selected(self, event: SpeakerSelected) -> None:
        self._line(self._paint(f"(next: {one_line(event.speaker)})\n", _DIM))

    def _tool_started(self, event: ToolStarted) -> None:
        self._line(self._paint(f"(running {one_line(event.call.name)})", _MAGENTA))

    def _tool_progress(self, event: ToolProgress) -> None:
        self._line(self._paint(f"{one_line(event.call.name)}: {visible(str(event.progress))}", _DIM))

    def _code_started(self, event: CodeStarted) -> None:
        languages = ", ".join(one_line(language) or "unknown" for language in event.languages)
        blocks = "a code block" if len(event.languages) == 1 else f"{len(event.languages)} code blocks"
        self._line(self._paint(f"(running {blocks}: {languages})", _MAGENTA))

    def _notice(self, event: Notice) -> None:
        who = f"{one_line(event.agent)}: " if event.agent else ""
        self._line(self._paint(f"({who}{visible(event.text)})", _RED if event.kind == "warning" else _DIM))

    def _dropped(self, event: EventsDropped) -> None:
        self._line(self._paint(f"({event.count} pieces were not shown: printing was too slow)", _DIM))

    def _learn(self, event: MessageAdded) -> None:
        known = self._recipients.setdefault(event.conversation, {})
        known[event.message.speaker] = event.recipient
        if len(known) > 2 or event.conversation in self._groups:  # everybody speaks to the manager
            known.setdefault("", event.recipient)

    # --- output

    @property
    def _out(self) -> TextIO:
        return self._file if self._file is not None else sys.stdout

    def _line(self, *lines: str | None) -> None:
        self._write("".join(f"{line}\n" for line in lines if line is not None), flush=True)

    def _write(self, text: str, *, flush: bool = False) -> None:
        if text:
            out = self._out
            encoding = getattr(out, "encoding", None) or "utf-8"
            try:
                text.encode(encoding)
            except UnicodeEncodeError:  # an ASCII terminal: signs that it lacks are spelled out
                text = text.encode(encoding, "backslashreplace").decode(encoding)
            print(text, end="", file=out, flush=flush)

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if text and self._colorful() else text

    def _colorful(self) -> bool:
        if self._color is not None:
            return self._color
        return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and self._out.isatty()

    def _color_of(self, speaker: str) -> str:
        color = self._colors.get(speaker)
        if color is None:
            start = crc32(speaker.encode("utf-8", "replace"))
            wheel = [_PALETTE[(start + step) % len(_PALETTE)] for step in range(len(_PALETTE))]
            taken = set(self._colors.values())
            color = self._colors[speaker] = next((one for one in wheel if one not in taken), wheel[0])
        return color


class _Stream:
    """The reply that is being printed while it is generated."""

    __slots__ = ("conversation", "last", "reasoned", "speaker", "text")

    def __init__(self, conversation: str, speaker: str) -> None:
        self.conversation = conversation
        self.speaker = speaker
        self.text = ""
        self.reasoned = False
        self.last = time.monotonic()
