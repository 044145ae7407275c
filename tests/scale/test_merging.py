"""Prefix merging: every token that is trained on was sampled, and nothing that was sampled is lost or twice there."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autogen_like import ConfigError, ModelCall, Sample, SampledTokens, prefix_merging

END = 0
PAIRS = {("f", "i"): "fi", ("fi", "s"): "fis", ("a", "b"): "ab"}


class Vocabulary:
    """A toy tokenizer that merges pairs, and a sampler that doesn't: what it samples isn't what is shown later."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {"<end>": END}

    def id(self, piece: str) -> int:
        return self.ids.setdefault(piece, len(self.ids))

    def encode(self, text: str) -> list[int]:
        pieces = list(text)
        merged = True
        while merged:
            merged = False
            for place in range(len(pieces) - 1):
                joined = PAIRS.get((pieces[place], pieces[place + 1]))
                if joined is not None:
                    pieces[place : place + 2] = [joined]
                    merged = True
                    break
        return [self.id(piece) for piece in pieces]

    def sampled(self, text: str) -> list[int]:
        return [self.id(piece) for piece in text]

    def prompt(self, messages: list[dict[str, Any]]) -> list[int]:
        shown: list[int] = []
        for message in messages:
            shown += [self.id(f"<{message['role']}>"), *self.encode(message["content"]), END]
        return [*shown, self.id("<assistant>")]


@dataclass
class Server:
    """A model server that says what it is told to, and gives tokens and log-probabilities."""

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    calls: list[ModelCall] = field(default_factory=list)
    keeps_end: bool = True

    def say(
        self, messages: list[dict[str, Any]], text: str, agent: str = "ada", finish: str = "stop"
    ) -> dict[str, Any]:
        ids = self.vocabulary.sampled(text)
        if self.keeps_end and finish == "stop":
            ids.append(END)
        reply = {"role": "assistant", "content": text}
        logprobs = tuple(-float(len(self.calls) * 1000 + place + 1) for place in range(len(ids)))  # each only once
        tokens = SampledTokens(tuple(self.vocabulary.prompt(messages)), tuple(ids), logprobs, frozenset({END}))
        self.calls.append(ModelCall("c", agent, "m", tuple(messages), reply, (), finish, tokens))
        return reply


def check(calls: list[ModelCall], samples: list[Sample]) -> None:
    """The trained tokens are the sampled ones, each once, with the log-probabilities that they were drawn with."""
    told = [call.tokens for call in calls if call.tokens is not None]
    drawn = {
        logprob: token for one in told for token, logprob in zip(one.response_ids, one.logprobs or (), strict=True)
    }
    trained = {}
    for sample in samples:
        assert sample.logprobs is not None
        for token, mask, logprob in zip(sample.response_ids, sample.loss_mask, sample.logprobs, strict=True):
            if mask:
                assert logprob not in trained
                trained[logprob] = token
            else:
                assert logprob == 0.0
    assert trained == drawn


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


@pytest.mark.parametrize("keeps_end", [True, False])
def test_a_conversation_is_one_sample_though_its_replies_are_tokenised_otherwise_later(keeps_end: bool) -> None:
    server, said = Server(keeps_end=keeps_end), [user("go")]
    for word in ("fish", "abab", "fi"):
        said = [*said, server.say(said, word), user("more")]
    [sample] = prefix_merging(server.calls, reward=0.5)
    check(server.calls, [sample])
    assert (sample.calls, sample.reward) == (3, 0.5)
    words = {number: piece for piece, number in server.vocabulary.ids.items()}
    shown = "".join(words[token] for token in (*sample.prompt_ids, *sample.response_ids))
    more = "<user>more<end><assistant>"
    assert shown == f"<user>go<end><assistant>fish<end>{more}abab<end>{more}fi" + ("<end>" if keeps_end else "")
    # Turning the text back into tokens would have trained on tokens that were never sampled.
    assert server.vocabulary.id("fis") not in sample.response_ids
    assert server.vocabulary.id("fis") in (server.calls[1].tokens or SampledTokens((), ())).prompt_ids


def test_agents_that_speak_in_turn_have_a_sample_each() -> None:
    server = Server()
    ada = [{"role": "system", "content": "you are ada"}, user("hi")]
    bob = [{"role": "system", "content": "you are bob"}]
    for _ in range(3):
        said = server.say(ada, "fish", "ada")
        bob = [*bob, user("fish")]
        answer = server.say(bob, "ab", "bob")
        ada, bob = [*ada, said, user("ab")], [*bob, answer]
    samples = prefix_merging(server.calls)
    check(server.calls, samples)
    assert [(sample.agent, sample.calls) for sample in samples] == [("ada", 3), ("bob", 3)]


def test_a_conversation_that_was_shortened_begins_anew() -> None:
    server = Server()
    first = server.say([user("one"), user("two")], "fish")
    server.say([user("one"), user("two"), first, user("on")], "ab")
    server.say([user("in short: one, two"), user("on")], "ba")
    samples = prefix_merging(server.calls)
    check(server.calls, samples)
    assert [sample.calls for sample in samples] == [2, 1]


def test_several_answers_to_one_prompt_are_several_samples_and_the_right_one_goes_on() -> None:
    server, asked = Server(), [user("go")]
    server.say(asked, "ab")
    chosen = server.say(asked, "fish")
    server.say(asked, "ba")
    server.say([*asked, chosen, user("on")], "fin")
    samples = prefix_merging(server.calls)
    check(server.calls, samples)
    assert [sample.calls for sample in samples] == [1, 2, 1]


def test_a_reply_that_was_edited_before_it_was_shown_again_begins_anew() -> None:
    server, asked = Server(), [user("go")]
    server.say(asked, "fish")
    server.say([*asked, {"role": "assistant", "content": "fosh"}, user("on")], "ab")
    samples = prefix_merging(server.calls)
    check(server.calls, samples)
    assert [sample.calls for sample in samples] == [1, 1]


def test_a_reply_that_was_cut_goes_on_where_the_next_prompt_ends_its_turn() -> None:
    server, asked = Server(), [user("go")]
    cut = server.say(asked, "fis", finish="length")
    server.say([*asked, cut, user("on")], "ab")
    [sample] = prefix_merging(server.calls)
    check(server.calls, [sample])
    after = sample.response_ids[3:]
    assert after[0] == END
    assert sample.loss_mask[:4] == (1, 1, 1, 0)


def test_calls_without_tokens_are_left_out_and_missing_logprobs_are_said_to_be_missing() -> None:
    server, asked = Server(), [user("go")]
    said = server.say(asked, "fish")
    server.say([*asked, said, user("on")], "ab")
    first, second = server.calls
    bare = ModelCall("c", "ada", "m", (), {})
    assert prefix_merging([bare]) == []
    without = SampledTokens(*(second.tokens.prompt_ids, second.tokens.response_ids) if second.tokens else ((), ()))
    changed = ModelCall("c", "ada", "m", second.messages, second.reply, (), "stop", without)
    [sample] = prefix_merging([first, bare, changed])
    assert sample.logprobs is None
    assert sample.calls == 2


def test_the_end_of_a_turn_is_what_was_said_or_what_the_first_reply_ended_with() -> None:
    def call(prompt: tuple[int, ...], reply: tuple[int, ...]) -> ModelCall:
        return ModelCall("c", "ada", "m", (), {}, tokens=SampledTokens(prompt, reply))

    calls = [call((1, 2), (3, 4, 9)), call((1, 2, 34, 9, 5), (6, 9))]
    assert [sample.calls for sample in prefix_merging(calls)] == [2]
    assert [sample.calls for sample in prefix_merging(calls, end_ids=[7])] == [1, 1]


def test_a_sample_that_is_not_whole_is_refused() -> None:
    with pytest.raises(ConfigError, match="mask"):
        Sample((1,), (2, 3), (1,))
    with pytest.raises(ConfigError, match="log-probabilities"):
        Sample((1,), (2, 3), (1, 1), (0.1,))
    with pytest.raises(ConfigError, match="finite"):
        Sample((1,), (2,), (1,), reward=float("inf"))


@given(st.integers(0, 2**32), st.booleans())
def test_whatever_is_said_the_trained_tokens_are_the_sampled_ones(seed: int, keeps_end: bool) -> None:
    chance = random.Random(seed)
    server = Server(keeps_end=keeps_end)
    chats: list[list[dict[str, Any]]] = [[user(str(number))] for number in range(3)]
    for _ in range(chance.randrange(1, 25)):
        place = chance.randrange(len(chats))
        said = chats[place]
        word = "".join(chance.choice("fisab") for _ in range(chance.randrange(1, 6)))
        finish = chance.choice(("stop", "stop", "length"))
        reply = server.say(said, word, f"agent {place}", finish)
        what = chance.random()
        if what < 0.6:
            chats[place] = [*said, reply, user(word)]
        elif what < 0.75:
            chats[place] = said[chance.randrange(len(said)) :]  # shortened
        elif what < 0.85:
            chats[place] = [*said, {**reply, "content": word + "x"}, user("y")]  # rewritten
        elif what < 0.95:
            chats.append([*said, reply, user("a branch")])
    samples = prefix_merging(server.calls)
    check(server.calls, samples)
    assert sum(sample.calls for sample in samples) == len(server.calls)
