"""AutoGen 0.2, its cache off; see ../turns.py. A turn: one agent's reply to the other, or to the group's manager."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import autogen

from measure import QUESTION, Contestant, Job, Run, main, say


def model(reply, delay: float = 0) -> type:
    """An instant model as AutoGen 0.2 wants it; it is asked in a thread where the chat is async."""

    class Instant:
        def __init__(self, config, **kwargs):
            pass

        def create(self, params):
            if delay:
                time.sleep(delay)
            message = reply(params)
            return SimpleNamespace(choices=[SimpleNamespace(message=message)], model="instant", usage=None, cost=0)

        def message_retrieval(self, response):
            message = response.choices[0].message
            return [message if message.tool_calls else message.content]

        def cost(self, response):
            return 0

        @staticmethod
        def get_usage(response):
            return {}

    return Instant


def words(text: str):
    return SimpleNamespace(content=text, function_call=None, tool_calls=None)


class Calls(SimpleNamespace):
    """A message with calls: AutoGen 0.2 makes a dict of it."""

    def model_dump(self):
        return {"role": "assistant", "content": None, "tool_calls": self.tool_calls}


CALL = {"id": "c", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}


def agent(name: str, delay: float = 0, reply=lambda _: words(say())):
    made = autogen.AssistantAgent(
        name, "You add.", llm_config=config(), max_consecutive_auto_reply=10**9, description=name
    )
    made.register_model_client(model(reply, delay))
    return made


def config():
    return {"config_list": [{"model": "instant", "model_client_cls": "Instant"}], "cache_seed": None}


def two(turns: int, delay: float) -> Job:
    first, second = agent("a", delay), agent("b", delay)

    async def job():
        if delay:
            return (await first.a_initiate_chat(second, message=say(), max_turns=turns // 2, silent=True)).chat_history
        return first.initiate_chat(second, message=say(), max_turns=turns // 2, silent=True).chat_history

    return job


def group(turns: int, agents: int) -> Job:
    team = [agent(f"agent{number}") for number in range(agents)]
    chat = autogen.GroupChat(team, [], max_round=turns, speaker_selection_method="round_robin")
    manager = autogen.GroupChatManager(chat, silent=True)

    async def job():
        team[0].initiate_chat(manager, message=say(), silent=True)
        return chat.messages

    return job


def add(a: int, b: int) -> int:
    return a + b


def tool() -> Run:
    """The agent proposes the call; a user proxy, who is the other agent of every chat, runs it."""

    def reply(params):
        if params["messages"][-1]["role"] == "tool":
            return words("3")
        return Calls(content=None, function_call=None, tool_calls=[CALL])

    bob = agent("bob", reply=reply)
    user = autogen.UserProxyAgent("user", human_input_mode="NEVER", code_execution_config=False)
    autogen.register_function(add, caller=bob, executor=user, description="Adds.")
    bob.register_model_client(model(reply))  # describing a tool makes a new client

    main_task = asyncio.current_task()

    async def run() -> str:  # async where others run beside it
        if asyncio.current_task() is not main_task:
            return (await user.a_initiate_chat(bob, message=QUESTION, max_turns=2, silent=True)).summary
        return user.initiate_chat(bob, message=QUESTION, max_turns=2, silent=True).summary

    return run


if __name__ == "__main__":
    main(Contestant(two, group, tool, overlap=False))
