"""What ``shared_first`` does to a model's answers: the conversation before an agent's own instructions, or behind them.

    pip download bfcl-eval --no-deps -d data
    AUTOGEN_LIKE_DATA=data python benchmarks/serving/layouts.py data/bfcl_eval-*.whl [--model smollm2-135m] [--cases 40]

Each case is asked in both layouts of the same model, in the middle of a recorded group chat:

- likely: the mean log-probability of a token of what the agent really said next (its first 32 tokens), which is what
  the prompt is worth to the model; and the perplexity that it comes to.
- alone: the share of answers to the same chats in which the agent speaks for itself, and not for another member, too.
- own words: the share of these that don't repeat six words in a row of what the agent was told to be.
- tool, call: the share of right tools and of right calls. A person asks one of the Berkeley Function Calling
  Leaderboard's questions ("multiple", Apache-2.0, read from its wheel) in the chat, and an agent with five tools must
  call one.
- word: the share of agents that say their own word when they are asked for it, and not the one that another member said
  just before. It stands in the agent's system message; chance gives 50.

Shares have 95% Wilson intervals, differences a 95% bootstrap interval over the cases, which are the same in both.

`$AUTOGEN_LIKE_DATA/who_and_when/algorithm_generated.jsonl` holds group chats of up to four agents with their system
messages (Who&When, MIT: https://github.com/ag2ai/Agents_Failure_Attribution, a JSON file for each; one line each here).
Messages are cut to 400 characters, system messages to 800. The words of the layout were chosen on the first half of the
chats (``--half first``); what is measured is the second. It takes about six minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import statistics
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).parents[1] / "ecoact"))

from calls import Case, Described, interval, load

from autogen_like.serving import ChatModel, library
from autogen_like.serving.chat_model import ChatReply, ChatRequest
from autogen_like.serving.engine import EngineConfig, GenerateRequest

LAYOUTS = {"instructions first": False, "shared first": True}
CUT, SPOKEN, TOGETHER, TOOLS = 400, 32, 4, 5
WORDS = ("apple", "river")
ROLE = "You are {}."


@dataclass(frozen=True)
class Chat:
    """A recorded group chat: its members' system messages, and what was said."""

    members: Mapping[str, str]
    messages: Sequence[Mapping[str, str]]

    def seen_by(self, speaker: str, until: int) -> list[dict[str, str]]:
        """The first messages as a member sees them."""
        return [
            {**message, "role": "assistant" if message["name"] == speaker else "user"}
            for message in self.messages[:until]
        ]


def chats(path: Path) -> list[Chat]:
    """The chats in which a member with a system message says something after the third message."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)
        said = [{"name": one["name"], "content": one["content"][:CUT]} for one in raw["history"]]
        chat = Chat({name: text[: 2 * CUT] for name, text in raw["system_prompt"].items()}, said)
        if turns_of(chat):
            found.append(chat)
    return found


def turns_of(chat: Chat) -> list[int]:
    """Places of messages that a model could have said, knowing what was said before."""
    return [
        place
        for place, message in enumerate(chat.messages)
        if place > 2 and message["name"] in chat.members and len(message["content"]) > 100
    ]


# --- what was really said


class Told:
    """Binds a reply to given tokens, so that each is told with its log-probability: teacher forcing.

    Args:
        tokens: These.
        vocabulary: How many tokens there are.
    """

    def __init__(self, tokens: Sequence[int], vocabulary: int) -> None:
        self._left = deque(tokens)
        self._words = (vocabulary + 31) // 32

    def bits(self) -> torch.Tensor:
        word, bit = divmod(self._left[0], 32)
        allowed = torch.zeros(self._words, dtype=torch.int32)
        allowed[word] = (1 << bit) - (1 << 32 if bit == 31 else 0)
        return allowed

    def accept(self, token: int) -> bool:
        assert token == self._left.popleft()
        return bool(self._left)


def likely(model: ChatModel, request: ChatRequest, text: str) -> Iterator[float | None]:
    """The mean log-probability of a token of what was said next; None meanwhile."""
    tokens = model.engine.tokenizer.encode(text)[:SPOKEN]
    told = partial(Told, tokens, model.engine.model.config.vocabulary)
    values = []
    for step in model.engine.generate(GenerateRequest(model.prompt(request), constraint=told, logprobs=0)):
        if step.logprob is not None:
            values.append(step.logprob.logprob)
        yield None
    yield statistics.fmean(values)


def said_cases(recorded: Sequence[Chat], count: int) -> Iterator[tuple[ChatRequest, str]]:
    """What a member said, and what it is asked: one turn of each chat, then another one."""
    for number in range(count):
        chat = recorded[number % len(recorded)]
        places = random.Random(number % len(recorded)).sample(turns_of(chat), len(turns_of(chat)))
        place = places[number // len(recorded) % len(places)]
        speaker, text = chat.messages[place]["name"], chat.messages[place]["content"]
        yield ChatRequest(chat.seen_by(speaker, place), system=chat.members[speaker], speaker=speaker), text


# --- what it answers


def answered(model: ChatModel, request: ChatRequest) -> Iterator[ChatReply | None]:
    """The whole reply; None meanwhile."""
    for item in model.chat(request):
        yield item if isinstance(item, ChatReply) else None


def call_cases(recorded: Sequence[Chat], cases: Sequence[Case], pool: Sequence[Any]) -> Iterator[ChatRequest]:
    """A question to an agent with tools, which joined a chat."""
    for number, case in enumerate(cases):
        functions = {one["name"]: one for one in case.functions}
        for one in random.Random(number).sample(pool, len(pool)):
            if len(functions) >= TOOLS:
                break
            functions.setdefault(one["name"], one)
        tools = [Described(one).schema for one in functions.values()]
        random.Random(number).shuffle(tools)
        talk = recorded[number % len(recorded)].seen_by("Clerk", 4)
        yield ChatRequest(
            [*talk, {"role": "user", "name": "Manager", "content": f"Clerk, {case.question}"}],
            system="You are the Clerk. You answer the Manager's questions with your tools.",
            speaker="Clerk", tools=tools, tool_choice="required", max_tokens=120,
        )  # fmt: skip


def word_cases(recorded: Sequence[Chat], count: int) -> Iterator[tuple[ChatRequest, str]]:
    """A question to an agent that has a word of its own; and the word."""
    for number in range(count):
        chat = recorded[number % len(recorded)]
        word, another = WORDS[number % 2], WORDS[1 - number % 2]
        talk = [
            *chat.seen_by("Helper", 4),
            {"role": "user", "name": "Guard", "content": f"I am the Guard. My word is {another}."},
            {"role": "user", "name": "Manager", "content": "Helper, what is your word?"},
        ]
        system = f"You are the Helper. Your word is {word}. When you are asked for your word, answer with it."
        yield ChatRequest(talk, system=system, speaker="Helper", choices=WORDS), word


def speaks_alone(text: str, others: Iterable[str]) -> bool:
    """Whether no line begins with somebody else's name."""
    return not any(re.search(rf"^\W*{re.escape(name)}\W*:", text, re.MULTILINE) for name in others)


def in_own_words(text: str, instructions: str) -> bool:
    """Whether no six words in a row are those of the instructions."""
    words, told = (re.findall(r"\w+", one.lower()) for one in (text, instructions))
    known = {tuple(told[place : place + 6]) for place in range(len(told) - 5)}
    return not any(tuple(words[place : place + 6]) in known for place in range(len(words) - 5))


# --- side by side


def side_by_side(iterators: Sequence[Iterator[Any]], label: str) -> list[Any]:
    """What each iterator yields last, a few of them at once; the engine computes those together."""
    found: list[Any] = [None] * len(iterators)
    waiting, running = deque(enumerate(iterators)), deque[tuple[int, Iterator[Any]]]()
    for _ in track(iterators, label, console=Console(stderr=True), transient=True):
        while True:
            while waiting and len(running) < TOGETHER:
                running.append(waiting.popleft())
            place, iterator = running.popleft()
            try:
                found[place] = next(iterator)
            except StopIteration:
                break
            running.append((place, iterator))
    return found


def in_both(requests: Sequence[ChatRequest], ask: Callable[[int, ChatRequest], Iterator[Any]], label: str) -> list[Any]:
    """What comes of the requests, for each layout."""
    return [
        side_by_side([ask(n, replace(one, shared_first=shared)) for n, one in enumerate(requests)], f"{label}, {name}")
        for name, shared in LAYOUTS.items()
    ]


def difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float, float]:
    """The mean of what the other has more, and its 95% interval: 10,000 bootstrap samples of the cases."""
    more = [right - left for left, right in zip(one, other, strict=True)]
    chance = random.Random(0)
    means = sorted(statistics.fmean(chance.choices(more, k=len(more))) for _ in range(10_000))
    return statistics.fmean(more), means[250], means[-251]


def share_line(name: str, one: Sequence[bool], other: Sequence[bool]) -> str:
    cells = "".join(f"{interval(sum(hits), len(hits)):>22}" for hits in (one, other))
    more, low, high = (100 * value for value in difference(one, other))
    return f"{name:26}{cells}{f'{more:+.0f} ({low:+.0f} to {high:+.0f})':>26}{len(one):>7}"


def measured(
    model: ChatModel, recorded: Sequence[Chat], cases: Sequence[Case], pool: Sequence[Any], count: int
) -> None:
    """Asks everything in both layouts, and prints a line for each measure."""
    print(f"{'':26}{''.join(f'{name:>22}' for name in LAYOUTS)}{'difference (95%)':>26}{'cases':>7}")
    said = list(said_cases(recorded, count))
    one, other = in_both([ask for ask, _ in said], lambda n, ask: likely(model, ask, said[n][1]), "said")
    cells = "".join(
        f"{f'{mean:.3f} ({torch.tensor(-mean).exp():.1f})':>22}" for mean in map(statistics.fmean, (one, other))
    )
    more, low, high = difference(one, other)
    print(f"{'likely (perplexity)':26}{cells}{f'{more:+.3f} ({low:+.3f} to {high:+.3f})':>26}{len(one):>7}", flush=True)

    asked = [replace(ask, max_tokens=SPOKEN) for ask, _ in said]
    replies = in_both(asked, lambda _, ask: answered(model, ask), "answers")
    texts = [[reply.content or "" for reply in column] for column in replies]
    names = [{str(one["name"]) for one in ask.messages} - {ask.speaker} for ask in asked]
    print(share_line("alone", *([speaks_alone(*one) for one in zip(column, names, strict=True)] for column in texts)))
    told = [f"{ask.system} {ROLE.format(ask.speaker)}" for ask in asked]
    own = ([in_own_words(*one) for one in zip(column, told, strict=True)] for column in texts)
    print(share_line("own words", *own), flush=True)

    cases = cases[:count]
    asked = list(call_cases(recorded, cases, pool))
    replies = in_both(asked, lambda _, ask: answered(model, ask), "calls")
    calls = [[reply.tool_calls[0] if reply.tool_calls else None for reply in column] for column in replies]
    tools = [
        [call is not None and call.name == case.name for call, case in zip(column, cases, strict=True)]
        for column in calls
    ]
    right = [
        [call is not None and case.right(call) for call, case in zip(column, cases, strict=True)] for column in calls
    ]
    print(share_line("tool", *tools))
    print(share_line("call", *right), flush=True)

    words = list(word_cases(recorded, count))
    replies = in_both([ask for ask, _ in words], lambda _, ask: answered(model, ask), "word")
    print(share_line("word", *([one.content == word for one, (_, word) in zip(column, words, strict=True)]
                               for column in replies)), flush=True)  # fmt: skip


def main() -> int:
    """Measures both layouts and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", help="bfcl-eval's wheel")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--cases", type=int, default=40)
    parser.add_argument("--half", choices=("first", "second"), default="second")
    options = parser.parse_args()
    data = os.environ.get("AUTOGEN_LIKE_DATA")
    if data is None:
        sys.exit("name the folder that holds who_and_when/: AUTOGEN_LIKE_DATA=...")
    half = slice(0, None, 2) if options.half == "first" else slice(1, None, 2)
    recorded = chats(Path(data) / "who_and_when" / "algorithm_generated.jsonl")[half]
    everything = load(options.wheel)
    pool = [function for case in everything for function in case.functions]
    cases = random.Random(1).sample(everything, len(everything))[half]
    model = ChatModel.load(library.resolve(options.model), EngineConfig())
    print(f"{options.model}, {len(recorded)} chats, load {os.getloadavg()[0]:.1f}; shares in percent (95% interval)")
    measured(model, recorded, cases, pool, options.cases)
    return 0


if __name__ == "__main__":
    sys.exit(main())
