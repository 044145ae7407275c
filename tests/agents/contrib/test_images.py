"""Images that are named in texts, and agents that see them or are told of them."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import (
    AssistantAgent,
    ConfigError,
    ConversableAgent,
    GroupChat,
    GroupChatManager,
    Image,
    LastMessages,
    ScriptedModel,
    Text,
)
from autogen_like.agents.contrib.images import ImageTags, image_bytes, kind_of, load_image, sources_in
from autogen_like.agents.contrib.multimodal import MultimodalConversableAgent
from autogen_like.agents.contrib.vision import VisionCapability
from autogen_like.core.errors import ConversationError


def png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "pictures"
    inside.mkdir()
    (inside / "red.png").write_bytes(png())
    (inside / "notes.txt").write_text("secret")
    (tmp_path / "outside.png").write_bytes(png())
    return inside


def user(**options):
    return ConversableAgent("user", human_input_mode="NEVER", **options)


def kinds(content):
    return [part["type"] for part in content] if isinstance(content, list) else content


def seeing(*words, **options):
    model = ScriptedModel(words or ["Red."])
    return MultimodalConversableAgent("eye", llm_config=model, human_input_mode="NEVER", **options), model


def test_a_named_file_is_shown_to_the_model_in_every_later_turn(folder):
    agent, model = seeing("Red.", "Yes.", image_folders=[folder])
    asker = user(default_auto_reply="Sure?")
    result = asker.initiate_chat(agent, message=f"Colour of <img {folder}/red.png>?", max_turns=2, silent=True)
    for request in model.requests:
        assert kinds(request.messages[0]["content"]) == ["text", "image_url", "text"]
        assert request.messages[0]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert result.messages[0].text == f"Colour of <img {folder}/red.png>?"  # the transcript keeps what was said


def test_an_address_is_handed_on_and_not_fetched():
    agent, model = seeing()
    user().initiate_chat(agent, message="<img https://nowhere.invalid/a.png>", max_turns=1, silent=True)
    assert model.requests[0].messages[0]["content"][0]["image_url"]["url"] == "https://nowhere.invalid/a.png"


@pytest.mark.parametrize(
    ("tag", "cure"),
    [
        ("<img {0}/red.png>", "image_folders"),
        ("<img file:///etc/passwd>", "no http"),
        ("<img //example.org/a.png>", "no http"),
        ("<img https://evil.example/a.png>", "image_hosts"),
    ],
)
def test_an_opening_with_an_image_that_may_not_be_shown_is_refused_before_anything_is_spent(folder, tag, cure):
    agent, model = seeing(image_hosts=["example.org"])
    with pytest.raises(ConversationError, match=cure):
        user().initiate_chat(agent, message=tag.format(folder), max_turns=1, silent=True)
    assert model.calls == 0


@pytest.mark.parametrize("path", ["../outside.png", "link.png", "notes.txt", "missing.png", ".", "a\0b.png"])
def test_nothing_is_read_outside_of_the_folders_or_that_is_no_image(folder, path):
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    tags = ImageTags([folder])
    (said,) = tags.parts(f"<img {folder}/{path}>")
    assert isinstance(said, Text)
    assert "not shown" in said.text
    with pytest.raises(ConfigError):
        tags.parts(f"<img {folder}/{path}>", strict=True)


def test_what_another_agent_or_code_says_is_not_read_for_tags():
    agent, model = seeing("a", "b")
    other = AssistantAgent("other", llm_config=ScriptedModel(["<img https://evil.example/?q=secret>"]))
    group = GroupChat([other, agent], speaker_selection_method="round_robin", max_round=3)
    user().initiate_chat(GroupChatManager(group), message="<img https://a.example/a.png>", silent=True)
    first, second = model.requests[0].messages
    assert kinds(first["content"]) == ["image_url"]
    assert second["content"] == "<img https://evil.example/?q=secret>"


def test_output_of_code_is_not_what_its_speaker_says():
    tags = ImageTags()
    ran = {
        "role": "user",
        "name": "user",
        "content": "exitcode: 0 (execution succeeded)\nCode output: <img https://a/b>",
    }
    shown = tags.apply([{"role": "user", "name": "user", "content": "Go"}, ran])
    assert shown[1]["content"] == ran["content"]


def test_later_images_that_may_not_be_shown_say_why():
    shown = ImageTags().apply([{"role": "user", "content": "Hi"}, {"role": "user", "content": "<img /etc/hosts>"}])
    assert "image_folders" in shown[1]["content"][0]["text"]


def test_speakers_can_be_named():
    tags = ImageTags(speakers=["ada"])
    said = [{"role": "user", "name": name, "content": "<img https://example.org/a.png>"} for name in ("bob", "ada")]
    assert [kinds(one["content"]) for one in tags.apply(said)] == [said[0]["content"], ["image_url"]]


def test_other_parts_of_a_message_stay():
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA==", "detail": "low"}}
    said = {"role": "user", "content": [{"type": "text", "text": "<img https://example.org/a.png>"}, part]}
    assert ImageTags().apply([said])[0]["content"][1] == part


def test_it_goes_with_other_policies(folder):
    agent, model = seeing("a", "b", "c", context=LastMessages(1))
    user(default_auto_reply="<img https://example.org/a.png>").initiate_chat(
        agent, message="Hi", max_turns=2, silent=True
    )
    assert [kinds(one["content"]) for one in model.requests[1].messages] == [["image_url"]]


def test_settings_that_cannot_be_are_refused(folder):
    for settings in ({"folders": str(folder)}, {"folders": [folder / "none"]}, {"hosts": "a"}, {"speakers": "a"}):
        with pytest.raises(ConfigError):
            ImageTags(**settings)
    assert "pictures" in repr(ImageTags([folder], hosts=["b", "a"]))


@pytest.mark.parametrize(
    ("tag", "source"),
    [
        ("<img a.png>", "a.png"),
        ("<img my dog.png>", "my dog.png"),
        ('<IMG alt="x" src="a b.png"/>', "a b.png"),
        ("<img src='a.png'>", "a.png"),
        ("<img src=a.png>", "a.png"),
        ('<img "a.png" />', "a.png"),
    ],
)
def test_tags_are_read_as_people_write_them(tag, source):
    assert sources_in(f"See {tag}.") == [source]


@given(st.text(alphabet="<>img src=\"'/ a.png\n"))
def test_any_text_is_kept_around_its_tags(text):
    parts = ImageTags().parts(text)
    assert len(parts) <= 2 * len(sources_in(text)) + 1
    if not sources_in(text):
        assert "".join(part.text for part in parts) == text


def test_a_program_may_load_an_image_from_anywhere(folder):
    loaded = load_image(str(folder / "red.png"), detail="low")
    assert (image_bytes(loaded), loaded.detail) == (png(), "low")
    assert load_image(loaded.url).url == loaded.url
    assert image_bytes(Image("https://example.org/a.png")) is None
    for wrong in ("notes.txt", "missing.png"):
        with pytest.raises(ConfigError):
            load_image(str(folder / wrong))
    with pytest.raises(ConfigError, match="private"):
        load_image("http://127.0.0.1:1/a.png")
    with pytest.raises(ConfigError, match="base64"):
        image_bytes(Image("data:image/png;base64,x"))


def test_kinds_of_images_are_known_by_how_they_begin():
    heads = [png(), b"\xff\xd8\xff\xe0", b"GIF87a", b"RIFF....WEBPVP8 ", b"<svg>", b""]
    assert [kind_of(head) for head in heads] == ["image/png", "image/jpeg", "image/gif", "image/webp", None, None]


# --- vision


def blind(*words):
    model = ScriptedModel(words or ["ok"])
    return AssistantAgent("ada", llm_config=model), model


URL = "https://example.org/a.png"


def test_a_model_that_sees_nothing_is_told_what_is_there_once_for_each_image():
    eye = ScriptedModel(["a red square"])
    agent, model = blind("1", "2")
    VisionCapability(eye).add_to_agent(agent)
    content = [{"type": "text", "text": "What? "}, {"type": "image_url", "image_url": {"url": URL}}]
    result = user(default_auto_reply="Sure?").initiate_chat(
        agent, message={"content": content}, max_turns=2, silent=True
    )
    assert [one.messages[0]["content"] for one in model.requests] == ["What? [an image: a red square]"] * 2
    assert eye.calls == 1
    assert result.messages[0].content[1] == Image(URL)  # the transcript keeps the image
    assert set(result.usage_by_agent) == {"ada"}


def test_a_function_may_describe_it():
    async def described(url, data, client):
        return f"{url[:5]} {data} {client}"

    agent, model = blind()
    VisionCapability(custom_caption_func=described).add_to_agent(agent)
    agent.generate_reply([{"role": "user", "content": f"<img {URL}><img data:image/gif;base64,R0lGODlh>"}])
    assert model.requests[0].messages[0]["content"] == "[an image: https None None][an image: data: R0lGODlh None]"


def test_it_goes_with_what_shortens_the_context_and_with_async_chats():
    agent, model = blind("1", "2")
    agent.context = LastMessages(2)
    VisionCapability(ScriptedModel(lambda request: "x")).add_to_agent(agent)

    async def main():
        sender = user(default_auto_reply=f"<img {URL}>")
        await sender.a_initiate_chat(agent, message="Hi", max_turns=2, silent=True)

    asyncio.run(main())
    assert [one["content"] for one in model.requests[1].messages] == ["1", "[an image: x]"]


def test_a_failing_eye_is_an_error_and_is_asked_again_next_time():
    eye = ScriptedModel([RuntimeError("blind"), "a square"])
    agent, model = blind()
    VisionCapability(eye).add_to_agent(agent)
    said = [{"role": "user", "content": f"<img {URL}>"}]
    with pytest.raises(RuntimeError, match="blind"):
        agent.generate_reply(said)
    agent.generate_reply(said)
    assert model.requests[0].messages[0]["content"] == "[an image: a square]"


def test_vision_needs_somebody_who_sees():
    with pytest.raises(ConfigError, match="lmm_config"):
        VisionCapability()
    agent, _ = blind()
    VisionCapability(custom_caption_func=lambda *_: None).add_to_agent(agent)
    with pytest.raises(ConfigError, match="must return a text"):
        agent.generate_reply([{"role": "user", "content": f"<img {URL}>"}])


def test_captions_are_kept_up_to_a_number(monkeypatch):
    from autogen_like.agents.contrib import vision

    monkeypatch.setattr(vision, "_KEPT", 2)
    capability = VisionCapability(custom_caption_func=lambda url, *_: url[-1])
    agent, _ = blind("1")
    capability.add_to_agent(agent)
    text = "".join(f"<img https://example.org/{n}>" for n in range(4))
    agent.generate_reply([{"role": "user", "content": text}])
    assert list(capability.captions.values()) == ["2", "3"]
    assert "Captions()" in repr(agent.context)
