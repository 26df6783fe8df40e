"""What must not be cut in two is held together, with other threads alive and real signals at any moment."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PROGRAM = """
import os, subprocess, sys, threading, time
from agentdeck.system.machine.interrupts import prepare, uninterrupted

log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
where, over = sys.argv[2], threading.Event()

def work():
    while not over.is_set():
        with uninterrupted():
            os.write(log, b"(")
            for step in range(3):
                time.sleep(0.002)
                sum(range(1000))
            subprocess.run(["sh", "-c", "sleep 0.005; printf x"], stdout=log, check=True)
            os.write(log, b")")

def idle():
    while not over.is_set():
        sum(range(1000))
        time.sleep(0.001)

os.write(log, b" ")
beside = {"alone": [], "beside": [idle], "worker": [work], "both": [idle, work]}[where]
prepare()
try:
    for function in beside:
        threading.Thread(target=function).start()
    idle() if where == "worker" else work()
finally:
    over.set()
"""


@pytest.mark.parametrize("where", ["alone", "beside", "worker", "both"])
@pytest.mark.parametrize("sign", SIGNALS)
def test_a_block_is_done_to_its_end_and_then_the_signal_acts(tmp_path: Path, where: str, sign: signal.Signals) -> None:
    moments, log = random.Random(f"{where} {sign}"), tmp_path / "log"
    for _ in range(8):
        log.write_text("")
        program = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, log, where],
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while not log.read_text():
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.1))
        for _ in range(moments.randint(1, 3)):
            program.send_signal(sign)
        _, err = program.communicate(timeout=30)
        told = log.read_text().strip()
        assert told.count("(") == told.count("x") == told.count(")"), (told, err)
        if sign is signal.SIGINT:
            assert "KeyboardInterrupt" in err
        assert program.returncode == -sign


def test_handlers_and_mask_are_as_before(tmp_path: Path) -> None:
    line = """
import signal
from agentdeck.system.machine.interrupts import uninterrupted
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda number, frame: print("term"))
with uninterrupted():
    with uninterrupted():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGHUP)
    print("held")
print("over")
signal.raise_signal(signal.SIGTERM)
assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
"""
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["held", "term", "over", "term"]
