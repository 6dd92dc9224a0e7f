"""Three servers of one platform behind a balancer, on a real MariaDB and a real Redis, while clients ask and runs work.

They are replaced one by one, as a Deployment does it: no request fails, and no run is lost or done twice. Redis dies meanwhile. Then the
database goes, in two ways: nobody asks for a restart, who needs it is told to come again, and all goes on by itself when it is back.
Then parts of a platform, each with one role, on PostgreSQL."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import pathlib
import random
import secrets
import signal
import socket
import sys
import threading
import time
import urllib.parse

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from faults_redis import PASSWORD as REDIS_PASSWORD, Redis, metric, until
from mysql import Mysql
from postgres import Postgres
from proxy import Proxy, hang_up
from scene import Scene, Server
from trouble import CHINESE, collect, connection, http as ask

PROCESSES, CLIENTS, PIPELINES = 3, 4, 3
# How long a server that is to go answers on, and how often the balancer asks whether one is ready, in seconds.
DELAY_SECONDS, LOOK_SECONDS = 3, 0.2
# How long the database is away each time, and the longest time until all is well again, in seconds.
DOWN_SECONDS, BACK_SECONDS = 15, 60
# Longest answer while it is away: what a statement may take, and a machine that is busy.
ANSWER_SECONDS = 20
# Longest answer about the process alone.
HEALTH_SECONDS = 5
# Longest wait for runs to end, in seconds.
RUNS_SECONDS = 180
# Rows of the run that is longer than a server's end.
SLOW_ROWS = 40_000
PASSWORD = "canary-rolling-" + secrets.token_hex(8)

SERVICES = """---
apiVersion: dataux/v1
kind: DataService
name: kept
spec:
  sql: "SELECT $a AS a"
  parameters: {a: {type: integer, default: 0}}
  cache: {fresh_for: 1m}
"""


def main():
    down_seconds = int(sys.argv[1]) if len(sys.argv) > 1 else DOWN_SECONDS
    with Scene("rolling") as scene:
        for variable in ("DATAUX_TEST_POSTGRES_URL", "DATAUX_TEST_MYSQL_URL"):
            if variable not in os.environ:
                raise RuntimeError(f"{variable} is not set: run this under scripts/servers")
        mysql, postgres = Mysql(os.environ["DATAUX_TEST_MYSQL_URL"]), Postgres(os.environ["DATAUX_TEST_POSTGRES_URL"])
        name = "rolling_" + secrets.token_hex(4)
        for server in (mysql, postgres):
            server.sql(f"CREATE DATABASE {name}")
        postgres.sql(f"CREATE TABLE {name}_slow AS SELECT i AS id, repeat('and more ', 20) AS text FROM generate_series(1, {SLOW_ROWS}) AS i")
        try:
            with Proxy(mysql.host, mysql.port) as database, Proxy(postgres.host, postgres.port, bytes_per_second=200_000) as source:
                url = f"jdbc:mysql://127.0.0.1:{database.port}/{name}?useSSL=false&allowPublicKeyRetrieval=true"
                replaced(scene, Platform(scene, url, mysql, postgres), database, source, postgres, f"{name}_slow", down_seconds)
            parts(scene, Platform(scene, f"postgres://{postgres.host}:{postgres.port}/{name}", postgres, postgres, "parts"))
        finally:
            mysql.sql(f"DROP DATABASE {name}")
            postgres.sql(f"DROP TABLE {name}_slow")
            postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


class Platform:
    """What its processes have in common."""

    def __init__(self, scene, url, login, source, name="all"):
        self.scene, self.folder, self.started = scene, scene.folder / name, 0
        self.folder.mkdir()
        self.settings = {"DATABASE_URL": url, "DATABASE_USER": login.user, "DATABASE_PASSWORD": login.password, "DATAUX_ADMIN_PASSWORD": PASSWORD,
                         "DATAUX_LAKE": str(self.folder / "lake"), "DATAUX_MASTER_KEY": secrets.token_hex(32), "DATAUX_REPLICAS": str(PROCESSES),
                         "DATAUX_DRAIN_DELAY": f"{DELAY_SECONDS}s", "PG_PASSWORD": source.password}

    def start(self, **more):
        """One more process, with a home of its own."""
        self.started += 1
        return Server(self.folder / f"home-{self.started}", env={**self.settings, **more}).__enter__()

    def login(self, url):
        status, text = ask(f"{url}/api/v1/sessions", None, "POST", {"user": "admin", "password": PASSWORD})
        token = json.loads(text).get("token") if status in (200, 201) else None
        if not token:
            raise RuntimeError(f"nobody can log in: {status} {text}")
        return token

    def apply(self, url, token, text):
        file = self.folder / "apply.yaml"
        file.write_text(text)
        self.scene.must("apply", "-f", file, env={"DATAUX_SERVER": url, "DATAUX_TOKEN": token})

    def rows(self, table):
        try:
            return DeltaTable(str(self.folder / "lake" / "ods" / table)).to_pyarrow_table().to_pylist()
        except TableNotFoundError:
            return []


class Balancer:
    """Passes connections on to servers that say that they are ready, one after the other. It tries nothing twice."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.lock, self.servers, self.ready, self.turn, self.over = threading.Lock(), [], {}, 0, False

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        threading.Thread(target=self.look, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self, servers):
        with self.lock:
            self.servers = [urllib.parse.urlsplit(server.url) for server in servers]

    def look(self):
        while not self.over:
            for server in list(self.servers):
                ready = ask(f"{server.geturl()}/readyz", timeout=15)[0] == 200
                with self.lock:
                    self.ready[server.netloc] = ready
            time.sleep(LOOK_SECONDS)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                ready = [server for server in self.servers if self.ready.get(server.netloc)]
                self.turn += 1
            try:
                chosen = ready[self.turn % len(ready)]
                server = socket.create_connection((chosen.hostname, chosen.port), timeout=10)
                server.settimeout(None)
            except (OSError, IndexError, ZeroDivisionError):
                hang_up(client)
                continue
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(source, target):
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        hang_up(source, target)


class Clients(threading.Thread):
    """One client that keeps its connection as long as the server lets it, and never tries a request twice."""

    def __init__(self, url, token):
        super().__init__(daemon=True)
        self.place, self.token, self.over = urllib.parse.urlsplit(url).netloc, token, threading.Event()
        self.answered, self.wrong, self.longest, self.connections = 0, [], 0.0, 0

    def run(self):
        connection = None
        while not self.over.is_set():
            if connection is None:
                connection, self.connections = http.client.HTTPConnection(self.place, timeout=60), self.connections + 1
            began, number = time.monotonic(), random.randrange(1 << 20)
            method, path, body, wanted = random.choice([
                ("GET", f"/services/kept?a={number % 50}", None, f'"a":{number % 50}'),
                ("POST", "/api/v1/sql", json.dumps({"sql": f"SELECT {number} AS n"}), f'{{"n":{number}}}'),
                ("GET", "/api/v1/runs?limit=5", None, '"items"'),
            ])
            try:
                connection.request(method, path, body, {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                text = answer.read().decode()
                if answer.status != 200 or wanted not in text:
                    self.wrong.append(f"{method} {path}: {answer.status} {text[:300]}")
                if answer.will_close:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                self.wrong.append(f"{method} {path}: {error!r}")
                connection.close()
                connection = None
            self.answered += 1
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.01)


class Starter(threading.Thread):
    """Starts runs, each of which adds its own number to a table."""

    def __init__(self, url, token, first=0, pause=0.4):
        super().__init__(daemon=True)
        self.url, self.token, self.over, self.started, self.wrong = url, token, threading.Event(), {}, []
        self.first, self.pause = first, pause

    def run(self):
        number = self.first
        while not self.over.is_set():
            number += 1
            pipeline = f"add{number % PIPELINES}"
            status, text = ask(f"{self.url}/api/v1/pipelines/{pipeline}/runs", self.token, "POST", {"parameters": {"n": number}})
            if status in (200, 201, 202):
                self.started[number] = (pipeline, json.loads(text)["id"])
            else:
                self.wrong.append(f"{number}: {status} {text[:300]}")
            time.sleep(self.pause)


@contextlib.contextmanager
def busy(url, token):
    """Clients ask and runs start until the end of the block."""
    clients, starter = [Clients(url, token) for _ in range(CLIENTS)], Starter(url, token)
    for one in (*clients, starter):
        one.start()
    try:
        yield clients, starter
    finally:
        for one in (*clients, starter):
            one.over.set()
        for one in (*clients, starter):
            one.join(120)


def adding(number):
    spec = {"parameters": {"n": 0}, "steps": [{"name": "add", "sql": {"into": f"lake.ods.add{number}", "mode": "append",
                                                                       "query": "SELECT CAST(${n} AS BIGINT) AS n"}}]}
    return f"---\napiVersion: dataux/v1\nkind: Pipeline\nname: add{number}\nspec: {json.dumps(spec)}\n"


def replaced(scene, platform, database, source, postgres, table, down_seconds):
    redis = Redis(scene).start()
    platform.settings |= {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(redis.port), "REDIS_PASSWORD": REDIS_PASSWORD}
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        servers = list(pool.map(lambda _: platform.start(), range(PROCESSES)))
    try:
        token = platform.login(servers[0].url)
        platform.apply(servers[0].url, token, SERVICES + "".join(adding(number) for number in range(PIPELINES))
                       + postgres.connection("slow", host="127.0.0.1", port=source.port)
                       + collect("slow", "slow", into="lake.ods.slow", table=f"public.{table}", mode="append", cursor="id"))
        with Balancer() as balancer:
            balancer.serve(servers)
            if not scene.check("the balancer finds them ready", until(lambda: sum(balancer.ready.values()) == PROCESSES, 30), balancer.ready):
                return
            rolled(scene, platform, balancer, servers, token, redis, source)
        away(scene, platform, database, servers, token, down_seconds)
        for server in servers:
            server.log.seek(0)
            log = server.log.read()
            scene.check("no password is told", not any(secret in log for secret in (PASSWORD, platform.settings["DATABASE_PASSWORD"], REDIS_PASSWORD)))
    finally:
        for server in servers:
            server.end()
        redis.kill()


def rolled(scene, platform, balancer, servers, token, redis, source):
    with busy(balancer.url, token) as (clients, starter):
        _, text = ask(f"{servers[0].url}/api/v1/pipelines/slow/runs", token, "POST", {})
        slow = json.loads(text)["id"]
        scene.check("a long run is at work", until(lambda: source.passed > 200_000, 60), source.passed)
        for number in range(PROCESSES):
            # The new one first, then the old one: what a Deployment does that may have one too many and none too few.
            new = platform.start()
            balancer.serve([*servers, new])
            scene.check(f"server {number} has a successor", until(lambda: balancer.ready.get(urllib.parse.urlsplit(new.url).netloc), 30), balancer.ready)
            old, servers[:] = servers[0], [*servers[1:], new]
            began = time.monotonic()
            old.process.send_signal(signal.SIGTERM)
            code = old.process.wait(90)
            old.log.seek(0)
            scene.check(f"server {number} ends in order", code == 0 and time.monotonic() - began < DELAY_SECONDS + 40, f"{code}\n{old.log.read()[-2000:]}")
            balancer.serve(servers)
            if number == 0:
                redis.kill()
            if number == 1:
                redis.start()
        source.bytes_per_second = None
        time.sleep(1)
    answered, connections = sum(client.answered for client in clients), sum(client.connections for client in clients)
    wrong = [line for client in clients for line in client.wrong]
    scene.check(f"none of {answered} requests fails", answered > 100 and not wrong, f"{len(wrong)}: {wrong[:3]}")
    scene.check("and clients keep their connections while they may", connections < answered / 5, f"{connections} connections for {answered} requests")
    scene.check("none waits for a server that goes", max(client.longest for client in clients) < ANSWER_SECONDS, [client.longest for client in clients])
    scene.check(f"each of {len(starter.started)} runs is taken", len(starter.started) > 5 and not starter.wrong, starter.wrong[:3])
    once(scene, platform, servers[0].url, token, starter)
    record = ended(servers[0].url, token, slow)
    scene.check("the long run, which was handed on, ends well", record.get("state") == "succeeded", record)
    ids = [row["id"] for row in platform.rows("slow")]
    scene.check("and its rows are there once each", sorted(ids) == list(range(1, SLOW_ROWS + 1)), f"{len(ids)} rows, {len(set(ids))} different")


def once(scene, platform, url, token, *starters):
    """Each run that was started ended well, and did what it does once."""
    started = {number: run for starter in starters for number, run in starter.started.items()}
    states = {number: ended(url, token, id).get("state") for number, (_, id) in started.items()}
    scene.check("all runs end well", set(states.values()) == {"succeeded"}, {number: state for number, state in states.items() if state != "succeeded"})
    found = sorted(row["n"] for number in range(PIPELINES) for row in platform.rows(f"add{number}"))
    scene.check("no run is lost or done twice", found == sorted(started), f"started {len(started)}, found {len(found)}, {set(started) ^ set(found)}")


def ended(url, token, id):
    deadline = time.monotonic() + RUNS_SECONDS
    while True:
        status, text = ask(f"{url}/api/v1/runs/{id}", token)
        record = json.loads(text) if status == 200 else {"state": f"{status} {text[:300]}"}
        if record["state"] not in ("queued", "running") or time.monotonic() > deadline:
            return record
        time.sleep(0.3)


def asked(url, token, path, method="GET", body=None):
    """Status, whether it says when to come again, the answer, and how long it took."""
    parts, began = urllib.parse.urlsplit(url), time.monotonic()
    asking = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
    try:
        asking.request(method, path, json.dumps(body) if body else None, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        answer = asking.getresponse()
        return answer.status, answer.getheader("Retry-After"), answer.read().decode(), time.monotonic() - began
    except (OSError, http.client.HTTPException) as error:
        return 0, None, repr(error), time.monotonic() - began
    finally:
        asking.close()


def away(scene, platform, database, servers, token, down_seconds):
    """The database is stopped, and then it says nothing more, as when its machine has lost its power."""
    def silence():
        database.silent = True

    def speech():
        database.silent = False
        # The machine that is back knows nothing of the old connections.
        database.hang_up()

    for what, go, come_back in (("stopped", database.refuse, database.listen), ("silent", silence, speech)):
        before = Starter(servers[0].url, token, first=1_000_000 if what == "silent" else 500_000, pause=0.05)
        before.start()
        time.sleep(3)
        before.over.set()
        before.join(60)
        # Some of these are at work or wait when the database goes.
        go()
        began, answers, health = time.monotonic(), {}, set()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            while time.monotonic() - began < down_seconds:
                asks = [pool.submit(asked, server.url, token, *request) for server in servers for request in (
                    ("/healthz",), ("/readyz",), ("/api/v1/runs",), ("/api/v1/pipelines/add0/runs", "POST", {"parameters": {"n": 0}}),
                    ("/api/v1/sessions", "POST", {"user": "admin", "password": PASSWORD}))]
                for number, one in enumerate(asks):
                    status, again, text, seconds = one.result()
                    kind = ("health", "ready", "needs it", "needs it", "needs it")[number % 5]
                    if kind == "health":
                        health.add((status, seconds < HEALTH_SECONDS))
                    else:
                        answers.setdefault(kind, set()).add((status, again is not None and 0 < int(again) <= 60, seconds < ANSWER_SECONDS))
                time.sleep(0.5)
        scene.check(f"{what}: nobody asks for a restart", health == {(200, True)} and all(server.process.poll() is None for server in servers), health)
        # What began before anybody knew may have been answered well.
        refused = {kind: found - {(200, False, True), (201, False, True), (202, False, True)} for kind, found in answers.items()}
        scene.check(f"{what}: who needs it is told when to come again, and soon", all(found == {(503, True, True)} for found in refused.values()), answers)
        status, _, text, _ = asked(servers[0].url, token, "/metrics")
        scene.check(f"{what}: metrics say so", status == 200 and "dataux_database_up 0" in text, f"{status} {text[-500:]}")
        come_back()
        came = time.monotonic()
        back = until(lambda: all(ask(server.url + "/readyz")[0] == 200 for server in servers), BACK_SECONDS)
        scene.check(f"{what}: all are ready again by themselves", back, f"after {time.monotonic() - came:.0f} s")
        statuses = [asked(server.url, token, "/api/v1/sql", "POST", {"sql": "SELECT 1 AS one"})[0] for server in servers]
        scene.check(f"{what}: and answer", statuses == [200] * PROCESSES, statuses)
        # What was accepted is done; what was refused with 503 may or may not have been.
        states = {number: ended(servers[0].url, token, id).get("state") for number, (_, id) in before.started.items()}
        scene.check(f"{what}: runs that were at work or waited end well", before.started and set(states.values()) == {"succeeded"}, states)
        found = [row["n"] for number in range(PIPELINES) for row in platform.rows(f"add{number}") if row["n"] in before.started]
        scene.check(f"{what}: and each once", sorted(found) == sorted(before.started), f"{len(found)} of {len(before.started)}")
        for server in servers:
            server.log.seek(0)
            lines = server.log.read().count("the queue of runs cannot be read")
            scene.check(f"{what}: the log says it once and not each second", lines <= 4, lines)


def parts(scene, platform):
    """Parts with one role each: who answers what, who works, who schedules; and what nobody can be alone."""
    refused_roles(scene, platform)
    control = platform.start(DATAUX_ROLE="control")
    query, worker = platform.start(DATAUX_ROLE="query"), None
    try:
        token = platform.login(control.url)
        schedule = "---\napiVersion: dataux/v1\nkind: Schedule\nname: often\nspec: {pipeline: add1, cron: '*/5 * * * * *', parameters: {n: 7}}\n"
        platform.apply(query.url, token, SERVICES + adding(0) + adding(1) + schedule)
        _, text = ask(f"{query.url}/api/v1/pipelines/add0/runs", token, "POST", {"parameters": {"n": 1}})
        run = json.loads(text)["id"]
        time.sleep(6)
        _, text = ask(f"{control.url}/api/v1/runs/{run}", token)
        scene.check("without a worker a run waits", json.loads(text)["state"] == "queued", text)
        scene.check("and metrics say for how long", metric(control.url, "dataux_jobs_oldest_waiting_seconds") > 1, metric(control.url, "dataux_jobs_oldest_waiting_seconds"))
        scene.check("the schedule is looked after by control alone", metric(control.url, "dataux_scheduler_leads") == 1 and metric(query.url, "dataux_scheduler_leads") is None)
        worker = platform.start(DATAUX_ROLE="worker")
        scene.check("a worker takes it", ended(query.url, token, run).get("state") == "succeeded")
        scene.check("and what the schedule started", until(lambda: {row["n"] for row in platform.rows("add1")} == {7}, 60))
        for name, server, statuses in (("control", control, (200, 200, 200, 200, 200)), ("query", query, (200, 200, 200, 404, 200)), ("worker", worker, (404, 404, 404, 404, 200))):
            paths = (("/api/v1/sql", "POST", {"sql": "SELECT 1 AS one"}), ("/services/kept",), ("/api/openapi.json",), ("/",), ("/metrics",))
            found = tuple(asked(server.url, token, *path)[0] for path in paths)
            scene.check(f"{name} answers what it is for", found == statuses, found)
            states = [ask(server.url + path)[0] for path in ("/healthz", "/readyz")]
            scene.check(f"{name} is healthy and ready", states == [200, 200], states)
            _, text = ask(server.url + "/metrics")
            scene.check(f"{name} says so in its metrics", f'role="{name}"' in text, text[:500])
        status, text = ask(worker.url + "/api/v1/sql", token, "POST", {"sql": "SELECT 1"}, headers={"Accept-Language": "zh"})
        holds = status == 404 and json.loads(text)["code"] == "role_lacks" and "worker" in json.loads(text)["message"] and CHINESE.search(text)
        scene.check("a worker says that it is one", holds, f"{status} {text}")
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
        _, text = ask(f"{control.url}/api/v1/pipelines/add0/runs", token, "POST", {"parameters": {"n": 2}})
        # A command in the container of a part does everything itself.
        done = scene.run("sql", "--home", platform.folder / "home-1", "-c", "SELECT 1 AS one", "--output", "ndjson", env={**platform.settings, "DATAUX_ROLE": "worker"})
        scene.check("a command beside a part has no role", done.returncode == 0 and done.stdout == '{"one":1}\n', done)
        worker = platform.start(DATAUX_ROLE="worker,query")
        scene.check("several roles in one process", ended(worker.url, token, json.loads(text)["id"]).get("state") == "succeeded")
    finally:
        for server in (control, query, worker):
            if server:
                server.end()


def refused_roles(scene, platform):
    home = scene.folder / "alone"
    for role in ("worker", "control", "query", "control,query"):
        done = scene.run("serve", "--home", home, "--listen", "127.0.0.1:0", "--role", role)
        holds = done.returncode != 0 and f"(role {role})" in done.stderr and "DATABASE_URL" in done.stderr and "hint" in done.stderr
        scene.check(f"{role} alone on a home is refused", holds, done)
        done = scene.run("serve", "--home", home, "--listen", "127.0.0.1:0", env={"DATAUX_ROLE": role, "LANG": "zh_CN.UTF-8"})
        scene.check(f"{role} alone is refused in Chinese", done.returncode != 0 and CHINESE.search(done.stderr), done)
    lacks = {**platform.settings, "DATAUX_LAKE": ""}
    done = scene.run("serve", "--home", home, "--listen", "127.0.0.1:0", "--role", "worker", env=lacks)
    scene.check("a worker whose lake nobody reaches is refused", done.returncode != 0 and "DATAUX_LAKE" in done.stderr, done)
    for role, words in (("master", "`master` is no role"), ("all,worker", "name it alone"), (",", "name a role")):
        done = scene.run("serve", "--home", home, "--listen", "127.0.0.1:0", "--role", role)
        scene.check(f"the role `{role}` is refused", done.returncode != 0 and words in done.stderr, done)


if __name__ == "__main__":
    main()
