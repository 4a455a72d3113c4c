# SPDX-License-Identifier: GPL-2.0-or-later
"""What Prometheus gets of the counters: knot-exporter beside knotd, started as by its unit in the samples."""

import contextlib
import re
import shlex
import shutil
import subprocess
import urllib.request

import pytest

import lab as labs
from ports import free_port
from timing import seconds, until
from tree import TOP
from upstream import delayed, failure, host, nxdomain

UNIT = (TOP / "samples/monitoring/knot-exporter.service").read_text()
COMMAND = shlex.split(re.search(r"^ExecStart=(.*)", UNIT, re.M)[1])
SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$", re.M)

pytestmark = pytest.mark.skipif(not shutil.which(COMMAND[0]), reason="knot-exporter is not installed (Debian 13 has it)")


@contextlib.contextmanager
def exporter(knot):
    """Yields a function that reads the metrics."""
    port = free_port()
    address = COMMAND.index("--web-listen-addr") + 1
    command = [*COMMAND[:address], "127.0.0.1", *COMMAND[address + 1:], "--web-listen-port", str(port),
               "--knot-socket-path", str(knot.path / "knot.sock")]

    def scrape():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=seconds(10)) as reply:
            return reply.read().decode()

    def is_ready():
        assert process.poll() is None
        with contextlib.suppress(OSError):
            return scrape()
    with subprocess.Popen(command) as process:
        try:
            until(is_ready, 20, 0.1)
            yield scrape
        finally:
            process.kill()


def metrics(text, zone):
    """The module's counters of a zone, named as by knotc; knot-exporter adds the metrics of other modules and the server."""
    for name, labels, value in SAMPLE.findall(text):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        module = labels.get("section", labels.get("module", ""))
        if labels.get("zone") == zone and module.endswith("alias") and name.endswith("_total"):
            counter = re.sub(r"^knot_(zone_stats_)?(\w+)_total$", r"\2", name).replace("_", "-")
            yield counter + (f"[{labels['type']}]" if labels.get("type") else ""), int(float(value))


def test_exporter(place, upstream):
    """All counters by the names that the manual has, but those that are 0; the latency is a histogram."""
    with labs.lab(place, upstream) as lab:
        name, target = lab.alias("slow", "192.0.2.1")
        upstream.script(target, "A", delayed(0.1, host("192.0.2.1")))
        gone, gone_target = lab.alias("gone")
        upstream.both(gone_target, nxdomain())
        failing, failing_target = lab.alias("failing")
        upstream.both(failing_target, failure("SERVFAIL"))
        for each in (name, gone, failing):
            lab.warm(each)
        with exporter(lab.knot) as scrape:
            def are_equal():
                shown = dict(metrics(scrape(), "example.com."))
                return shown == {counter: value for counter, value in lab.knot.stats().items() if value} and shown
            shown = until(are_equal)
            text = scrape()
        assert {"resolver-result[addresses]", "resolver-result[nxdomain]", "answer-a[failed]", "cache-targets"} <= shown.keys()
        buckets = [value for counter, value in shown.items() if counter.startswith("resolver-latency")]
        assert buckets == sorted(buckets)
        assert shown["resolver-latency[le-+Inf]"] == sum(
            value for counter, value in shown.items() if counter.startswith("resolver-result"))
        assert re.search(r"^# TYPE knot_(zone_stats_)?resolver_result_total counter$", text, re.M)
