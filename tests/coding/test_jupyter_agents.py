"""An assistant that writes cells, a proxy that runs them in a kernel: images come back, what is defined stays."""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path

import pytest

from autogen_like import (
    AssistantAgent,
    CodeOutput,
    Image,
    JupyterCodeExecutor,
    ScriptedModel,
    Text,
    UserProxyAgent,
)
from autogen_like.coding import factory

SAMPLES = Path(__file__).parents[2] / "samples"


def test_an_error_goes_back_is_mended_with_what_is_there_and_the_image_comes_back(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(SAMPLES))
    sample = importlib.import_module("jupyter_code")
    model = ScriptedModel(list(sample.SCRIPT), record=True)
    with JupyterCodeExecutor(timeout=60, output_dir=tmp_path) as executor:
        result = sample.main({"model": model}, executor)
    _, _, failed, _, mended, last = result.messages
    assert "NameError: name 'head' is not defined" in failed.text
    assert isinstance(mended.content[0], Text)
    assert "exitcode: 0 (execution succeeded)" in mended.content[0].text
    assert isinstance(mended.content[1], Image)
    assert mended.content[1].url.startswith("data:image/png;base64,")
    assert [path.suffix for path in tmp_path.iterdir()] == [".png"]
    assert last.text.endswith("TERMINATE")
    assert model.requests[-1].messages[-1]["content"][1]["type"] == "image_url"


async def test_output_is_told_as_events_while_the_cell_runs(tmp_path):
    waits = "```python\nimport os, time\nprint(1)\nwhile not os.path.exists('seen'): time.sleep(0.01)\nprint(2)\n```"
    coder = AssistantAgent("coder", llm_config=ScriptedModel([waits, "TERMINATE"]))
    told = []
    with JupyterCodeExecutor(output_dir=tmp_path) as executor:
        runner = UserProxyAgent("runner", human_input_mode="NEVER", code_execution_config={"executor": executor})
        async for event in runner.run(coder, "Count."):
            if isinstance(event, CodeOutput):
                told.append(event.text)
                (tmp_path / "seen").touch()  # it goes on only once its first line was heard of
    assert "".join(told) == "1\n2\n"


@pytest.mark.parametrize("name", ["jupyter", "ipython-embedded"])
def test_the_executor_is_chosen_by_name(name, tmp_path):
    executor = factory.create({"executor": name, name: {"timeout": 7, "output_dir": tmp_path}})
    assert isinstance(executor, JupyterCodeExecutor)
    assert executor.timeout == 7


def test_a_sync_chat_inside_a_running_loop_uses_the_same_kernel(tmp_path):
    async def main():
        with JupyterCodeExecutor(output_dir=tmp_path) as executor:
            blocks = executor.code_extractor.extract_code_blocks
            await executor.execute(blocks("```python\nx = 41\n```"))
            return executor.execute_code_blocks(blocks("```python\nx + 1\n```")).output

    assert asyncio.run(main()) == "42\n"
