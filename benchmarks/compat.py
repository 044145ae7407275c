"""What AutoGen 0.2's vocabulary costs, in process CPU time: the compat room beside the package itself.

    python benchmarks/compat.py

Each number is the best of several rounds, since other work on the machine only ever adds. 0.2's own numbers, measured
on a quiet machine of the same kind: 25 ms a tool, 22 ms an agent, 7 ms a turn for a transform over 1,600 messages.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Annotated, Any

import autogen_like
from autogen_like import compat
from autogen_like.compat.agentchat.contrib.capabilities.transform_messages import TransformMessages
from autogen_like.compat.agentchat.contrib.capabilities.transforms import MessageHistoryLimiter, MessageTokenLimiter

CONFIG = {"config_list": [{"model": "gpt-4.1-mini", "api_key": "sk-none", "base_url": "http://127.0.0.1:9/v1"}]}
TURNS = 400


def best(work: Callable[[], Any], rounds: int = 7) -> float:
    """CPU seconds of the fastest round."""
    times = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def functions(count: int) -> list[Callable[..., Any]]:
    """As many different functions, since schemas are made once for each."""
    made = []
    for number in range(count):

        def tool(city: Annotated[str, "Where"], nights: Annotated[int, "How many"] = 1) -> str:
            return f"{city} {nights}"

        tool.__name__ = f"tool_{number}"
        made.append(tool)
    return made


def registering() -> float:
    """Milliseconds to register a tool with both agents."""

    def work() -> None:
        caller = compat.AssistantAgent("caller", llm_config=CONFIG)
        executor = compat.UserProxyAgent("executor")
        for function in functions(50):
            compat.register_function(function, caller=caller, executor=executor, description="Books a room.")

    return best(work) / 50 * 1000


def building(package: Any) -> float:
    """Milliseconds to build an agent with an OpenAI configuration, its client included."""

    def work() -> None:
        for number in range(50):
            agent = package.AssistantAgent(f"a{number}", llm_config=CONFIG)
            assert agent.model_client is not None  # made when it is first asked for

    work()  # what the first one imports is imported once
    return best(work) / 50 * 1000


def turn(package: Any) -> float:
    """Microseconds for a turn of two agents that answer at once."""

    def work() -> None:
        one, other = (
            package.ConversableAgent(name, llm_config=False, human_input_mode="NEVER", max_consecutive_auto_reply=9999)
            for name in ("one", "other")
        )
        for agent in (one, other):
            agent.register_reply([package.Agent, None], lambda recipient, messages, sender, config: (True, "Yes."))
        one.initiate_chat(other, message="Hi", max_turns=TURNS, silent=True)

    return best(work) / (2 * TURNS) * 1e6


def transform(messages: int, *transforms: Any) -> float:
    """Microseconds for the transforms of a turn, behind so many messages."""
    agent = compat.ConversableAgent("ada", llm_config=False, human_input_mode="NEVER", default_auto_reply="Yes.")
    other = compat.ConversableAgent("bob", llm_config=False, human_input_mode="NEVER")
    agent.replace_history(other, [{"role": "user", "content": f"message {n}"} for n in range(messages)])
    for one in transforms:
        TransformMessages(transforms=[one], verbose=False).add_to_agent(agent)
    view = agent.chat_messages[other]
    hooks = agent.hook_lists["process_all_messages_before_reply"]

    def work() -> None:
        for _ in range(50):
            for hook in hooks:
                hook(view)

    work()  # what is seen for the first time is counted once
    return best(work) / 50 * 1e6


def main() -> None:
    """Prints the table."""
    rounds = [(turn(autogen_like), turn(compat)) for _ in range(3)]  # in turns: the machine's speed changes for both
    plain, ours = (min(times) for times in zip(*rounds, strict=True))
    rows = [
        ("registering a tool (ms; at most 0.2)", registering()),
        ("an agent with an OpenAI config, compat (ms; at most 0.5)", building(compat)),
        ("an agent with an OpenAI config, autogen_like (ms)", building(autogen_like)),
        ("a turn, autogen_like (us)", plain),
        ("a turn, compat (us)", ours),
        ("  more than autogen_like (%; at most 20)", (ours / plain - 1) * 100),
    ]
    for name, one in (
        ("MessageHistoryLimiter(20)", MessageHistoryLimiter(20)),
        ("MessageTokenLimiter(max_tokens=500)", MessageTokenLimiter(max_tokens=500)),
    ):
        rows += [(f"{name} behind {count} messages (us a turn)", transform(count, one)) for count in (100, 1600, 6400)]
    print(f"load {os.getloadavg()[0]:.1f}, process CPU time")
    for label, value in rows:
        print(f"{label:70} {value:10.3f}")


if __name__ == "__main__":
    main()
