"""A flow as a picture, with a run drawn on it."""

from __future__ import annotations

import shutil
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from autogen_like import ConfigError, ScriptedModel, Usage
from autogen_like.stateflow import StateFlow, ask, choose, failed, says, succeeded

HOSTILE = '</svg><script>alert("x")</script> \\ "] -> #quot; `a`\n|b|'


def made(**more: Any) -> StateFlow:
    flow = StateFlow("f", initial="solve", final={"end"}, model=ScriptedModel(lambda _: "ok", usage=Usage(10, 2)))
    flow.state("solve", ask("Go."), **more).state("mend", ask("Mend."))
    flow.transition("solve", "mend", when=failed).transition("solve", choose(None, ["mend", "end"]))
    return flow.transition("mend", "end")


def test_mermaid_shows_states_edges_and_reasons():
    assert made().to_mermaid().splitlines() == [
        "flowchart TD",
        "    begin(( )) --> s0",
        '    s0["solve"]',
        '    s1["mend"]',
        '    s2(["end"])',
        '    s0 -->|"failed / the model chooses"| s1',
        '    s0 -->|"the model chooses"| s2',
        "    s1 --> s2",
    ]


def test_limits_are_edges_too():
    flow = made(max_visits=3, timeout=5, otherwise="end")
    assert '"the model chooses / after 3 visits or 5 s"' in flow.to_mermaid()


async def test_a_run_is_drawn_on_it():
    flow = made()
    flow.client = ScriptedModel(["ok", "end"], usage=Usage(10, 2))
    flow.transition("mend", "end", when=succeeded)
    flow.transitions.pop()
    result = await flow.run("t")
    text = flow.to_mermaid(result)
    assert 's0["solve<br/>1 visit, 12 tokens, 0.' in text
    assert 's1["mend"]' in text
    assert 's0 -.->|"failed / the model chooses"| s1' in text
    assert 's0 ==>|"the model chooses, x1, 12 tokens, 0.' in text
    dot = flow.picture(result).dot()
    assert "style=dashed" in dot
    assert "penwidth=2" in dot


def test_a_run_of_another_flow_is_refused():
    async def main() -> Any:
        return await made().run("t")

    import asyncio

    result = asyncio.run(main())
    other = StateFlow("g", initial="a", final={"end"}).state("a").transition("a", "end")
    with pytest.raises(ConfigError, match="a run of the flow 'f', not of 'g'"):
        other.picture(result)


def hostile() -> StateFlow:
    name = " ".join(HOSTILE.split())
    flow = StateFlow("f", initial=name, final={"end"}).state(name)
    return flow.transition(name, "end", when=says(HOSTILE)).transition(name, name)


@pytest.mark.needs_dot
def test_svg_is_drawn_by_graphviz_and_names_stay_text():
    svg = made().to_svg()
    assert svg.startswith("<svg")
    titles = "".join(ET.fromstring(svg).itertext())
    assert "mend" in titles
    assert "the model chooses" in titles
    drawn = ET.fromstring(hostile().to_svg())
    assert not [one for one in drawn.iter() if one.tag.endswith("script")]
    assert 'alert("x")' in "".join(drawn.itertext()).replace("\xa0", " ")


def test_names_stay_text_in_mermaid_too():
    text = hostile().to_mermaid()
    assert "<script" not in text
    assert text.count("\n") == 6
    assert all(line.count('"') in (0, 2) for line in text.splitlines())


@pytest.mark.needs_dot
def test_a_notebook_shows_it_as_svg():
    flow = made()
    assert set(flow._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}
    assert flow.picture()._repr_html_().startswith("<svg")


def test_without_graphviz_a_notebook_shows_mermaid_and_svg_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda program: None)
    flow = made()
    assert set(flow._repr_mimebundle_()) == {"text/vnd.mermaid", "text/plain"}
    assert flow.picture()._repr_html_().startswith('<pre class="mermaid">flowchart TD')
    with pytest.raises(ConfigError, match="apt-get install graphviz"):
        flow.to_svg()


def test_a_graphviz_that_fails_is_told(monkeypatch, tmp_path):
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\necho no fonts >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(program))
    with pytest.raises(ConfigError, match="could not draw 'f': no fonts"):
        made().to_svg()
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr("autogen_like.stateflow.drawing.SECONDS", 0.1)
    with pytest.raises(ConfigError, match="took more than"):
        made().to_svg()


def test_a_half_declared_flow_shows_what_is_missing():
    flow = StateFlow("f", initial="a", final={"end"})
    assert "initial state 'a' is not declared" in flow._repr_mimebundle_()["text/plain"]
