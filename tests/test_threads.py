"""Threads of their own: a program that is interrupted while it starts one still ends."""

from __future__ import annotations

import subprocess
import sys

from bench import processes

PROGRAM = """
import os, random, signal, sys, threading, time
from controller.threads import one_thread

chance, kept, over = random.Random(7), [], time.monotonic() + 2
armed = False

def interrupted(number, frame):
    '''Interrupt as Ctrl-C does, once in each round: what is around a round is not what is tried here.'''
    global armed
    if armed:
        armed = False
        raise KeyboardInterrupt

def interrupt():
    while time.monotonic() < over:
        time.sleep(chance.random() / 500)
        os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, interrupted)
threading.Thread(target=interrupt, daemon=True).start()
rounds = 0
while rounds < 10 or time.monotonic() < over:
    try:
        armed = True
        made = one_thread("test")
        rounds += 1
        made.shutdown()
    except KeyboardInterrupt as error:
        kept.append(error)  # with its traceback, as a program has it that tells of it
    armed = False
signal.signal(signal.SIGINT, signal.SIG_IGN)
print(len(kept) > 0)
"""


def test_who_is_interrupted_while_it_starts_a_thread_ends() -> None:
    pipe = subprocess.PIPE
    with processes.running([sys.executable, "-c", PROGRAM], stdout=pipe, stderr=pipe, text=True) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "True\n"), err
