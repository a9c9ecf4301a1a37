"""Threads for what may be dropped at any moment.

Law: Beam's own pool, whose threads end with the process without being waited for; whoever submits bounds how much it has
under way, so that nothing queues behind what another connection waits for.
"""

from __future__ import annotations

from concurrent.futures import Executor

from apache_beam.utils.thread_pool_executor import UnboundedThreadPoolExecutor

THREADS: Executor = UnboundedThreadPoolExecutor()
