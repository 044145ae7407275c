"""Two rollouts on the embedded model, and what of them can be trained on: sampled tokens, everything else masked.

python samples/trajectories.py [FILE]

The model is fetched once: autogen-like models pull smollm2-135m
"""

from __future__ import annotations

import sys
from typing import Any

from autogen_like import AssistantAgent, Rollouts, Sample, ScriptedModel, read_samples

MODEL = {"model": "local:smollm2-135m", "max_tokens": 16, "temperature": 0.8, "logprobs": True}


async def chat(topic: str) -> Any:
    """Two turns of the model, with a person's question between them."""
    ada = AssistantAgent("ada", "You are brief.", llm_config=MODEL)
    asker = AssistantAgent("asker", llm_config=ScriptedModel(["Why?"]))
    return await asker.run(ada, message=f"Say something about {topic}.", max_turns=2, summary_method=None)


def main(path: str = "trajectories.jsonl") -> list[Sample]:
    """Has the chats, and shows the samples."""
    rollouts = Rollouts(chat, concurrency=2, trajectories=path, scorer=lambda one: -len(one.result.messages[-1].text))
    rollouts.map(["the sea", "the moon"])
    samples = list(read_samples(path))
    for sample in samples:
        mask = "".join(".#"[one] for one in sample.loss_mask)
        print(f"{sample.calls} calls, {len(sample.prompt_ids)} tokens shown first, reward {sample.reward}\n  {mask}")
    return samples


if __name__ == "__main__":
    main(*sys.argv[1:2])
