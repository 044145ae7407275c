"""A TextWorld game on standard input and output, for samples/stateflow_textworld.py, which starts it.

It runs in TextWorld's own environment (scripts/textworld_env.py), and so imports nothing of autogen_like. Each line in
is a command, each line out is JSON: what the game says, whether it is won or over, the recipe, and what would win it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import tempfile
from pathlib import Path

import textworld
from textworld.challenges import CHALLENGES
from textworld.generator import compile_game


def made(seed: int, rooms: int, folder: str) -> str:
    """The path of a new game: something is to be found, taken, cooked and served."""
    options = textworld.GameOptions()
    options.seeds = seed
    options.path = str(Path(folder) / "game.z8")
    settings = {
        "recipe": 1, "take": 1, "go": rooms, "open": True, "cook": True, "cut": False, "drop": False,
        "recipe_seed": seed, "split": None,
    }  # fmt: skip
    _, make, _ = CHALLENGES["tw-cooking"]
    return str(compile_game(make(settings, options), options))


def told(text: str) -> str:
    """What the game says, without its banner, prompt and status line."""
    text = re.sub(r"\n>[^\n]*$", "", text.rstrip())
    text = text[text.rfind("$$$") :].partition("\n")[2] if "$$$" in text else text
    return re.sub(r"\n\s*\n+", "\n", text).strip()


def main() -> None:
    """Plays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rooms", type=int, choices=[1, 6, 9, 12], default=6)
    options = parser.parse_args()
    infos = textworld.EnvInfos(feedback=True, won=True, lost=True, policy_commands=True, extras=["recipe"])
    with tempfile.TemporaryDirectory() as folder:
        with contextlib.redirect_stdout(sys.stderr):
            game = textworld.start(made(options.seed, options.rooms, folder), request_infos=infos)
            state, score, over = game.reset(), 0, False
            recipe = told(str(state["extra.recipe"]))
        while True:
            answer = {"text": told(state.feedback), "won": bool(state.won), "over": over or bool(state.lost)}
            print(json.dumps({**answer, "score": score, "recipe": recipe, "policy": state.policy_commands}), flush=True)
            command = sys.stdin.readline()
            if not command or answer["over"]:
                return
            state, score, over = game.step(command.strip())


if __name__ == "__main__":
    main()
