"""Monitoring as users get it: a real Prometheus with the chart's rules scrapes a real server, and every query of every dashboard
and alert finds data. A pipeline fails and its alert fires; then the server ends, and that alert fires."""

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
from trouble import collect, connection, http as ask

FILES = ROOT / "charts" / "dataux" / "files"
# Longest wait for Prometheus to start, to scrape and to judge, in seconds.
WAIT_SECONDS = 60
# What Grafana puts in the place of its variables.
# Alerts that what is done here must, or may, fire: one pipeline fails, and one is to run every few seconds.
MUST_FIRE, MAY_FIRE = {"DatauxPipelineFails"}, {"DatauxConnectionFails", "DatauxPipelineStale"}
GRAFANA = {"$job": "dataux", "$namespace": ".*", "$__rate_interval": "1m", "$__range": "1h"}


def main():
    with Scene("monitoring") as scene:
        demo = scene.folder / "demo"
        scene.must("demo", "--home", demo, "--once")
        declare(scene, demo)
        token = scene.must("token", "create", "--home", demo, "--user", "admin").split()[-1]
        if "DATAUX_TEST_REDIS_URL" not in os.environ:
            raise RuntimeError("DATAUX_TEST_REDIS_URL is not set: run this under scripts/servers")
        with Server(demo, env={"REDIS_URL": os.environ["DATAUX_TEST_REDIS_URL"], "DATAUX_METRICS_NAMES": "true"}) as server, Prometheus(scene.folder / "prometheus", server.url) as prometheus:
            use(server.url, token)
            prometheus.wait('dataux_http_requests_total{route="/services/{name}"}')
            # Rates need two scrapes with something between them.
            use(server.url, token)
            prometheus.wait('rate(dataux_service_cached_total[1m]) > 0')
            prometheus.wait('job_door:dataux_statement_failures:ratio_rate15m{door="sql"} > 0')
            prometheus.wait('dataux_pipeline_failing{pipeline="broken"} == 1')
            prometheus.wait('rate(dataux_moved_rows_total{verb="push"}[1m]) > 0')
            prometheus.wait('increase(dataux_steps_ended_total{connection="gone",outcome="failed"}[1m]) > 0')
            for metric in ("run", "schedule_late"):
                prometheus.wait(f"rate(dataux_{metric}_seconds_count[1m]) > 0")
            numbers(scene, demo, prometheus)
            offered(scene, server.url)
            dashboards(scene, prometheus)
            alerts(scene, prometheus)
            for name in MUST_FIRE:
                scene.check(f"{name} fires for the pipeline that fails", prometheus.fires(name), prometheus.ask("alerts"))
            others = set(prometheus.firing()) - MUST_FIRE - MAY_FIRE
            scene.check("nothing else fires", not others, others)
            server.end()
            scene.check("and when the server is gone the alert fires", prometheus.fires("DatauxDown"), prometheus.ask("alerts"))


def declare(scene, demo):
    """Beside the airline: a pipeline that runs every few seconds, one that fails, and a connection that takes what is pushed."""
    folder = scene.folder / "in"
    folder.mkdir()
    (folder / "t.csv").write_text("id\n1\n2\nnot a number\n")
    schedule = "---\napiVersion: dataux/v1\nkind: Schedule\nname: often\nspec: {pipeline: watched, cron: '*/5 * * * * *'}\n"
    pushed = {"push": {"targets": {"lines": {"into": "lake.ods.pushed", "columns": {"id": "int64"}}}}}
    file = scene.folder / "watched.yaml"
    file.write_text(connection("in", files={"location": str(folder)}) + collect("watched", "in", files="t.csv", columns={"id": "int64"})
                    + connection("gone", files={"location": str(scene.folder / "nowhere")}) + collect("broken", "gone", files="t.csv")
                    + connection("app", **pushed) + schedule)
    scene.must("apply", "--home", demo, "-f", file)


def numbers(scene, demo, prometheus):
    """What is told of tables is what another reader of Delta tables finds."""
    from deltalake import DeltaTable
    folder = demo / "lake" / "dwd"
    tables = [DeltaTable(str(path)) for path in folder.iterdir() if (path / "_delta_log").exists()]
    files = [len(table.file_uris()) for table in tables]
    sizes = sum(pathlib.Path(uri.removeprefix("file://")).stat().st_size for table in tables for uri in table.file_uris())
    told = [prometheus.values(f'dataux_{name}{{schema="dwd"}}')[0] for name in ("tables", "storage_files", "storage_bytes")]
    scene.check("tables, files and bytes of a schema", told == [[len(tables)], [sum(files)], [sizes]], f"{told} {len(tables)} {files} {sizes}")
    changed = max(path.stat().st_mtime for path in (folder / "flights" / "_delta_log").glob("*.json"))
    told, _ = prometheus.values('dataux_table_changed_timestamp_seconds{table="lake.dwd.flights"}')
    scene.check("when a table changed", told and abs(told[0] - changed) < 1, f"{told} {changed}")
    moved, _ = prometheus.values('dataux_quarantined_records_total{connection="in"} / on (connection, verb) dataux_moved_rows_total')
    scene.check("one of three records goes to quarantine each time", moved and 0.3 < moved[0] < 0.6, moved)


def use(url, token):
    """Some of everything that is measured: answers, failures, kept answers, runs, what is pushed."""
    for pipeline in ("watched", "broken"):
        ask(f"{url}/api/v1/pipelines/{pipeline}/runs", token, "POST", {})
    ask(f"{url}/api/v1/push/app/lines", token, "POST", '{"id": 1}\n', headers={"Content-Type": "application/x-ndjson"})
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
        spoken = {re.sub(r"_bucket$|(?<=seconds)_count$", "", name) for name in re.findall(r"(?<![:\w])dataux_\w+", file.read_text())}
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
                query = re.sub(r"(?:>|<|==) (?:\([\d.* ]+\)|[\d.]+)", "> -Inf", part)
                values, error = prometheus.values(query)
                if query.startswith("absent("):
                    scene.check(f"{name}: nothing is absent", not values and not error, f"{query}: {values} {error}")
                else:
                    scene.check(f"{name} finds data", values and not any(math.isnan(value) for value in values), f"{query}: {values} {error}")


if __name__ == "__main__":
    main()
