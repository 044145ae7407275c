"""Names of AutoGen 0.2's modules that scripts use beside its agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autogen_like import ScriptedModel
from autogen_like.compat import Agent, ConversableAgent, GroupChat, GroupChatManager
from autogen_like.compat.agentchat.contrib import retrieve_user_proxy_agent as retrieval
from autogen_like.compat.agentchat.contrib.multimodal_conversable_agent import (
    DEFAULT_LMM_SYS_MSG,
    MultimodalConversableAgent,
)
from autogen_like.compat.agentchat.contrib.society_of_mind_agent import SocietyOfMindAgent


def agent(name: str, **settings: Any) -> ConversableAgent:
    return ConversableAgent(name, human_input_mode="NEVER", **settings)


def test_a_society_can_be_asked_for_its_discussion_alone() -> None:
    members = [agent("ada", default_auto_reply="Four."), agent("bob", default_auto_reply="Right. TERMINATE")]
    group = GroupChatManager(GroupChat(members, speaker_selection_method="round_robin"))
    team = SocietyOfMindAgent("team", group, human_input_mode="NEVER")
    assert team.generate_inner_monologue_reply([{"role": "user", "content": "2 + 2?"}]) == (True, "Right.")
    listed = [entry["reply_func"] for entry in team._reply_func_list]
    assert SocietyOfMindAgent.generate_inner_monologue_reply in listed
    team.update_chat_manager(None)
    assert team.generate_inner_monologue_reply([{"role": "user", "content": "2 + 2?"}]) == (False, None)


def test_an_agent_has_async_methods_too() -> None:
    class Old:
        name = description = "old"

        def send(self, message: Any, recipient: Any, request_reply: bool | None = None) -> None: ...
        def receive(self, message: Any, sender: Any, request_reply: bool | None = None) -> None: ...
        def generate_reply(self, messages: Any = None, sender: Any = None, **kwargs: Any) -> str:
            return "Hello."

    class New(Old):
        async def a_send(self, message: Any, recipient: Any, request_reply: bool | None = None) -> None: ...
        async def a_receive(self, message: Any, sender: Any, request_reply: bool | None = None) -> None: ...
        async def a_generate_reply(self, messages: Any = None, sender: Any = None, **kwargs: Any) -> str:
            return "Hello."

    assert isinstance(agent("ada"), Agent)
    assert isinstance(New(), Agent)
    assert not isinstance(Old(), Agent)
    result = agent("ada").initiate_chat(Old(), message="Hi", max_turns=1, silent=True)
    assert result.summary == "Hello."


def test_the_default_of_agents_that_see_images_has_a_name() -> None:
    assert MultimodalConversableAgent("eye", llm_config=ScriptedModel([])).system_message == DEFAULT_LMM_SYS_MSG


def test_the_prompts_of_retrieval_are_there_to_be_customized(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Ada wrote {input_question} in 1843.")

    def asked(**config: Any) -> str:
        settings = {"docs_path": str(tmp_path), "collection_name": "a", **config}
        proxy = retrieval.RetrieveUserProxyAgent("proxy", "NEVER", retrieve_config=settings)
        return str(proxy.message_generator(proxy, agent("ada"), {"problem": "Who knows {input_context}?"}))

    for task, prompt in (
        ("default", retrieval.PROMPT_DEFAULT), ("code", retrieval.PROMPT_CODE), ("qa", retrieval.PROMPT_QA)
    ):  # fmt: skip
        assert asked(task=task) == asked(customized_prompt=prompt)
        assert "Question: Who knows {input_context}?" in asked(task=task)
        assert "Ada wrote {input_question} in 1843." in asked(task=task)
