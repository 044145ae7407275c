"""A local model as a server: our agents, by OpenAI's interface and by KServe's, and the bare `openai` client ask it.

python samples/serve_clients.py [--model NAME_OR_GGUF]

`autogen-like serve MODEL` is the same server as a process of its own; here it runs in a thread of this program.
"""

from __future__ import annotations

import argparse
import sys

import openai

from autogen_like import AssistantAgent, AutogenLikeError, UserProxyAgent
from autogen_like.serving import library
from autogen_like.serving.server import ModelServer, ServerSettings


def chat_of_agents(**where: str) -> str:
    """Two agents whose model is the server's."""
    llm_config = {**where, "temperature": 0, "max_tokens": 40}
    teacher = AssistantAgent("teacher", "You are a teacher. Answer in one short sentence.", llm_config=llm_config)
    pupil = UserProxyAgent("pupil", human_input_mode="NEVER", code_execution_config=False)
    return pupil.initiate_chat(teacher, message="What is the capital of France?", max_turns=1).summary


def stream_of_openai(base_url: str, model: str) -> str:
    """The same question by OpenAI's own client, word by word."""
    with openai.OpenAI(base_url=base_url, api_key="none") as client:
        messages = [
            {"role": "system", "content": "You are a teacher. Answer in one short sentence."},
            {"role": "user", "content": "What is the capital of France?"},
        ]
        pieces = client.chat.completions.create(
            model=model, messages=messages, temperature=0, max_tokens=40, stream=True
        )
        said = ""
        for piece in pieces:
            word = piece.choices[0].delta.content or ""
            print(word, end="", flush=True)
            said += word
    print()
    return said


def main(source: str) -> tuple[str, str]:
    """Serves a model and asks it in three ways."""
    path = library.resolve(source.removeprefix("local:")).resolve()
    with ModelServer(path, ServerSettings(path.stem, port=0)) as server:
        print(f"{path.stem} answers at {server.base_url}\n")
        by_agents = chat_of_agents(model=path.stem, base_url=server.base_url, api_key="none")
        chat_of_agents(model=path.stem, base_url=server.address, api_type="kserve", api_key="none")
        print("\nOpenAI's client: ", end="")
        return by_agents, stream_of_openai(server.base_url, path.stem)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m", help="a model of the library, or the path of a GGUF file")
    try:
        main(parser.parse_args().model)
    except KeyboardInterrupt:
        print("\nInterrupted.")
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
