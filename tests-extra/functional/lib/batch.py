# SPDX-License-Identifier: GPL-2.0-or-later
"""Many names that are resolved side by side."""

from client import alias, is_truncated

RDTYPES = ("A", "AAAA")


class Batch:
    """Names of a lab that were never resolved, whose targets all behave the same."""

    def __init__(self, lab, label, count, script=None):
        self.lab = lab
        self.names = [f"{label}{i}.{lab.zone}" for i in range(count)]
        self.targets = [f"{name}.example.net" for name in self.names]
        lab.add(*(f"{name}. 3600 {alias(target)}" for name, target in zip(self.names, self.targets)))
        for target in self.targets if script else []:
            lab.upstream.both(target, script)

    def start(self):
        """Have all of them looked up."""
        for name in self.names:
            assert is_truncated(self.lab.ask(name))

    def wait(self):
        """Until the resolver has been asked for each."""
        for target in self.targets:
            self.lab.upstream.wait_both(target)

    def replies(self, limit=10):
        """What a client gets for A of each, once the lookups of both types have ended."""
        for name in self.names:
            self.lab.settle(name, "AAAA", limit=limit)
        return [self.lab.settle(name, limit=limit) for name in self.names]

    def resolve(self):
        self.start()
        return self.replies()

    def sent(self, upstream=None):
        """The queries to a resolver, for each target and type."""
        upstream = upstream or self.lab.upstream
        return [upstream.queries(target, rdtype) for target in self.targets for rdtype in RDTYPES]

    def counts(self, upstream=None):
        return [len(queries) for queries in self.sent(upstream)]
