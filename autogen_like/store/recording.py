"""Recordings in files: runs written down as JSON Lines, to be replayed as tests."""

from __future__ import annotations

import time
from pathlib import Path

from ..core.errors import ConfigError, ReplayDiffers
from ..core.journal import Opened, Record, Recovered, Said
from ..core.message import Message
from .codec import encoded, encoded_message
from .jsonl import header_line, read_runs, record_line
from .replay import Recording, Replay


class Recorder:
    """A store that writes runs down, to be saved in a file.

    Attributes:
        runs: The runs so far, each as lines.

    Example:
        >>> import asyncio, tempfile
        >>> from autogen_like import AssistantAgent, ScriptedModel
        >>> async def main(path: str) -> str:
        ...     recorder = Recorder()
        ...     ada = AssistantAgent("ada", llm_config=ScriptedModel(["Four."]))
        ...     await ada.run(message="2 + 2?", store=recorder)
        ...     recorder.save(path)
        ...     mute = AssistantAgent("ada", llm_config=ScriptedModel([]))
        ...     return (await mute.run(message="2 + 2?", store=Tape(path))).summary
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     asyncio.run(main(f"{folder}/sum.jsonl"))
        'Four.'
    """

    def __init__(self) -> None:
        self.runs: list[list[str]] = []

    async def begin(self, run_id: str) -> _Recorded:
        """Writes a new run down."""
        lines = [header_line(run_id, "", {}, time.time())]
        self.runs.append(lines)
        return _Recorded(lines)

    async def resume(self, run_id: str) -> _Recorded:
        """Refused: a recording has a beginning.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("a recording begins with the run: keep the run in a Store to go on with it")

    def save(self, path: str | Path) -> None:
        """Writes the runs into a file, one record a line; the file is whole or isn't there.

        Args:
            path: Where; folders are made.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f"{target.name}.new")
        half.write_text("".join(f"{line}\n" for lines in self.runs for line in lines), encoding="utf-8")
        half.replace(target)


class _Recorded:
    """The journal of a run that is written down."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._known: set[str] = set()

    async def append(self, conversation: str, record: Record) -> None:
        if isinstance(record, Opened):
            for message in record.past:
                self._said(conversation, message)
        if isinstance(record, Said):
            self._known.add(record.message.id)
        written = encoded(record)
        self._lines.append(record_line(conversation, time.time(), written.kind, written.content, written.state))

    def _said(self, conversation: str, message: Message) -> None:
        if message.id not in self._known:
            self._known.add(message.id)
            written = encoded_message(message, None)
            self._lines.append(record_line(conversation, time.time(), written.kind, written.content, None))

    async def recover(self, key: str) -> Recovered | None:
        return None

    async def release(self, reason: object = None) -> None:
        pass


class Tape:
    """A file of recorded runs as a store: each run that is started replays the next of them.

    Args:
        path: A file that `Recorder.save` wrote, or ``autogen-like runs export``.
        run_tools: Whether tools are run again, and what they return compared.

    Raises:
        ConfigError: If the file isn't there or a line of it is damaged; names it.
    """

    def __init__(self, path: str | Path, *, run_tools: bool = False) -> None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the recording {path} can't be read: {error}") from error
        try:
            runs = read_runs(text.splitlines())
        except ConfigError as error:
            raise ConfigError(f"the recording {path}: {error}") from error
        self._waiting = [Recording([(line.conversation, line.record) for line in lines]) for _, lines in runs]
        for recording in self._waiting:
            recording.run_tools = run_tools
        self._count = len(self._waiting)

    async def begin(self, run_id: str) -> Replay:
        """The replay of the next run.

        Raises:
            ReplayDiffers: If there was no further one.
        """
        if not self._waiting:
            raise ReplayDiffers(f"run {self._count + 1}", f"then there were only {self._count} runs")
        return await self._waiting.pop(0).begin(run_id)

    async def resume(self, run_id: str) -> Replay:
        """The same: a replay always goes from the beginning."""
        return await self.begin(run_id)

    def finish(self) -> None:
        """Checks that every run was replayed.

        Raises:
            ReplayDiffers: If there were more.
        """
        if self._waiting:
            done = self._count - len(self._waiting)
            raise ReplayDiffers(f"run {done + 1}", f"then there were {self._count} runs, now {done}")
