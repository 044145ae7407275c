"""A group chat of four agents and twenty turns with fixed token ids: what the prefix cache saves, and who waits for it.

Run: ``python benchmarks/serving/agents_workload.py [NAME_OR_PATH] [--system 1000] [--turn 150] [--said 16]``
It takes about three minutes on an idle machine. Most of what a turn adds is then a tool's result or a person's words,
since tokens that are generated take time and change no count; ``--said 142`` generates nearly all. Tokens are counted
exactly; times are process CPU seconds, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from autogen_like.serving import library
from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Sampling

AGENTS, TURNS = 4, 20


@dataclass
class Result:
    """What a way to run the chat took."""

    prefilled: int = 0
    ahead: int = 0
    first: list[float] = field(default_factory=list)
    seconds: float = 0.0


class Chat:
    """The recorded chat: each agent's own instructions, and what is said at each turn.

    Args:
        vocabulary: Ids to take.
        system: Tokens of an agent's instructions, of which nine tenths are tools and rules that all have.
        turn: Tokens that a turn adds beside the reply: a tool's result, a person's words.
        said: Tokens of a reply.
    """

    def __init__(self, vocabulary: int, system: int, turn: int, said: int) -> None:
        chance = random.Random(7)

        def tokens(count: int) -> list[int]:
            return [chance.randrange(1000, vocabulary) for _ in range(count)]

        self.common = tokens(system * 9 // 10)  # tools and rules, the same for all
        self.personas = [tokens(system - len(self.common)) for _ in range(AGENTS)]
        self.heads = [tokens(8) for _ in range(AGENTS)]
        self.turns = [tokens(max(turn - said - 8, 0)) for _ in range(TURNS)]
        self.said = said


def played(engine: Engine, chat: Chat, *, shared_first: bool, idle: bool) -> Result:
    """One run of the chat; a reply is what the model generated, token by token."""
    engine.clear()
    result, transcript = Result(), list[int]()
    endless = Sampling(logit_bias=dict.fromkeys(engine.tokenizer.ends, -1000.0))

    def prompt(agent: int) -> list[int]:
        persona, head = chat.personas[agent], chat.heads[agent]
        # An agent's system message begins with who it is: so its tools can't be shared behind it.
        return chat.common + transcript + persona + head if shared_first else persona + chat.common + transcript + head

    begun = time.process_time()
    for turn in range(TURNS):
        agent = turn % AGENTS
        if idle:  # the message before this turn was read by all while a tool ran or a person thought
            before = engine.prefilled_tokens
            for reader in range(AGENTS):
                list(engine.generate(GenerateRequest(prompt(reader), owner=reader, idle=True)))
            result.ahead += engine.prefilled_tokens - before
        before, asked = engine.prefilled_tokens, time.process_time()
        first, said = 0.0, list[int]()
        for step in engine.generate(GenerateRequest(prompt(agent), endless, max_tokens=chat.said, owner=agent)):
            if step.token is not None:
                first = first or time.process_time() - asked
                said.append(step.token)
        result.prefilled += engine.prefilled_tokens - before
        result.first.append(first)
        transcript += chat.heads[agent] + said + chat.turns[turn]
    result.seconds = time.process_time() - begun
    return result


def main() -> int:
    """Plays the chat in each way and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="smollm2-135m")
    parser.add_argument("--system", type=int, default=1000)
    parser.add_argument("--turn", type=int, default=150)
    parser.add_argument("--said", type=int, default=16)
    arguments = parser.parse_args()
    path = library.resolve(arguments.model)
    cached = Engine.load(path)
    without = Engine(cached.model, cached.tokenizer, EngineConfig(cache_bytes=0))
    chat = Chat(cached.model.config.vocabulary, arguments.system, arguments.turn, arguments.said)
    ways = {
        "cache off": (without, False, False),
        "per agent, replies spliced": (cached, False, False),
        "and read while idle": (cached, False, True),
        "shared first": (cached, True, False),
    }
    table = Table(title=f"{arguments.model}, {AGENTS} agents, {TURNS} turns, load {os.getloadavg()[0]:.1f}")
    columns = ("prefilled while asked", "less", "ahead", "first token CPU ms, median", "CPU s in all")
    for column in ("way", *columns):
        table.add_column(column)
    base = 0
    for name, (engine, shared, idle) in ways.items():
        found = played(engine, chat, shared_first=shared, idle=idle)
        base = base or found.prefilled
        later = found.first[AGENTS:]
        table.add_row(
            name, f"{found.prefilled}", f"{base / found.prefilled:.1f} times", f"{found.ahead}",
            f"{1000 * statistics.median(later):.0f}", f"{found.seconds:.1f}",
        )  # fmt: skip
    Console(width=130).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
