# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs within the test run, in a thread of its own, until the end of its `with`."""

import asyncio
import threading

from client import Server


class Looped(Server):
    """A server by asyncio; _listen() opens its sockets."""

    def __init__(self):
        self.errors = []  # of callbacks and tasks: a test must not pass by mistake
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)

    async def _listen(self):
        raise NotImplementedError

    def __enter__(self):
        self.loop.run_until_complete(self._listen())
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        assert not self.errors, self.errors

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(lambda _, context: self.errors.append(context))
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))


class Background(threading.Thread):
    """run() goes on until `ended` is set."""

    def __init__(self):
        super().__init__(daemon=True)
        self.ended = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
