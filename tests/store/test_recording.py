"""Recordings in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autogen_like import AssistantAgent, ConfigError, ScriptedModel, UserProxyAgent
from autogen_like.core.errors import ReplayDiffers
from autogen_like.store import Recorder, Tape


async def talk(store: Any, *said: str) -> str:
    ada = AssistantAgent("ada", llm_config=ScriptedModel(list(said)))
    await ada.run(message="One?", store=store)
    return str((await ada.run(message="Two?", clear_history=False, store=store)).summary)


async def test_several_runs_are_kept_in_one_file_and_replayed_in_order(tmp_path: Path):
    recorder = Recorder()
    await talk(recorder, "1", "2")
    recorder.save(tmp_path / "deep" / "talk.jsonl")
    tape = Tape(tmp_path / "deep" / "talk.jsonl")
    assert await talk(tape) == "2"
    tape.finish()
    with pytest.raises(ReplayDiffers, match="run 3: then there were only 2 runs"):
        await talk(tape)


async def test_a_run_that_was_not_replayed_is_told(tmp_path: Path):
    recorder = Recorder()
    await talk(recorder, "1", "2")
    recorder.save(tmp_path / "talk.jsonl")
    with pytest.raises(ReplayDiffers, match="run 1: then there were 2 runs, now 0"):
        Tape(tmp_path / "talk.jsonl").finish()


async def test_a_recording_cannot_be_gone_on_with():
    user = UserProxyAgent("user", human_input_mode="NEVER")
    with pytest.raises(ConfigError, match="keep the run in a Store"):
        await user.run(AssistantAgent("ada", llm_config=ScriptedModel([])), "Hi", store=Recorder(), resume="x")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no line in it"),
        ("{}", "line 1 is damaged: no exported run begins like this"),
        ("[1]", "line 1 is damaged: it is no JSON object"),
        ("{", "line 1 is damaged"),
        ('{"format": "autogen_like run"}', "'version' is missing"),
        ('{"format": "autogen_like run", "version": 99}', "this release reads 1"),
    ],
)
def test_what_is_no_recording_is_refused_and_named(tmp_path: Path, text: str, said: str):
    path = tmp_path / "talk.jsonl"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        Tape(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nothing\.jsonl can't be read"):
        Tape(tmp_path / "nothing.jsonl")
