"""Threads of their own: a program that is interrupted while it starts one still ends."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import os, random, signal, sys, threading, time
from controller.threads import one_thread

chance, kept, over = random.Random(7), [], time.monotonic() + 2

def interrupt():
    while time.monotonic() < over:
        time.sleep(chance.random() / 500)
        os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
rounds = 0
while time.monotonic() < over:
    try:
        made = one_thread("test")
        rounds += 1
        made.shutdown()
    except KeyboardInterrupt as interrupt:
        kept.append(interrupt)  # with its traceback, as a program has it that tells of it
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(rounds > 10)
"""


def test_who_is_interrupted_while_it_starts_a_thread_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, restore_signals=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
