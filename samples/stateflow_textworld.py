"""A household task in a text game is done by a state machine: Plan, Find, Pick, Process, Put, as in StateFlow's paper.

python scripts/textworld_env.py .cache/textworld       (prints the Python that --python takes)
python samples/stateflow_textworld.py --python .cache/textworld/bin/python [--model NAME_OR_GGUF] [--oracle]
    [--seed 1] [--svg FILE]

The paper plays ALFWorld, whose games must be downloaded; TextWorld makes games of the same kind: something is to be
found, picked up, cooked and served. With --oracle what would win the game takes the model's place, after a mistake.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _model import llm_config

from autogen_like import AutogenLikeError, ConfigError, FlowResult, FunctionTool, ModelRequest, ScriptedModel
from autogen_like.stateflow import Context, StateFlow, TransitionTaken, ask, call, failed, matches, run

GAME = Path(__file__).with_name("textworld_game.py")
TURNS = 30
REFUSED = re.compile(r"That's (not|already)|You (can't|have to|need to|already)|I only understood|What do you want")

SYSTEM = (
    "You play a text game. You see what your commands do. Rooms have exits; doors, fridges and the like may be shut."
)
FORM = "Reply with one command, nothing else."
PLAN = "What does the recipe need? Reply with the name of its first ingredient, nothing else."
FIND = f"Find the ingredient: go north, south, east or west; open what is shut. {FORM}"
PICK = f"You see the ingredient. Take it: take ... from ... {FORM}"
PROCESS = f"Cook it in the kitchen, as the recipe says: roast with the oven, fry with the stove. {FORM}"
PUT = f"Now: prepare meal. Then: eat meal. {FORM}"
DOING = {"find": FIND, "pick": PICK, "process": PROCESS, "put": PUT}
DONE = "You (roast|fr[iy]|grill|cook)"


class Game:
    """A game in a process of its own.

    Args:
        python: A Python that has TextWorld.
        seed: Which game.

    Raises:
        ConfigError: If it doesn't start.
    """

    def __init__(self, python: str, seed: int = 1) -> None:
        try:
            self._process = subprocess.Popen(
                [python, str(GAME), "--seed", str(seed)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise ConfigError(f"{python!r} is no Python with TextWorld: python scripts/textworld_env.py") from error
        self.state: dict[str, Any] = self._read()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            said = self._process.stderr.read()[-1000:] if self._process.stderr else ""
            self.close()
            raise ConfigError(
                f"the game has ended; python scripts/textworld_env.py installs TextWorld. It said: {said}"
            )
        found: dict[str, Any] = json.loads(line)
        return found

    def play(self, command: str) -> str:
        """Does a command in the game.

        Raises:
            ValueError: If the game doesn't understand it, or refuses.
        """
        if self.state["over"]:
            raise ValueError("The game is over.")
        if self._process.stdin:
            self._process.stdin.write(" ".join(command.split()) + "\n")
            self._process.stdin.flush()
        self.state = self._read()
        text = str(self.state["text"])
        if REFUSED.match(text):
            raise ValueError(f"Nothing happens. {text}")
        return text

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()


def machine(model: Any, game: Game, turns: int = TURNS) -> StateFlow:
    """The paper's machine for ALFWorld, in a kitchen.

    Args:
        model: The model.
        game: The game.
        turns: How many commands may be tried.
    """

    def play(command: str) -> str:
        """Does a command in the game."""
        return game.play(command)

    def remember(context: Context) -> None:
        context.data["thing"] = context.text.strip().strip(".").lower()

    def sees(context: Context) -> bool:
        thing = context.data["thing"]
        return bool(thing) and thing in game.state["text"].lower()

    def won(_: Context) -> bool:
        return bool(game.state["won"])

    tool = FunctionTool(play, inline=True)
    flow = StateFlow("cook", initial="plan", final={"end"}, model=model, system=SYSTEM, max_transitions=turns)
    flow.state("plan", ask(PLAN), call(remember))
    for name, prompt in DOING.items():
        flow.state(name, ask(prompt), run(tool))
    flow.transition("*", "end", when=won)
    flow.transition("plan", "pick", when=sees).transition("plan", "find")
    for name in DOING:
        flow.transition(name, name, when=failed)  # "Nothing happens.": the same once more
    flow.transition("find", "pick", when=sees)
    flow.transition("pick", "process", when=matches("You (take|pick up)"))
    flow.transition("process", "put", when=matches(DONE))
    for name in DOING:
        flow.transition(name, name)
    return flow


def oracle(game: Game) -> ScriptedModel:
    """Says what would win the game; one command before it is a mistake."""
    mistakes = iter(["dance"])

    def reply(request: ModelRequest) -> str:
        steps = game.state["policy"]
        if "first ingredient" in request.messages[-1]["content"]:
            cooked = next(step for step in steps if step.startswith("cook "))
            return str(re.sub(r"^cook | with .*", "", cooked))
        return next(mistakes, None) or str(steps[0])

    return ScriptedModel(reply, record=False)


async def main(make_model: Callable[[Game], Any], game: Game) -> tuple[StateFlow, FlowResult]:
    """Plays a game, and tells how.

    Args:
        make_model: Makes the model.
        game: The game.
    """
    task = f"{game.state['recipe']}\n\n{game.state['text']}"
    print(f"{task}\n")
    flow = machine(make_model(game), game)
    going = flow.run(task)
    async for event in going:
        if isinstance(event, TransitionTaken):
            print(f"  {event.source} -> {event.target} ({event.reason})")
    result = await going
    print(flow.explain(result))
    print("Won." if game.state["won"] else f"Not won: {result.stop_reason}")
    return flow, result


def start() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="the Python of an environment that has TextWorld")
    parser.add_argument("--model", help="a model's name, or the path of a GGUF file; the embedded model by default")
    parser.add_argument("--oracle", action="store_true", help="let what would win take the model's place")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--svg", type=Path, help="where to draw the run (with Graphviz)")
    options = parser.parse_args()
    config = {**llm_config(options.model), "temperature": 0, "max_tokens": 20}
    game = Game(options.python, options.seed)
    try:
        flow, result = asyncio.run(main(oracle if options.oracle else lambda _: config, game))
        if options.svg is not None:
            options.svg.write_text(flow.to_svg(result))
        else:
            print(flow.to_mermaid(result))
    finally:
        game.close()


if __name__ == "__main__":
    try:
        start()
    except KeyboardInterrupt:
        print("\nInterrupted.")
    except AutogenLikeError as error:
        sys.exit(f"\n{error}")
