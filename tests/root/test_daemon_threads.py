import os
import subprocess
import sys
import threading

import pytest

from beam_dis.daemon_threads import DaemonThreads


def test_work_is_done_and_its_error_is_raised_by_the_result():
    threads = DaemonThreads(2, "test")
    assert [each.result(10) for each in [threads.submit(pow, 2, n) for n in range(20)]] == [2**n for n in range(20)]
    with pytest.raises(ZeroDivisionError):
        threads.submit(divmod, 1, 0).result(10)
    threads.shutdown()


def test_as_much_work_is_done_at_once_as_there_may_be_threads():
    threads, meet = DaemonThreads(3, "test"), threading.Barrier(3, timeout=10)
    assert sorted(each.result(10) for each in [threads.submit(meet.wait) for _ in range(3)]) == [0, 1, 2]
    running, most, lock = [], [], threading.Lock()

    def work():
        with lock:
            running.append(1)
            most.append(len(running))
        with lock:
            running.pop()

    for each in [threads.submit(work) for _ in range(50)]:
        each.result(10)
    assert max(most) <= 3
    threads.shutdown()


def test_idle_threads_are_used_again():
    threads = DaemonThreads(5, "test")
    names = {threads.submit(threading.get_ident).result(10) for _ in range(20)}
    threads.shutdown()
    assert len(names) < 5


def test_no_work_can_be_submitted_after_the_end_and_threads_are_gone():
    threads = DaemonThreads(2, "ended thread")
    threads.submit(pow, 2, 2).result(10)
    threads.shutdown()
    assert "ended thread" not in [thread.name for thread in threading.enumerate() if thread.is_alive()]
    with pytest.raises(RuntimeError, match="have ended"):
        threads.submit(pow, 2, 2)


def test_work_that_has_not_begun_can_be_cancelled():
    threads, go_on = DaemonThreads(1, "test"), threading.Event()
    first, second = threads.submit(go_on.wait, 10), threads.submit(pow, 2, 2)
    threads.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    assert (first.result(10), second.cancelled()) == (True, True)


def test_a_process_ends_while_a_thread_works():
    code = (
        "import time; from beam_dis.daemon_threads import DaemonThreads; DaemonThreads(1, 'x').submit(time.sleep, 3600)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_forked_child_has_threads_of_its_own():
    threads, go_on = DaemonThreads(1, "test"), threading.Event()
    busy = threads.submit(go_on.wait, 10)
    child = os.fork()
    if child == 0:
        os._exit(0 if threads.submit(pow, 2, 3).result(10) == 8 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    go_on.set()
    assert busy.result(10)
    threads.shutdown()
