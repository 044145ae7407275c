"""Agents to be served by a process of its own; their words are scripted."""

from __future__ import annotations

import sys

from autogen_like import AssistantAgent, GroupChat, GroupChatManager, ScriptedModel

print("this would break the protocol if it reached the client")


def heard(request):
    """Says what it was told so far."""
    said = [str(one["content"]) for one in request.messages if one["role"] == "user"]
    sys.stdout.write("so would this\n")
    return "heard: " + " | ".join(said)


ada = AssistantAgent("ada", "A secret system message.", llm_config=ScriptedModel(heard))
first = AssistantAgent("first", llm_config=ScriptedModel(lambda request: f"first saw {len(request.messages)}"))
second = AssistantAgent("second", llm_config=ScriptedModel(lambda request: f"second saw {len(request.messages)}"))
group = GroupChat([first, second], max_round=3, speaker_selection_method="round_robin")
everybody = {"ada": ada, "the group": GroupChatManager(group, description="Two who count.")}
