"""AutoGen 0.2's turns, with its cache off; see ../turns.py. Runs in an environment of its own."""

from __future__ import annotations

import json
import sys
import time

before = time.process_time()
import autogen  # noqa: E402

IMPORT = (time.process_time() - before) * 1e3


class Instant:
    """An instant model, registered as AutoGen 0.2 wants it."""

    def __init__(self, config, **kwargs):
        pass

    def create(self, params):
        from types import SimpleNamespace

        message = SimpleNamespace(content="hello", function_call=None, tool_calls=None)
        return SimpleNamespace(choices=[SimpleNamespace(message=message)], model="instant", usage=None, cost=0)

    def message_retrieval(self, response):
        return [response.choices[0].message.content]

    def cost(self, response):
        return 0

    @staticmethod
    def get_usage(response):  # noqa: ARG004
        return {}


def agent(name):
    config = {"config_list": [{"model": "instant", "model_client_cls": "Instant"}], "cache_seed": None}
    made = autogen.AssistantAgent(name, llm_config=config, max_consecutive_auto_reply=10**9, description=name)
    made.register_model_client(Instant)
    return made


def two(turns):
    first, second = agent("a"), agent("b")
    start = time.process_time()
    result = first.initiate_chat(second, message="hi", max_turns=turns // 2, silent=True)
    spent = time.process_time() - start
    assert len(result.chat_history) == turns
    return spent / turns * 1e3


def group(turns):
    agents = [agent(name) for name in "abcde"]
    chat = autogen.GroupChat(agents, [], max_round=turns, speaker_selection_method="round_robin")
    manager = autogen.GroupChatManager(chat, silent=True)
    start = time.process_time()
    agents[0].initiate_chat(manager, message="hi", silent=True)
    spent = time.process_time() - start
    assert len(chat.messages) == turns
    return spent / turns * 1e3


results = {"import": IMPORT}
for turns in map(int, sys.argv[1:]):
    results[f"two_{turns}"] = two(turns)
    if turns <= 800:
        results[f"group_{turns}"] = group(turns)
print(json.dumps(results))
