"""An executor without threads."""

from concurrent.futures import Executor, Future


class ImmediateExecutor(Executor):
    """Runs each task when it is submitted."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor keeps every exception in the future
            future.set_exception(error)
        return future
