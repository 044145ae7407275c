"""What AutoGen 0.2's contrib modules pin beside their agents: analysers, graphs, captions, images, compressors."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from autogen_like import ConfigError, ScriptedModel
from autogen_like.compat import ConversableAgent, GroupChat, GroupChatManager
from autogen_like.compat.agentchat.contrib import img_utils
from autogen_like.compat.agentchat.contrib.agent_eval.task import Task
from autogen_like.compat.agentchat.contrib.capabilities import transforms
from autogen_like.compat.agentchat.contrib.capabilities.generate_images import ImageGeneration
from autogen_like.compat.agentchat.contrib.capabilities.vision_capability import VisionCapability
from autogen_like.compat.agentchat.contrib.graph_rag.graph_query_engine import GraphQueryEngine, GraphStoreQueryResult
from autogen_like.compat.agentchat.contrib.graph_rag.graph_rag_capability import GraphRagCapability
from autogen_like.compat.agentchat.contrib.society_of_mind_agent import SocietyOfMindAgent
from autogen_like.compat.agentchat.contrib.text_analyzer_agent import TextAnalyzerAgent


def agent(name: str, **kwargs: Any) -> ConversableAgent:
    return ConversableAgent(name, human_input_mode="NEVER", llm_config=kwargs.pop("llm_config", False), **kwargs)


def test_an_analyser_is_shown_the_text_as_text() -> None:
    model = ScriptedModel(["no", "yes"])
    analyzer = TextAnalyzerAgent(llm_config=model)
    assert analyzer.analyze_text("Obey!", "Is it polite?") == "no"
    (asked,) = [one for one in model.requests[0].messages if one["role"] == "user"]
    assert asked["content"].count("Is it polite?") == 2
    assert "<text>\nObey!\n</text>" in asked["content"]
    pair = [{"role": "user", "content": "Please!"}, {"role": "user", "content": "Is it polite?"}]
    assert analyzer.generate_reply(pair) == "yes"
    with pytest.raises(ConfigError, match="llm_config"):
        TextAnalyzerAgent(llm_config=False).analyze_text("a", "b")


def test_a_graph_answers_what_it_knows() -> None:
    class Films:
        def init_db(self, input_doc: Any = None) -> None: ...

        def add_records(self, new_records: Any) -> bool:
            return True

        def query(self, question: str, n_results: int = 1, **kwargs: Any) -> GraphStoreQueryResult:
            return GraphStoreQueryResult("Keanu Reeves" if "Matrix" in question else None)

    assert isinstance(Films(), GraphQueryEngine)
    films = agent("films", default_auto_reply="?")
    GraphRagCapability(Films()).add_to_agent(films)
    said = [films.generate_reply([{"role": "user", "content": text}]) for text in ("Matrix?", "Heat?", " ")]
    assert said == ["Keanu Reeves", "?", "?"]


def test_images_are_told_in_words_and_files_are_not_read(tmp_path: Path) -> None:
    address = "https://example.org/a.png"
    vision = VisionCapability(ScriptedModel(["a cat"]))
    assert vision.process_last_received_message("No image.") == "No image."
    parts = [{"type": "text", "text": "See "}, {"type": "image_url", "image_url": {"url": address}}]
    assert vision.process_last_received_message(parts) == "See [an image: a cat]"
    refused = vision.process_last_received_message(f"<img {tmp_path / 'secret.png'}>")
    assert "not shown" in refused
    given: list[Any] = []

    def caption(url: str, data: str | None, client: Any) -> str:
        given.append((url, data))
        return "a dog"

    own = VisionCapability(custom_caption_func=caption)
    data = "data:image/gif;base64,R0lGODlh"
    assert own.process_last_received_message(f"<img {address}><img {data}>") == "[an image: a dog][an image: a dog]"
    assert given == [(address, None), (data, "R0lGODlh")]


class Red:
    def generate_image(self, prompt: str) -> Any:
        return Pillow.new("RGB", (4, 4), "red")

    def cache_key(self, prompt: str) -> str:
        return prompt


def test_a_subclass_decides_about_images_without_a_model() -> None:
    class Always(ImageGeneration):
        def _should_generate_image(self, message: Any) -> bool:
            return "paint" in message

        def _extract_prompt(self, message: Any) -> str:
            return "red"

    user, artist = agent("user"), agent("artist", default_auto_reply="No.")
    Always(Red()).add_to_agent(artist)
    user.send("paint it", artist, request_reply=True, silent=True)
    assert artist.last_message()["content"][1]["type"] == "image_url"
    user.send("hello", artist, request_reply=True, silent=True)
    assert artist.last_message()["content"] == "No."
    with pytest.raises(ConfigError, match="ImageGeneration"):
        ImageGeneration(Red()).add_to_agent(agent("other"))


def test_the_base64_of_an_image_is_one() -> None:
    buffer = io.BytesIO()
    Pillow.new("RGB", (2, 3)).save(buffer, format="PNG")
    text = b64encode(buffer.getvalue()).decode()
    assert img_utils.get_pil_image(text).size == (2, 3)
    assert img_utils.get_image_data(f"'{img_utils.convert_base64_to_data_uri(text)}'") == text
    for wrong in ("nowhere.png", "x" * 5000, "a\0b", b64encode(b"no image").decode()):
        with pytest.raises(ConfigError):
            img_utils.get_image_data(wrong)


def test_formatted_images_come_by_the_modules_own_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(img_utils, "get_image_data", lambda source: "R0lGODlh")
    (part,) = img_utils.gpt4v_formatter("<img a.gif>")
    assert part["image_url"]["url"] == "data:image/gif;base64,R0lGODlh"


def test_a_name_in_a_text_must_have_a_form() -> None:
    wrong: list[dict[str, Any]] = [{"position": 1}, {"format_string": 1}, {"format_string": "x"}, {"deduplicate": "y"}]
    for settings in wrong:
        with pytest.raises(AssertionError):
            transforms.TextMessageContentName(**settings)
    with pytest.raises(ImportError, match="llmlingua"):
        transforms.TextMessageCompressor()


def test_a_response_of_a_task_may_be_an_object() -> None:
    task = Task.parse_json_str(
        '{"name": "n", "description": "d", "successful_response": {"a": 1}, "failed_response": "no"}'
    )
    assert (task.successful_response, task.failed_response) == ('{"a": 1}', "no")


def test_a_society_that_is_sent_something_answers_once() -> None:
    members = [agent("alice", default_auto_reply="Hm."), agent("sam", default_auto_reply="Yes. TERMINATE")]
    manager = GroupChatManager(GroupChat(members, [], speaker_selection_method="round_robin"))
    team, user = SocietyOfMindAgent("team", chat_manager=manager), agent("user", default_auto_reply="More.")
    for text in ("First?", "Second?"):
        user.send(text, team, request_reply=True, silent=True)
    assert [one["content"] for one in user.chat_messages[team]] == ["First?", "Yes.", "Second?", "Yes."]
    assert [one["content"] for one in members[0].chat_messages[manager]] == [
        "First?", "Yes.", "Second?", "Hm.", "Yes. TERMINATE",
    ]  # fmt: skip
