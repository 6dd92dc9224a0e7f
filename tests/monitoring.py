"""Monitoring as users get it: a real Prometheus with the chart's rules scrapes a real server, and every query of every dashboard
and alert finds data. Then the server ends, and the alert fires."""

import json
import math
import os
import pathlib
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import ROOT, Scene, Server
from trouble import http as ask

FILES = ROOT / "charts" / "dataux" / "files"
# Longest wait for Prometheus to start, to scrape and to judge, in seconds.
WAIT_SECONDS = 60
# What Grafana puts in the place of its variables.
GRAFANA = {"$job": "dataux", "$namespace": ".*", "$__rate_interval": "1m", "$__range": "1h"}


def main():
    with Scene("monitoring") as scene:
        demo = scene.folder / "demo"
        scene.must("demo", "--home", demo, "--once")
        token = scene.must("token", "create", "--home", demo, "--user", "admin").split()[-1]
        if "DATAUX_TEST_REDIS_URL" not in os.environ:
            raise RuntimeError("DATAUX_TEST_REDIS_URL is not set: run this under scripts/servers")
        with Server(demo, env={"REDIS_URL": os.environ["DATAUX_TEST_REDIS_URL"]}) as server, Prometheus(scene.folder / "prometheus", server.url) as prometheus:
            use(server.url, token)
            prometheus.wait('dataux_http_requests_total{route="/services/{name}"}')
            # Rates need two scrapes with something between them.
            use(server.url, token)
            prometheus.wait('rate(dataux_service_cached_total[1m]) > 0')
            prometheus.wait('job_door:dataux_statement_failures:ratio_rate15m{door="sql"} > 0')
            offered(scene, server.url)
            dashboards(scene, prometheus)
            alerts(scene, prometheus)
            scene.check("nothing fires while all is well", not prometheus.firing(), prometheus.firing())
            server.end()
            scene.check("and when the server is gone the alert fires", prometheus.fires("DatauxDown"), prometheus.ask("alerts"))


def use(url, token):
    """Some of everything that is measured: answers, failures, kept answers."""
    for sql in ("SELECT count(*) FROM lake.dwd.flights", "SELECT 1 / 0", "SELECT nothing FROM nowhere"):
        ask(f"{url}/api/v1/sql", token, "POST", {"sql": sql})
    for _ in range(3):
        ask(f"{url}/services/delays?carrier=UA&from=2013-02-01&to=2013-02-07", token)
    ask(f"{url}/healthz")


class Prometheus:
    """Debian's Prometheus with the chart's rules, whose waits are shortened to seconds."""

    def __init__(self, folder, target):
        folder.mkdir()
        rules = re.sub(r"\bfor: \w+", "for: 2s", (FILES / "rules.yaml").read_text()).replace("interval: 30s", "interval: 1s")
        (folder / "rules.yaml").write_text(rules)
        address = urllib.parse.urlsplit(target).netloc
        (folder / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [{"job_name": "dataux", "static_configs": [{"targets": [address]}]}],
        }))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.log = open(folder / "log", "w+")
        self.process = subprocess.Popen(["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                                         f"--web.listen-address={self.address}"], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def __enter__(self):
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5).close()
                return self
            except OSError:
                time.sleep(0.2)
        self.__exit__()
        self.log.seek(0)
        raise RuntimeError(f"Prometheus did not start:\n{self.log.read()[-2000:]}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(WAIT_SECONDS)

    def ask(self, what, **parameters):
        url = f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            return {"result": [], "error": error.read().decode()}

    def values(self, query):
        """The numbers that a query finds, and what Prometheus says if it finds none."""
        answer = self.ask("query", query=query)
        return [float(one["value"][1]) for one in answer["result"]], answer.get("error", "")

    def wait(self, query):
        until = time.monotonic() + WAIT_SECONDS
        while not self.values(query)[0]:
            if time.monotonic() > until:
                raise RuntimeError(f"Prometheus never found {query}: {self.ask('targets')}")
            time.sleep(0.5)

    def firing(self):
        return [alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"]

    def fires(self, name):
        until = time.monotonic() + WAIT_SECONDS
        while name not in self.firing():
            if time.monotonic() > until:
                return False
            time.sleep(0.5)
        return True


def offered(scene, url):
    """Every metric that a dashboard or a rule speaks of is one that the server declares."""
    _, text = ask(f"{url}/metrics")
    page = (ROOT / "docs" / "reference" / "metrics.md").read_text()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)", text, re.MULTILINE):
        told = re.search(rf"^# HELP {name} (.*)$", text, re.MULTILINE)
        scene.check(f"docs/reference/metrics.md has {name}", f"| `{name}` | {kind} |" in page and told and told[1] in page, told)
    declared = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    for file in [FILES / "rules.yaml", *sorted((FILES / "dashboards").glob("*.json"))]:
        spoken = {re.sub(r"_bucket$", "", name) for name in re.findall(r"(?<![:\w])dataux_\w+", file.read_text())}
        unknown = spoken - declared
        scene.check(f"{file.name} speaks of metrics that there are", spoken and not unknown, unknown)


def dashboards(scene, prometheus):
    for file in sorted((FILES / "dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        panels = [panel for panel in board["panels"] if panel["type"] != "row"]
        scene.check(f"{file.stem}: panels do not lie on one another", not overlaps(board["panels"]), overlaps(board["panels"]))
        for panel in panels:
            for target in panel["targets"]:
                query = target["expr"]
                for name, value in GRAFANA.items():
                    query = query.replace(name, value)
                values, error = prometheus.values(query)
                found = values and not all(math.isnan(value) for value in values)
                scene.check(f"{file.stem}: `{panel['title']}` finds data", found, f"{query}: {values} {error}")
        for variable in board["templating"]["list"][1:]:
            label = re.fullmatch(r"label_values\((dataux_\w+)(\{.*\})?, (\w+)\)", variable["query"]["query"])
            scene.check(f"{file.stem}: the variable {variable['name']} asks for a label", label, variable["query"])


def overlaps(panels):
    cells, doubled = {}, []
    for panel in panels:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (x, y) in cells:
                    doubled.append((cells[x, y], panel["title"]))
                cells[x, y] = panel["title"]
    return doubled


def alerts(scene, prometheus):
    """Each part of each alert finds its series when its threshold is taken away."""
    for group in yaml.safe_load((FILES / "rules.yaml").read_text())["groups"]:
        for rule in group["rules"]:
            name = rule.get("alert") or rule["record"]
            for part in re.split(r"\s(?:and|or|unless)\s(?:on \([^)]*\) )?", rule["expr"]) if "alert" in rule else [rule["expr"]]:
                query = re.sub(r"(?:>|<|==) (?:\([\d.* ]+\)|[\d.]+)", ">= 0", part)
                values, error = prometheus.values(query)
                if query.startswith("absent("):
                    scene.check(f"{name}: nothing is absent", not values and not error, f"{query}: {values} {error}")
                else:
                    scene.check(f"{name} finds data", values and not any(math.isnan(value) for value in values), f"{query}: {values} {error}")


if __name__ == "__main__":
    main()
