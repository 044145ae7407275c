"""What a rollout leaves for training: what was said and asked, as JSON Lines."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError
from ..core.message import ChatMessage, Message, ToolCall, ToolResult
from .merging import ModelCall, Sample, prefix_merging

if TYPE_CHECKING:
    from .rollout import Rollout

FORMAT, VERSION = "autogen_like trajectory", 1


@dataclass(slots=True)
class Trajectory:
    """What was said in a rollout, what models were asked, and what tools did; also of one that failed or took too long.

    Args:
        messages: What was said: the conversation's id, and the message.
        calls: The answered requests to models, in the order in which they were made.
        tools: The tool calls that ran: who called, the call and its result.
    """

    messages: list[tuple[str, Message]] = field(default_factory=list)
    calls: list[ModelCall] = field(default_factory=list)
    tools: list[tuple[str, ToolCall, ToolResult]] = field(default_factory=list)

    def samples(self, *, reward: float | None = None, end_ids: Iterable[int] = ()) -> list[Sample]:
        """What can be trained on, merged: see `prefix_merging`. Empty where the model gave no tokens."""
        return prefix_merging(self.calls, reward=reward, end_ids=end_ids)

    def to_json(self) -> dict[str, Any]:
        """The trajectory as JSON. Each message that models were shown is in it once, and is named by its place."""
        shown: list[Any] = []
        places: dict[Any, int] = {}

        def place(message: Mapping[str, Any]) -> int:
            # Calls share the messages of a transcript, which are known by identity; what is made anew, by its content.
            key = id(message) if isinstance(message, ChatMessage) else json.dumps(message, sort_keys=True, default=repr)
            at = places.get(key)
            if at is None:
                at = places[key] = len(shown)
                shown.append(dict(message))
            return at

        calls = [
            {
                "conversation": call.conversation,
                "agent": call.agent,
                "model": call.model,
                "messages": [place(message) for message in call.messages],
                "tools": [place(tool) for tool in call.tools],
                "reply": dict(call.reply),
                "finish_reason": call.finish_reason,
            }
            for call in self.calls
        ]
        said = [
            {"conversation": conversation, "speaker": message.speaker, **_without_role(message)}
            for conversation, message in self.messages
        ]
        tools = [
            {"agent": agent, "name": call.name, "arguments": call.arguments, "result": result.content,
             "error": result.error}
            for agent, call, result in self.tools
        ]  # fmt: skip
        return {"messages": said, "tools": tools, "shown": shown, "calls": calls}


def _without_role(message: Message) -> dict[str, Any]:
    """A message as nobody in particular sees it."""
    return {key: value for key, value in message.render(None).items() if key not in ("role", "name")}


def line_of(rollout: Rollout) -> str:
    """A rollout as a line of JSON: task, reward, error, usage, its trajectory and its samples."""
    trajectory = rollout.trajectory or Trajectory()
    total = rollout.usage.total
    line = {
        "format": FORMAT,
        "version": VERSION,
        "index": rollout.index,
        "task": rollout.task,
        "reward": rollout.reward,
        "error": None if rollout.error is None else f"{type(rollout.error).__name__}: {rollout.error}",
        "attempts": rollout.attempts,
        "seconds": round(rollout.seconds, 6),
        "usage": {
            "requests": total.requests,
            "prompt_tokens": total.prompt_tokens,
            "completion_tokens": total.completion_tokens,
            "cost": total.cost,
        },
        **trajectory.to_json(),
        "samples": [asdict(sample) for sample in trajectory.samples(reward=rollout.reward)],
    }
    return json.dumps(line, ensure_ascii=False, default=repr) + "\n"


def append_line(path: Path, rollout: Rollout) -> None:
    """Adds a rollout to a file, which only its owner may read. A line is written at once, or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        rest = line_of(rollout).encode("utf-8", "replace")
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    finally:
        os.close(descriptor)


def read_trajectories(path: str | Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of trajectories, one dict each.

    Args:
        path: The file that `Rollouts` wrote.

    Raises:
        ConfigError: If a line is no trajectory, or of another version; names the line.
    """
    with Path(path).open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
                known = (line["format"], line["version"]) == (FORMAT, VERSION)
            except (ValueError, TypeError, KeyError):
                known = False
            if not known:
                raise ConfigError(f"{path}, line {number}: not a trajectory of version {VERSION}")
            yield line


def read_samples(path: str | Path) -> Iterator[Sample]:
    """The samples in a file of trajectories: sequences of tokens, with what of them was sampled, and the reward.

    Args:
        path: The file that `Rollouts` wrote.

    Raises:
        ConfigError: If a line is no trajectory, or a sample in it isn't whole.
    """
    for line in read_trajectories(path):
        for raw in line["samples"]:
            known: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in raw.items()}
            try:
                yield Sample(**known)
            except TypeError as error:
                raise ConfigError(f"{path}, task {line['index']}: no sample: {error}") from None
