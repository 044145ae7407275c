"""The sample whose tool asks first, at a terminal and without one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pexpect

SAMPLE = str(Path(__file__).parents[2] / "samples" / "approvals.py")


def test_at_a_terminal_the_person_is_asked_for_the_large_payment_only():
    child = pexpect.spawn(sys.executable, [SAMPLE], encoding="utf-8", timeout=60)
    child.expect("Ada was paid 20 euros")
    child.expect(r'run pay with \{"name": "Bob", "amount": 2000\}\? \(yes, or no and why\)')
    child.sendline("yes")
    child.expect("Bob was paid 2000 euros")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_without_a_terminal_it_pauses_and_says_what_it_would_ask():
    done = subprocess.run(
        [sys.executable, SAMPLE], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60
    )
    assert "Ada was paid 20 euros" in done.stdout
    assert "Bob was paid" not in done.stdout
    assert "Nobody is at the terminal" in done.stdout
