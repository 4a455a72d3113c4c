# SPDX-License-Identifier: GPL-2.0-or-later
"""A server process that ends with the test run, whatever becomes of that."""

import os
import shlex
import subprocess

from client import Server
from ports import free_port
from timing import seconds, until

# What sanitizers write about a program they watch
FINDINGS = ("ERROR: AddressSanitizer", "LeakSanitizer", "runtime error:")


class Process(Server):
    """A daemon with its directory, log and port; use it with `with`."""

    def __init__(self, path):
        self.path = path
        self.port = free_port()
        self.log_file = path / "log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def is_up(self):
        raise NotImplementedError

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, failure, *_):
        if failure:
            self.kill()
        else:
            self.stop()

    def start(self):
        # A session of its own shows what is left behind after the stop.
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command()], start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.path)
        try:
            self.wait(self._answers, 20)
        except BaseException:
            self.kill()
            raise

    def wait(self, condition, limit=5):
        """until(), for as long as the server lives; a failure shows its log."""
        try:
            until(lambda: self.process.poll() is not None or condition(), limit)
            assert self.process.poll() is None, "ended"
        except AssertionError as error:
            raise AssertionError(f"{error}, exit status {self.process.poll()}:\n{self.log()}") from None

    def _answers(self):
        try:
            return self.is_up()
        except OSError:
            return False

    def stop(self):
        """End the server as an init system does, and judge how it went."""
        process, self.process = self.process, None
        if not process:
            return
        process.terminate()
        try:
            status = process.wait(seconds(20))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"does not stop:\n{self.log()}") from None
        log = self.log()
        assert not any(finding in log for finding in FINDINGS), log
        assert status == 0, f"exit status {status}:\n{log}"
        assert not _group_exists(process.pid)

    def kill(self):
        process, self.process = self.process, None
        if process:
            process.kill()
            process.wait()

    def log(self):
        return self.log_file.read_text(errors="replace")

    def wait_log(self, text, limit=5):
        until(lambda: text in self.log(), limit)


def _group_exists(group):
    try:
        os.killpg(group, 0)
        return True
    except ProcessLookupError:
        return False


def preload(**environment):
    """The beginning of a command that loads the module, for a module with sanitizers."""
    runtime = os.environ.get("KNOTD_PRELOAD")
    return ["env", f"LD_PRELOAD={runtime}", *(f"{name}={value}" for name, value in
                                              environment.items())] if runtime else []


def wrapper():
    """What knotd runs in, such as valgrind."""
    return shlex.split(os.environ.get("KNOTD_WRAPPER", ""))
