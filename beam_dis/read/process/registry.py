"""Finds what the steps of reads share in one process.

Rules:

1. There are three lifetimes. The background threads live as long as the process. The state of a connection lives while a step
   uses the connection, and the state of a read while a step of the read runs in this process.
2. A state stays for an hour after its last step was torn down, because runners tear down steps that are idle for a minute and
   set them up again. Endless steps ask to be called more often than that, so this is rare.
3. At most 64 states without a step are kept, so that a process that runs many pipelines holds no more at its end. Their pages
   fetched ahead are dropped at once.
4. Nothing of it is pickled: steps find the registry on the worker, through the function ``this_process``.
5. A forked child starts with an empty registry and without threads. A step that was set up in the parent starts its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import Generic, ParamSpec, TypeVar
from weakref import WeakSet

from beam_dis.connection import Connection
from beam_dis.forks import FORKS, ForkSafeLock
from beam_dis.read.fetch.prefetch import BUDGET_BYTES
from beam_dis.read.process.per_connection import PerConnection
from beam_dis.read.process.per_read import PerRead
from beam_dis.services import shared_service
from beam_dis.stream_service import StreamService

KEPT_SECONDS = 3600.0
MOST_KEPT = 64

P = ParamSpec("P")
T = TypeVar("T")


class _Use(Generic[T]):
    """A state with the steps that use it, and the time since when none does."""

    def __init__(self, state: T) -> None:
        self.state = state
        self.users: WeakSet[object] = WeakSet()
        self.unused_since = 0.0


class _States(Generic[T]):
    """The states of one lifetime, by key; not thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._uses: dict[Hashable, _Use[T]] = {}

    def __len__(self) -> int:
        return len(self._uses)

    def find(self, key: Hashable) -> T | None:
        use = self._uses.get(key)
        return None if use is None else use.state

    def enter(self, key: Hashable, user: object, make: Callable[[], T]) -> T:
        use = self._uses.get(key)
        if use is None:
            use = self._uses[key] = _Use(make())
        use.users.add(user)
        self._drop_unused()
        return use.state

    def leave(self, user: object) -> list[T]:
        """Remove a user everywhere, and return the states that nobody uses any more."""
        left = [use for use in self._uses.values() if user in use.users]
        for use in left:
            use.users.discard(user)
        self._drop_unused()
        return [use.state for use in left if not use.users]

    def _drop_unused(self) -> None:
        now = self._clock()
        unused = []
        for key, use in self._uses.items():
            if use.users:
                use.unused_since = 0.0
            else:
                use.unused_since = use.unused_since or now
                unused.append((use.unused_since, key))
        unused.sort(key=lambda since_and_key: since_and_key[0])
        most = len(unused) - MOST_KEPT
        for index, (since, key) in enumerate(unused):
            if index < most or now - since > KEPT_SECONDS:
                del self._uses[key]


class BackgroundThreads(Executor):
    """Beam's own pool of threads, which end with the process. A forked child gets a pool of its own.

    A task runs in the context of the one who submits it, whose requests it makes.
    """

    def __init__(self) -> None:
        self._pool: Executor | None = None
        FORKS.register(self)

    def after_fork(self) -> None:
        """Forget the parent's threads."""
        self._pool = None

    def submit(self, task: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a task in the background."""
        if self._pool is None:
            from apache_beam.utils.thread_pool_executor import UnboundedThreadPoolExecutor

            self._pool = UnboundedThreadPoolExecutor()
        context = copy_context()
        return self._pool.submit(lambda: context.run(task, *args, **kwargs))


class Registry:
    """The shared state of one process; thread-safe.

    Args:
        service_of: the service of a connection.
        executor: runs background work; by default ``BackgroundThreads``.
        prefetch_budget: the most bytes of pages that each connection fetches ahead.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        service_of: Callable[[Connection], StreamService] = shared_service,
        *,
        executor: Executor | None = None,
        prefetch_budget: int = BUDGET_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service_of = service_of
        self._executor = executor or BackgroundThreads()
        self._prefetch_budget = prefetch_budget
        self._clock = clock
        self._lock = ForkSafeLock()
        self.after_fork()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Start empty."""
        self._connections: _States[PerConnection] = _States(self._clock)
        self._reads: _States[PerRead] = _States(self._clock)
        self._warned: WeakSet[object] = WeakSet()

    def enter_connection(self, connection: Connection, user: object) -> PerConnection:
        """The state of a connection, for a step that leaves it when it is torn down."""
        with self._lock:
            return self._connections.enter(connection, user, lambda: self._connect(connection))

    def enter_read(self, read_id: str, user: object) -> PerRead:
        """The state of a read, for a step that leaves it when it is torn down."""
        with self._lock:
            return self._reads.enter(read_id, user, lambda: PerRead(self._executor, clock=self._clock))

    def leave(self, user: object) -> None:
        """A step is torn down: it uses nothing any more."""
        with self._lock:
            unused = self._connections.leave(user)
            self._reads.leave(user)
        for shared in unused:
            shared.forget_pages()

    def connection(self, connection: Connection) -> PerConnection | None:
        """The state of a connection if any step in this process uses it; for estimates, which may be asked anywhere."""
        with self._lock:
            return self._connections.find(connection)

    def claim_warning(self, subject: object) -> bool:
        """Whether a warning about a runner or a pipeline is still to be logged; True once per object."""
        with self._lock:
            claimed = subject not in self._warned
            self._warned.add(subject)
            return claimed

    @property
    def size(self) -> int:
        """How many states of connections and reads are held."""
        with self._lock:
            return len(self._connections) + len(self._reads)

    def _connect(self, connection: Connection) -> PerConnection:
        service = self._service_of(connection)
        return PerConnection(
            service,
            self._executor,
            subject=connection.endpoint or "the service",
            budget=self._prefetch_budget,
            clock=self._clock,
        )


_REGISTRY = Registry()


def this_process() -> Registry:
    """The registry of this process."""
    return _REGISTRY
