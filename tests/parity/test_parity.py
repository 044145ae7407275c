"""What AutoGen 0.2 says in scripted scenarios, beside what we say. Each intended difference has its reason."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

import autogen_like.compat

sys.path.insert(0, str(Path(__file__).parent))
import record

HERE = Path(__file__).parent
RECORDED = json.loads((HERE / "autogen_0_2_40.json").read_text())
PACKAGES = ["autogen-agentchat==0.2.40", "openai==1.109.1", "numpy<2"]

# Scenario -> why we differ, and the contents of the messages that we say instead.
INTENDED: dict[str, tuple[str, list[Any]]] = {
    "terminate_at_the_end": (
        "A message that ends with TERMINATE ends the chat: 0.2's own assistant is told to write it so.",
        ["hi", "Done. TERMINATE"],
    ),
    "the_recipient_falls_silent_before_max_turns": (
        "Where the recipient has nothing to say the chat ends; in 0.2 the initiator then answers itself.",
        ["hi", "u", "p"],
    ),
    "replies_in_a_row_async": (
        "Async counts each reply once, as sync does; 0.2 counts it twice and stops half-way.",
        ["hi", "u", "p", "v", "q", "w"],
    ),
    "a_tool_that_fails": (
        "The result names the type of the error, which the model needs to mend it.",
        ["hi", None, "Error: ValueError: no luck", "TERMINATE"],
    ),
    "group_runs_a_tool": (
        "A call without text has no content, in a group too; 0.2 writes an empty text into the shared dict.",
        ["hi", None, "six"],
    ),
    "human_interrupts_a_tool": (
        "What a person says instead of a tool's results is marked as answering the call, and reaches the model.",
        ["hi", None, "don't", "sorry"],
    ),
    "the_cost_of_a_second_chat": (
        "The cost is that of this chat; 0.2's is of the agents' whole lives.",
        {"total_cost": 0.5, "fixed": {"cost": 0.5, "prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
    ),
    "what_people_said": ("What people said in a chat is in its result; 0.2 forgets it.", ["more"]),
    "a_hook_async": ("Sync hooks work in async chats; 0.2 leaves them out without a word.", ["hi [noted]"]),
}


def without_names_of_calls(outcome: Any) -> Any:
    """A tool call names its speaker here, and doesn't in 0.2's two-agent chats."""
    if isinstance(outcome, list):
        return [without_names_of_calls(one) for one in outcome]
    if isinstance(outcome, dict):
        kept = {key: without_names_of_calls(value) for key, value in outcome.items()}
        if "tool_calls" in kept or "function_call" in kept:
            kept.pop("name", None)
        return kept
    return outcome


def contents(outcome: Any) -> list[Any]:
    return [message.get("content") if isinstance(message, dict) else message for message in outcome]


def is_history(outcome: Any) -> bool:
    return isinstance(outcome, list) and all(isinstance(one, dict) for one in outcome)


def test_there_are_at_least_sixty_scenarios():
    assert len(record.SCENARIOS) >= 60
    assert set(record.SCENARIOS) == set(RECORDED)


@pytest.mark.parametrize("name", sorted(record.SCENARIOS))
def test_we_say_what_autogen_says(name):
    ours = record.outcome(autogen_like.compat, name)
    theirs = copy.deepcopy(RECORDED[name])
    if name in INTENDED:
        assert without_names_of_calls(ours) != without_names_of_calls(theirs), "no longer a difference: take it out"
        assert (contents(ours) if is_history(ours) else ours) == INTENDED[name][1]
    else:
        assert without_names_of_calls(ours) == without_names_of_calls(theirs)


def test_every_intended_difference_is_in_the_migration_guide():
    guide = (HERE.parents[1] / "docs" / "migration.md").read_text()
    assert all(name in RECORDED for name in INTENDED)
    for word in ("TERMINATE", "hooks", "max_turns", "async"):
        assert word in guide


@pytest.mark.slow
@pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 11), (3, 12)) or not os.environ.get("CI"),
    reason="AutoGen 0.2.40 needs Python 3.11 or 3.12; set CI=true to install it and compare with it live",
)
def test_the_recorded_transcripts_are_what_autogen_says_today(tmp_path):
    venv.create(tmp_path / "autogen", with_pip=True)
    python = tmp_path / "autogen" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", *PACKAGES], check=True)
    subprocess.run([python, HERE / "record.py", tmp_path / "today.json"], check=True, cwd=tmp_path)
    assert json.loads((tmp_path / "today.json").read_text()) == RECORDED
