"""A group chat of four agents and twenty turns with fixed token ids: what the prefix cache saves, and who waits for it.

    python benchmarks/serving/agents_workload.py [NAME_OR_PATH] [--system 1000] [--turn 150] [--said 142] [--turns 20]

A turn adds 150 tokens: the speaker's name and the reply that it generates. With ``--said 16`` most of a turn is a
tool's result or a person's words, which no cache can know before: fewer are saved, and it takes half the time. All ways
take a turn before any takes the next, so what else the machine does meets them alike. Tokens are counted exactly; times
are process CPU seconds; the first token's is the median over the turns in which the speaker has spoken before. It takes
about seven minutes on an idle machine.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import time

from rich.console import Console
from rich.progress import track

from autogen_like.serving import library
from autogen_like.serving.engine import Engine, EngineConfig, GenerateRequest, Sampling

AGENTS, TURNS = 4, 20


class Chat:
    """The recorded chat: each agent's own instructions, and what is said at each turn.

    Args:
        vocabulary: Ids to take.
        system: Tokens of an agent's instructions, of which nine tenths are tools and rules that all have.
        turn: Tokens that a turn adds beside the reply: a tool's result, a person's words.
        said: Tokens of a reply.
        turns: How many turns there are.
    """

    def __init__(self, vocabulary: int, system: int, turn: int, said: int, *, turns: int) -> None:
        chance = random.Random(7)

        def tokens(count: int) -> list[int]:
            return [chance.randrange(1000, vocabulary) for _ in range(count)]

        self.common = tokens(system * 9 // 10)  # tools and rules, the same for all
        self.personas = [tokens(system - len(self.common)) for _ in range(AGENTS)]
        self.heads = [tokens(8) for _ in range(AGENTS)]
        self.turns = [tokens(max(turn - said - 8, 0)) for _ in range(turns)]
        self.said = said


class Way:
    """A way to run the chat, turn by turn; a reply is what the model generated, token by token.

    Args:
        name: What it is called.
        engine: What runs it; no other way uses it.
        chat: What is said.
        shared_first: Whether the conversation comes before what is an agent's own.
        idle: Whether each turn is read by all before somebody is asked, while a tool runs or a person thinks.
    """

    def __init__(
        self, name: str, engine: Engine, chat: Chat, *, shared_first: bool = False, idle: bool = False
    ) -> None:
        self.name = name
        self.ahead = 0
        self.prefilled = 0
        self.first: list[float] = []
        self.seconds = 0.0
        self._engine, self._chat = engine, chat
        self._shared_first, self._idle = shared_first, idle
        self._transcript: list[int] = []
        self._how = Sampling(logit_bias=dict.fromkeys(engine.tokenizer.ends, -1000.0))  # replies of the same length

    def take(self, turn: int) -> None:
        """The next turn."""
        begun, agent = time.process_time(), turn % AGENTS
        if self._idle:
            before = self._engine.prefilled_tokens
            for reader in range(AGENTS):
                list(self._engine.generate(GenerateRequest(self._prompt(reader), owner=reader, idle=True)))
            self.ahead += self._engine.prefilled_tokens - before
        before, asked = self._engine.prefilled_tokens, time.process_time()
        said: list[int] = []
        request = GenerateRequest(self._prompt(agent), self._how, max_tokens=self._chat.said, owner=agent)
        for step in self._engine.generate(request):
            if step.token is not None:
                if not said:
                    self.first.append(time.process_time() - asked)
                said.append(step.token)
        self.prefilled += self._engine.prefilled_tokens - before
        self._transcript += self._chat.heads[agent] + said + self._chat.turns[turn]
        self.seconds += time.process_time() - begun

    def _prompt(self, agent: int) -> list[int]:
        chat = self._chat
        persona, head = chat.personas[agent], chat.heads[agent]
        if self._shared_first:
            return chat.common + self._transcript + persona + head
        # An agent's system message begins with who it is: so its tools can't be shared behind it.
        return persona + chat.common + self._transcript + head


def main() -> int:
    """Plays the chat in each way and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="smollm2-135m")
    parser.add_argument("--system", type=int, default=1000)
    parser.add_argument("--turn", type=int, default=150)
    parser.add_argument("--said", type=int, default=142)
    parser.add_argument("--turns", type=int, default=TURNS)
    arguments = parser.parse_args()
    loaded = Engine.load(library.resolve(arguments.model))
    chat = Chat(loaded.model.config.vocabulary, arguments.system, arguments.turn, arguments.said, turns=arguments.turns)

    def engine(cache_bytes: int = 1 << 30) -> Engine:
        return Engine(loaded.model, loaded.tokenizer, EngineConfig(cache_bytes=cache_bytes))

    ways = [
        Way("cache off", engine(0), chat),
        Way("per agent, replies spliced", engine(), chat),
        Way("and read while idle", engine(), chat, idle=True),
        Way("shared first", engine(), chat, shared_first=True),
    ]
    for turn in track(range(arguments.turns), "turns", console=Console(stderr=True), transient=True):
        for way in ways:
            way.take(turn)
    print(f"{arguments.model}, {AGENTS} agents, {arguments.turns} turns, load {os.getloadavg()[0]:.1f}")
    print(f"{'':28}{'prefilled while asked':>23}{'ahead':>9}{'first token, CPU ms':>21}{'CPU s in all':>14}")
    for way in ways:
        less = f"{way.prefilled:,} (1/{ways[0].prefilled / way.prefilled:.1f})"
        first = 1000 * statistics.median(way.first[AGENTS:] or way.first)
        print(f"{way.name:28}{less:>23}{way.ahead:9,}{first:21.0f}{way.seconds:14.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
