from __future__ import annotations

import os
import threading

from imagegen_nb.core.fork_safe_lock import ForkSafeLock


def test_one_thread_at_a_time():
    lock, inside, most = ForkSafeLock(), [], []

    def enter() -> None:
        for _ in range(200):
            with lock:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(most), max(most)) == (800, 1)


def test_it_is_free_in_a_child_while_the_parent_holds_it():
    lock = ForkSafeLock()
    with lock:
        child = os.fork()
        if child == 0:
            with lock:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_it_is_left_when_something_is_raised():
    lock = ForkSafeLock()
    try:
        with lock:
            raise ValueError
    except ValueError:
        pass
    with lock:
        pass
