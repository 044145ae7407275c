"""The contrib agents by AutoGen 0.2's module paths."""

from __future__ import annotations

import io
import json
from importlib import import_module

import pytest
from PIL import Image as Pillow

from autogen_like import ConfigError, ScriptedModel
from autogen_like.compat import AssistantAgent, ConversableAgent, UserProxyAgent
from autogen_like.compat.agentchat.contrib import img_utils
from autogen_like.compat.agentchat.contrib.agent_builder import AgentBuilder
from autogen_like.compat.agentchat.contrib.math_user_proxy_agent import MathUserProxyAgent
from autogen_like.compat.agentchat.contrib.multimodal_conversable_agent import MultimodalConversableAgent
from autogen_like.compat.agentchat.contrib.society_of_mind_agent import SocietyOfMindAgent

PLACES = {
    "society_of_mind_agent": "SocietyOfMindAgent",
    "multimodal_conversable_agent": "MultimodalConversableAgent",
    "math_user_proxy_agent": "MathUserProxyAgent",
    "retrieve_user_proxy_agent": "RetrieveUserProxyAgent",
    "retrieve_assistant_agent": "RetrieveAssistantAgent",
    "agent_builder": "AgentBuilder",
    "reasoning_agent": "ReasoningAgent",
    "img_utils": "gpt4v_formatter",
    "vectordb.base": "VectorDBFactory",
    "vectordb.pgvectordb": "PGVectorDB",
    "capabilities.teachability": "Teachability",
    "capabilities.vision_capability": "VisionCapability",
    "capabilities.generate_images": "ImageGeneration",
    "agent_eval.agent_eval": "quantify_criteria",
    "agent_eval.criterion": "Criterion",
    "agent_eval.task": "Task",
    "agent_eval.critic_agent": "CriticAgent",
    "agent_eval.subcritic_agent": "SubCriticAgent",
    "agent_eval.quantifier_agent": "QuantifierAgent",
    "agent_optimizer": "AgentOptimizer",
    "text_analyzer_agent": "TextAnalyzerAgent",
    "graph_rag.document": "Document",
    "graph_rag.graph_query_engine": "GraphQueryEngine",
    "graph_rag.graph_rag_capability": "GraphRagCapability",
    "vectordb.utils": "filter_results_by_distance",
}


@pytest.mark.parametrize(("module", "name"), PLACES.items())
def test_what_is_imported_from_there_is_there(module, name):
    assert callable(getattr(import_module(f"autogen_like.compat.agentchat.contrib.{module}"), name))


def test_documents_are_split_by_the_old_path():
    assert import_module("autogen_like.compat.retrieve_utils").split_text_to_chunks("a\nb", 1)


def test_agents_are_those_of_the_room_for_old_scripts(tmp_path):
    proxy = MathUserProxyAgent(name="m", code_execution_config={"use_docker": False, "work_dir": str(tmp_path)})
    eye = MultimodalConversableAgent(name="eye", llm_config=ScriptedModel(["ok"]), max_consecutive_auto_reply=3)
    team = SocietyOfMindAgent("team", None)
    assert all(isinstance(one, ConversableAgent) for one in (proxy, eye, team))
    solver = AssistantAgent("s", llm_config=ScriptedModel(["```python\n1 + 1\n```", r"\boxed{2}"]))
    told = proxy.initiate_chat(solver, message=proxy.message_generator, problem="1 + 1", silent=True)
    assert told.chat_history[2]["content"] == "2"
    UserProxyAgent("u", human_input_mode="NEVER").initiate_chat(
        eye, message="<img https://a.b/c>", max_turns=1, silent=True
    )


def test_a_builder_finds_its_models_in_a_list(tmp_path):
    (tmp_path / "LIST").write_text(json.dumps([{"model": "big", "api_key": "a"}, {"model": "small", "api_key": "b"}]))
    builder = AgentBuilder("LIST", str(tmp_path), builder_model="big", agent_model=["small"])
    (agent,), _ = builder.load(config_json='{"agent_configs": [{"name": "ada", "system_message": "-"}]}')
    assert agent.llm_config["config_list"][0]["model"] == "small"
    with pytest.raises(ConfigError, match="builder_model"):
        AgentBuilder("LIST", str(tmp_path), builder_model="none")


def test_images_by_the_old_functions(tmp_path):
    red = Pillow.new("RGB", (1, 1), "red")
    path = str(tmp_path / "red.png")
    red.save(path)
    uri = img_utils.pil_to_data_uri(red)
    assert img_utils.get_pil_image(path).getpixel((0, 0)) == (255, 0, 0)
    assert img_utils.get_pil_image(red) is red
    assert Pillow.open(io.BytesIO(img_utils.get_image_data(path, use_b64=False))).size == (1, 1)
    assert img_utils.convert_base64_to_data_uri(img_utils.get_image_data(red)) == uri
    text, image = img_utils.gpt4v_formatter(f"Look: <img {path}>")
    assert text == {"type": "text", "text": "Look: "}
    assert image["image_url"]["url"].startswith("data:image/png")
    assert img_utils.gpt4v_formatter("<img a.png>", "url")[0]["image_url"]["url"] == "a.png"
    assert img_utils.llava_formatter(f"<img {path}>", order_image_tokens=True)[0] == "<image 0>"
    said = [{"content": img_utils.gpt4v_formatter(f"<img {path}> x", "pil")}, {"content": "x"}]
    sent = img_utils.message_formatter_pil_to_b64(said)
    assert sent[0]["content"][0]["image_url"]["url"].startswith("data:image/png")
    for wrong in (lambda: img_utils.gpt4v_formatter("x", "tiff"), lambda: img_utils.get_image_data(3)):
        with pytest.raises(ConfigError):
            wrong()
