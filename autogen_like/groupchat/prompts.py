"""What the model that selects the next speaker is told. All of it can be replaced: see `GroupChat`."""

INTRODUCTION = "Hello everyone. In this group are: "

SELECT_MESSAGE = """Several people work on a task together. These take part:
{roles}

Read what they have said so far, then name the one of {agentlist} who should speak next. Answer with the name alone."""

SELECT_PROMPT = "Read the conversation above. Who of {agentlist} should speak next? Answer with the name alone."

SEVERAL_NAMED = """Your answer named several people. Name one. Decide it so:
1. If the one who just spoke asked somebody to go on, it is that one.
2. If someone was mentioned as being next, it is that one.
3. Otherwise it is the first whom you named.
Answer with one name out of {agentlist}, spelled exactly so, and nothing else."""

NOBODY_NAMED = """Your answer named nobody who takes part.
Answer with one name out of {agentlist}, spelled exactly so, and nothing else."""
