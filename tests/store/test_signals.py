"""A signal handler may log and flush wherever it interrupts its thread: nothing waits for ever."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from igfast.store import RunReader

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs POSIX signals")

SECONDS = 100  # after which a process hangs


def run(code: str, *arguments: object) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *map(str, arguments)]
    found = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert found.returncode == 0, found.stderr
    return found.stdout


def logged(path: Path) -> Counter[str]:
    with RunReader(path) as reader:
        return Counter({name: len(steps) for name, (steps, _) in reader.scalars().items()})


EVERYWHERE = """
import signal, sys, threading
import numpy as np
import igfast
from igfast.store import BackgroundWriter, RunReader, background, handover

path, handover.MAX_WAITING = sys.argv[1], int(sys.argv[2])
FILES = {handover.__file__, background.__file__}
places, handled, handed, closing, wrong = set(), 0, [], False, []

def stored():
    with RunReader(path) as reader:
        return reader.steps.tolist()

def handle(number, frame):
    global handled
    if not closing:
        writer.write_scalars(handled, {f"signal/{handled}": 1.0})
        handled += 1
    writer.flush()
    found = stored()
    if found[: len(handed)] != handed or len(found) > len(handed) + 1:
        wrong.append((handed, found))

def trace(frame, event, argument):
    if frame.f_code.co_filename not in FILES:
        return None
    frame.f_trace_opcodes = True
    if event == "opcode":
        places.add((frame.f_code.co_name, frame.f_lasti))
        signal.raise_signal(signal.SIGALRM)
    return trace

signal.signal(signal.SIGALRM, handle)
record = igfast.histogram({"w": np.arange(100.0)}, splits=4, moments=True)
writer = BackgroundWriter(path, config={})
writer.define_layers("param", ["w"], [(100,)], ["float64"])
for step in range(3):
    sys.settrace(trace)
    writer.write_record(step, 0.0, {"param": record})
    sys.settrace(None)
    handed.append(step)
sys.settrace(trace)
writer.write_scalars(0, {"loss": 1.0})
writer.flush()
sys.settrace(None)
closing = True
sys.settrace(trace)
writer.close()
sys.settrace(None)
assert not wrong, wrong
print(handled, *{name for name, _ in places})
"""


@pytest.mark.parametrize("room", [8 << 20, 1])
def test_at_every_instruction_of_the_handover(tmp_path, room):
    """With room, and where each record waits until the one before is written."""
    path = tmp_path / "run.igf"
    handled, *functions = run(EVERYWHERE, path, room).split()
    assert int(handled) > 300
    wanted = {"put", "hand_over", "write_record", "flush", "close", "wait"}
    wanted |= {"_fits", "_wait_for_room"} if room == 1 else set()
    assert wanted <= set(functions)
    with RunReader(path) as reader:
        assert reader.steps.tolist() == [0, 1, 2]
        assert reader.scalars()["loss"][1].tolist() == [1.0]
    assert logged(path) == {"loss": 1} | {f"signal/{n}": 1 for n in range(int(handled))}


RAISING = """
import sys, threading
from igfast.store import handover
from igfast.store.given import Pending
from igfast.store.handover import Handover, Question

class Stop(Exception): ...

def job(step):
    return Pending(step, 0.0, None, {}, size=600)

handover.MAX_WAITING, handover.LINGER = 1000, 0.001

def interrupted_at(place):
    ledger, done = Handover(), []

    def work():
        while (found := ledger.take()) is not None:
            if isinstance(found, Question):
                found.answer(None)
            else:
                done.extend(one.step for one in found)
                ledger.done(found)

    thread, passed = threading.Thread(target=work), 0

    def trace(frame, event, argument):
        nonlocal passed
        if frame.f_code.co_filename != handover.__file__:
            return None
        frame.f_trace_opcodes = True
        passed += event == "opcode"
        if passed > place:
            raise Stop
        return trace

    thread.start()
    assert ledger.put(job(0))
    sys.settrace(trace)
    try:
        ledger.put(job(1))
    except Stop:
        pass
    finally:
        sys.settrace(None)
    for step in range(2, 8):
        assert ledger.put(job(step))
    question = Question(lambda _: "answer")
    assert ledger.put(question) and question.wait() == "answer"
    assert [step for step in done if step != 1] == [0, *range(2, 8)], done
    assert done.count(1) <= 1
    ledger.end()
    thread.join()
    return passed > place

places = 0
while interrupted_at(places):
    places += 1
print(places)
"""


def test_an_exception_at_every_instruction_leaves_room_and_order():
    """A handler may raise: SystemExit, KeyboardInterrupt."""
    assert int(run(RAISING)) > 40


ENDING = """
import sys, threading
from igfast.store import handover
from igfast.store.given import Pending
from igfast.store.handover import Handover

def ended_at(place):
    ledger, done = Handover(), []

    def work():
        while (found := ledger.take()) is not None:
            done.extend(one.step for one in found)
            ledger.done(found)
        ledger.finish()

    passed = 0

    def trace(frame, event, argument):
        nonlocal passed
        if frame.f_code.co_filename != handover.__file__:
            return None
        frame.f_trace_opcodes = True
        passed += event == "opcode"
        if event == "opcode" and passed == place:  # as another thread, or a handler, closes
            ledger.end()
            ledger.wait_for_the_end()
        return trace

    threading.Thread(target=work).start()
    sys.settrace(trace)
    taken = ledger.put(Pending(1, 0.0, None, {}, size=600))
    sys.settrace(None)
    ledger.end()
    ledger.wait_for_the_end()
    assert done == ([1] if taken else []), (place, taken, done)
    return taken

print(*(ended_at(place) for place in range(1, 60)))
"""


def test_what_is_put_while_the_end_comes_is_written_or_refused():
    taken = run(ENDING).split()
    assert {"True", "False"} == set(taken)


SIGNALLED = """
import itertools, signal, sys
import numpy as np
import igfast

handled, depth, numbers, step = 0, 0, itertools.count(), 0

def handle(number, frame):  # and while it is at work, again
    global handled, depth
    if depth == 3:
        return
    depth += 1
    own = next(numbers)
    monitor.log(step, **{f"signal/{own}": own})
    monitor.flush()
    handled = max(handled, own + 1)
    depth -= 1

weights = {"w": np.random.default_rng(0).normal(size=2000)}
with igfast.Monitor(weights, store=sys.argv[1]) as monitor:
    monitor.record(0)
    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.003)
    while handled < 300 or step < 300:
        step += 1
        weights["w"] += 0.001
        monitor.record(step)
        monitor.log(step, loss=step)
    signal.setitimer(signal.ITIMER_REAL, 0)
print(step, next(numbers))
"""


def test_a_training_that_is_signalled_hundreds_of_times(tmp_path):
    """By the clock, wherever it is."""
    path = tmp_path / "run.igf"
    steps, handled = map(int, run(SIGNALLED, path).split())
    with RunReader(path) as reader:
        assert reader.steps.tolist() == list(range(steps + 1))
        assert reader.scalars()["loss"][1].tolist() == list(range(1, steps + 1))
    assert logged(path) == {"loss": steps} | {f"signal/{n}": 1 for n in range(handled)}


CLOSING = """
import signal, sys
import numpy as np
import igfast
from igfast.monitor import core, recording
from igfast.sinks import outlets
from igfast.store import RunReader, background, handover

FILES = {one.__file__ for one in (core, recording, outlets, background, handover)}
handover.LINGER = 60.0  # nothing is written that nobody asks for
wrong = []

class Sink:  # that holds back what it gets
    def __init__(self):
        self.held, self.out, self.closed = [], [], False

    def write(self, step, record):
        self.held.append(step)

    def flush(self):
        assert not self.closed
        self.out, self.held = self.out + self.held, []

    def close(self):
        self.closed = True

def signalled_at(place):
    path, passed, sink = f"{sys.argv[1]}/{place}.igf", 0, Sink()
    monitor = igfast.Monitor({"w": np.arange(30.0)}, store=path, sinks=[sink], health=None)
    monitor.record(0)

    def handle(number, frame):
        monitor.flush()
        with RunReader(path) as reader:
            if reader.steps.tolist() != [0] or sink.out != [0]:
                wrong.append((frame.f_back.f_code.co_name, frame.f_back.f_lineno))

    def trace(frame, event, argument):
        nonlocal passed
        if frame.f_code.co_filename not in FILES:
            return None
        passed += event == "line"
        if passed == place and event == "line":
            signal.raise_signal(signal.SIGALRM)
        return trace

    signal.signal(signal.SIGALRM, handle)
    sys.settrace(trace)
    monitor.close()
    sys.settrace(None)
    return passed >= place

place = 1
while signalled_at(place):
    place += 1
assert not wrong, wrong
print(place)
"""


def test_a_flush_while_a_monitor_closes_waits_for_the_store_and_the_sinks(tmp_path):
    """So that a handler may end the process after it."""
    assert int(run(CLOSING, tmp_path)) > 40


COLLECTED = """
import gc, sys, threading
import numpy as np
import igfast
from igfast.store import RunReader, RunWriter

class Trainer:
    def __init__(self):
        self.itself, self.monitor = self, monitor

    def __del__(self):
        self.monitor.close()

def collecting(self, jobs, write_all=RunWriter.write_all):
    gc.collect()
    write_all(self, jobs)

gc.disable()
RunWriter.write_all = collecting
monitor = igfast.Monitor({"w": np.arange(30.0)}, store=sys.argv[1])
Trainer()
monitor.record(0)
for thread in threading.enumerate():
    if thread is not threading.current_thread():
        thread.join()
with RunReader(sys.argv[1]) as reader:
    print(*reader.steps)
"""


def test_what_the_writing_thread_collects_may_close(tmp_path):
    assert run(COLLECTED, tmp_path / "run.igf") == "0\n"


EXITING = """
import signal, sys
import numpy as np
import igfast

def end(number, frame):
    monitor.flush()
    raise SystemExit(0)

weights = {"w": np.random.default_rng(0).normal(size=2000)}
with igfast.Monitor(weights, store=sys.argv[1]) as monitor:
    signal.signal(signal.SIGTERM, end)
    for step in range(1_000_000):
        print(step, flush=True)  # all before it are recorded
        monitor.record(step)
"""


def test_sigterm_flushes_and_ends(tmp_path):
    path = tmp_path / "run.igf"
    command = [sys.executable, "-c", EXITING, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while int(process.stdout.readline()) < 50:
            pass
        process.terminate()
        process.wait(timeout=SECONDS)
        last = int(["50", *process.stdout.read().split()][-1])
    assert process.returncode == 0
    with RunReader(path) as reader:
        assert reader.steps.tolist() in (list(range(last)), list(range(last + 1)))
    assert [one.name for one in tmp_path.iterdir()] == ["run.igf"]
