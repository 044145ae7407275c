"""Flows in files: they come back as they were, and can name only what the program allows."""

from __future__ import annotations

import builtins
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autogen_like import AssistantAgent, ConfigError, FunctionTool, Limits, MissingExtra, ScriptedModel
from autogen_like.coding.blocks import MarkdownCodeExtractor
from autogen_like.stateflow import (
    StateFlow,
    ask,
    call,
    chat,
    choose,
    failed,
    flow,
    instruct,
    last,
    matches,
    raised,
    returned,
    run,
    says,
    since,
    succeeded,
)


@pytest.fixture(autouse=True)
def _declared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    sys.modules.pop("declared", None)


class Executor:
    code_extractor = MarkdownCodeExtractor()

    async def execute(self, blocks: Any, *, on_output: Any = None) -> Any:
        raise AssertionError


def names() -> dict[str, Any]:
    return {
        "gpt": ScriptedModel(["x", "found it", "yes"]),
        "ada": AssistantAgent("ada", llm_config=ScriptedModel(["Hello."])),
        "shell": Executor(),
        "careful": FunctionTool(lambda what: what, name="careful", description="C.", approval=True),
    }


def everything(known: dict[str, Any]) -> StateFlow:
    import declared

    inner = StateFlow("inner", initial="i", final=["o"]).state("i", call(declared.note)).transition("i", "o")
    made = StateFlow(
        "all", initial="a", final=["end", "bad"], model=known["gpt"], system="Be good.", instruction="first",
        max_transitions=7, answer=declared.answer,
    )  # fmt: skip
    made.state(
        "a", instruct("Do {task}."), ask("Look.", view=last(2)), run(declared.look), run(declared.look, {"query": "x"}),
        run(declared.look, declared.part), run(known["shell"], name="sh"), call(declared.note),
        model=known["gpt"], tools=[known["careful"]], view=since("a"), temperature=0.5, max_visits=3, timeout=60,
        otherwise="bad", description="The first.",
    )  # fmt: skip
    made.state("b", ask(known["ada"], "Speak.", view="{task}"), chat(known["ada"], "Hi."), chat(known["ada"]))
    told = {"max_turns": 2, "summary_method": declared.part, "limits": Limits(requests=3, cost=0.5), "silent": True}
    made.state("d", chat(known["ada"], "Hi.", **told), chat(known["ada"], declared.part, summary_args={"call": "x"}))
    made.transition("b", "d", when=says("d")).transition("d", "end")
    made.state("c", flow(inner), flow(inner, "{task}"), ask(known["gpt"], "x", view=declared.part, rounds=3))
    made.transition("a", "b", when=succeeded).transition("a", "b", when=says("x")).transition("*", "bad", when=failed)
    made.transition("a", "c", when=matches("^y")).transition("a", "c", when=returned("look"))
    made.transition("a", "c", when=returned("look", declared.good)).transition("*", "bad", when=raised("KeyError"))
    made.transition("a", "b", when=declared.happy)
    made.transition("b", choose(None, ["c", "end"], default="end", retries=0))
    return made.transition("c", choose(known["gpt"], ["a", "end"], prompt="Well? {choices}"))


@pytest.mark.parametrize("kind", ["json", "yaml", "yml"])
def test_a_flow_comes_back_as_it_was(kind: str, tmp_path: Path):
    known = names()
    made = everything(known)
    path = tmp_path / f"flow.{kind}"
    made.save(path, names=known)
    again = StateFlow.load(path, names=known, modules=["declared"])
    assert again.to_mermaid() == made.to_mermaid()
    assert again.transitions == made.transitions
    assert again.states["b"] == made.states["b"]
    assert again.states["d"] == made.states["d"]
    for name in ("max_visits", "timeout", "otherwise", "view", "temperature", "description", "client"):
        assert getattr(again.states["a"], name) == getattr(made.states["a"], name)
    assert (again.system, again.instruction, again.max_transitions) == ("Be good.", "first", 7)
    other = tmp_path / f"other.{kind}"
    again.save(other, names=known)
    assert other.read_text() == path.read_text()


async def test_a_flow_written_by_hand_runs(tmp_path: Path):
    path = tmp_path / "flow.yaml"
    path.write_text(
        """
        name: small
        initial: look
        final: [end]
        model: gpt
        answer: declared:answer
        states:
          look:
            outputs:
              - ask: Look it up.
              - run: declared:look
              - call: declared:note
        transitions:
          - {from: look, to: end, when: {returned: {tool: look, test: declared:good}}}
        """
    )
    made = StateFlow.load(path, names=names(), modules=["declared"])
    result = await made.run("t")
    assert (result.state, result.summary, result.data) == ("end", "answer to t", {"noted": True})


SMALL = {"name": "f", "initial": "a", "final": ["end"], "transitions": [{"from": "a", "to": "end"}]}


def load(path: Path, raw: Any, **more: Any) -> StateFlow:
    path.write_text(raw if isinstance(raw, str) else json.dumps(raw))
    return StateFlow.load(path, **more)


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("os:system", "if you trust that module"),
        ("declared:os", "isn't a function or an object that is defined in that module"),
        ("declared:os.system", "no public 'os.system'"),
        ("declared:getcwd", "isn't a function or an object that is defined"),
        ("declared:_private", "no public '_private'"),
        ("declared:__builtins__", "no public"),
        ("declared:nothing", "no public 'nothing'"),
        ("declared:Thing", "isn't a function"),
        ("declared:Any", "isn't a function"),
        ("declared.os:system", "if you trust that module"),
        ("somebody", "load\\(names=...\\) doesn't give"),
    ],
)
def test_a_file_can_name_only_what_is_allowed(reference: str, said: str, tmp_path: Path):
    raw = {**SMALL, "states": {"a": {"outputs": [{"call": reference}]}}}
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / "f.json", raw, modules=["declared"])


def test_a_module_that_is_not_allowed_is_not_even_imported(tmp_path: Path, monkeypatch):
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    raw = {**SMALL, "states": {"a": {"outputs": [{"call": "evil_module:f"}]}}}
    with pytest.raises(ConfigError, match="if you trust"):
        load(tmp_path / "f.json", raw)
    assert "evil_module" not in sys.modules


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("f.yaml", "!!python/object/apply:os.system ['true']", "is no YAML"),
        ("f.yaml", "a: &a [1]\nb: *a", "alias"),
        ("f.yaml", "a: [", "is no YAML"),
        ("f.json", "{", "can't be read"),
        ("f.json", "[" * 100_000, "can't be read"),
        ("f.json", '{"name": "f", "initial": "a", "final": ["end"], "exec": "x"}', "exec: Extra inputs"),
        ("f.json", '{"name": "f"}', "initial: Field required"),
        ("f.json", "3", "declares no flow"),
        ("f.txt", "", "ends with .json"),
    ],
)
def test_a_file_that_declares_no_flow_is_refused(name: str, text: str, said: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / name, text)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path):
    with pytest.raises(ConfigError, match="at most 1,000,000"):
        load(tmp_path / "f.json", " " * 1_000_001)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"outputs": [{}]}, "takes exactly one of"),
        ({"outputs": [{"ask": "x", "call": "y"}]}, "takes exactly one of"),
        ({"outputs": [{"run": {}}]}, "names a tool or an executor"),
        ({"view": {"last": 1, "since": "a"}}, "a view takes exactly one"),
        ({"view": {"last": 0}}, "at least 1"),
    ],
)
def test_a_declaration_in_a_file_is_checked_like_one_in_python(state: Any, said: str, tmp_path: Path):
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / "f.json", {**SMALL, "states": {"a": state}})


def test_a_condition_in_a_file_is_one(tmp_path: Path):
    raw = {**SMALL, "transitions": [{"from": "a", "to": "end", "when": {"says": "x", "matches": "y"}}]}
    with pytest.raises(ConfigError, match="a condition takes exactly one"):
        load(tmp_path / "f.json", raw)
    with pytest.raises(ConfigError, match="must be a list of modules"):
        load(tmp_path / "f.json", SMALL, modules="os")


class Own:
    async def holds(self, context: Any) -> bool:
        return True


class Source:
    def schemas(self, conversation: str = "") -> list[Any]:
        return []

    def get(self, name: str, conversation: str = "") -> None:
        return None


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda made: made.state("x", call(lambda context: None)), "can't be found by an import path"),
        (lambda made: made.state("x", ask(ScriptedModel([]), "x")), "give it a name"),
        (lambda made: made.state("x", run(FunctionTool(json.dumps, name="other", description="D."))), "give it a name"),
        (lambda made: made.state("x", tools=Source()), "the tools of the state 'x'"),
        (lambda made: made.transition("a", "end", when=Own()), "give it a name"),
    ],
)
def test_what_a_file_cannot_say_is_named(declare: Any, said: str, tmp_path: Path):
    made = StateFlow("f", initial="a", final={"end"})
    declare(made)
    with pytest.raises(ConfigError, match=said):
        made.save(tmp_path / "f.json", names={"ada": made})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"store": "sqlite:///x.db"},
            r"chat\(ada, store=\.\.\.\) can't be written to a file, which may say clear_history",
        ),
        ({"max_turns": "many"}, r"options of chat\(ada\) can't be written"),
        ({"summary_method": lambda *_: "x"}, "give it a name"),
        ({"summary_args": {"x": object()}}, "a file can't hold"),
    ],
)
def test_how_a_chat_is_held_is_written_only_where_a_file_may_say_it(options: Any, said: str, tmp_path: Path):
    ada = AssistantAgent("ada")
    made = StateFlow("f", initial="a", final={"end"}).state("a", chat(ada, **options)).transition("a", "end")
    with pytest.raises(ConfigError, match=said):
        made.save(tmp_path / "flow.json", names={"ada": ada})


@pytest.mark.parametrize("options", ['{"store": "sqlite:///x.db"}', '{"limits": {"cost": -1}}', '{"human": "events"}'])
def test_a_file_cannot_say_where_a_chat_is_kept_or_who_answers(options: str, tmp_path: Path):
    path = tmp_path / "flow.json"
    path.write_text(
        '{"name": "f", "initial": "a", "final": ["end"], "transitions": [{"from": "a", "to": "end"}], "states": '
        f'{{"a": {{"outputs": [{{"chat": {{"agent": "ada", "options": {options}}}}}]}}}}}}'
    )
    with pytest.raises(ConfigError, match=r"declares no flow|must be more than 0"):
        StateFlow.load(path, names={"ada": AssistantAgent("ada")})


def test_an_output_of_ones_own_cannot_be_written(tmp_path: Path):
    class Mine:
        kind, speaker, agent, client = "mine", "", None, None

        async def produce(self, at: Any) -> None:
            return None

    with pytest.raises(ConfigError, match="can't be written to a file"):
        StateFlow("f", initial="a", final={"end"}).state("a", Mine()).save(tmp_path / "f.json")


@pytest.mark.parametrize("act", ["load", "save"])
def test_without_pyyaml_the_extra_is_named(act: str, tmp_path: Path, monkeypatch):
    path = tmp_path / "f.yaml"
    path.write_text("{}")
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "yaml":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    made = StateFlow("f", initial="a", final={"end"})
    acts = {"load": lambda: StateFlow.load(path), "save": lambda: made.save(path)}
    with pytest.raises(MissingExtra, match=r"autogen_like\[yaml\]"):
        acts[act]()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
shapes = st.fixed_dictionaries(
    {"name": st.text(max_size=4), "initial": st.text(max_size=4), "final": st.lists(st.text(max_size=4), max_size=2)},
    optional={
        "states": st.dictionaries(st.text(max_size=4), st.fixed_dictionaries({}, optional={"outputs": anything})),
        "transitions": st.lists(
            st.fixed_dictionaries({"from": st.text(max_size=4), "to": anything}, optional={"when": anything})
        ),
    },
)


@settings(max_examples=150, deadline=None)
@given(raw=anything | shapes)
def test_whatever_a_file_says_it_is_a_flow_or_a_configuration_error(raw: Any, tmp_path_factory):
    path = tmp_path_factory.mktemp("any") / "f.json"
    try:
        load(path, raw).check()
    except ConfigError:
        pass
