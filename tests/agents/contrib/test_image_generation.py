"""Answers with an image where one is asked for."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from PIL import Image as Pillow

from autogen_like import AssistantAgent, ConfigError, ConversableAgent, Image, ScriptedModel
from autogen_like.agents.contrib.image_generation import ImageGeneration, as_image
from autogen_like.compat.agentchat.contrib.capabilities.generate_images import DalleImageGenerator

WANTED = '{"image": true, "prompt": "a cat"}'


class Painter:
    def __init__(self):
        self.asked = []

    async def generate_image(self, prompt):
        self.asked.append(prompt)
        return b"GIF89a"

    def cache_key(self, prompt):
        return f"painter,{prompt}"


class Kept(dict):
    def set(self, key, value):
        self[key] = value


def talk(agent, text):
    user = ConversableAgent("user", human_input_mode="NEVER")
    return user.initiate_chat(agent, message=text, max_turns=1, silent=True).messages[-1]


def test_an_image_is_made_where_one_is_asked_for_and_kept():
    painter, cache = Painter(), Kept()
    agent = AssistantAgent("artist", llm_config=ScriptedModel([WANTED, WANTED, '{"image": false}', "Hello!"]))
    ImageGeneration(painter, cache).add_to_agent(agent)
    for _ in range(2):
        text, image = talk(agent, "Draw a cat").content
        assert "a cat" in text.text
        assert image.url == "data:image/gif;base64,R0lGODlh"
    assert painter.asked == ["a cat"]
    assert list(cache) == ["painter,a cat"]
    assert talk(agent, "Hi").text == "Hello!"


def test_another_model_may_decide():
    agent = AssistantAgent("artist", llm_config=ScriptedModel(["Hi"]))
    ImageGeneration(Painter(), text_analyzer_llm_config=ScriptedModel(['{"image": true}'])).add_to_agent(agent)
    assert talk(agent, "Hello").text == "Hi"  # it says nothing of what should be on it


def test_images_of_all_kinds_are_taken_and_nothing_else():
    given = Image("https://example.org/a.png")
    assert as_image(given) is given
    assert as_image(Pillow.new("RGB", (1, 1))).url.startswith("data:image/png")
    for wrong in ("a.png", b"text", None):
        with pytest.raises(ConfigError, match="generate_image must return"):
            as_image(wrong)


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="generate_image"):
        ImageGeneration(object())
    with pytest.raises(ConfigError, match="llm_config"):
        ImageGeneration(Painter()).add_to_agent(ConversableAgent("a"))
    with pytest.raises(ConfigError, match="num_images"):
        DalleImageGenerator({"model": "x", "api_key": "k"}, num_images=2)


@pytest.mark.parametrize(
    ("data", "url"),
    [
        ([{"b64_json": base64.b64encode(b"GIF89a").decode()}], "data:image/gif;base64,R0lGODlh"),
        ([{"url": "https://example.org/a.png"}], "https://example.org/a.png"),
        ([], None),
    ],
)
async def test_an_openai_compatible_endpoint_makes_images(data, url):
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps({"created": 1, "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        config = {"model": "painter", "api_key": "k", "base_url": f"http://127.0.0.1:{server.server_port}/v1"}
        painter = DalleImageGenerator(config)
        if url is None:
            with pytest.raises(ConfigError, match="no image"):
                await painter.generate_image("a cat")
        else:
            assert (await painter.generate_image("a cat")).url == url
        assert seen[0]["prompt"] == "a cat"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
