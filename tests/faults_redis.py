"""Two servers on one database and one Redis: what they share, and what becomes of it when Redis dies, hangs, or comes back."""

import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from mysql import Mysql
from postgres import Postgres
from scene import Scene, Server
from trouble import Home, collect, connection, http

# Longest wait for Redis to start, and for servers to notice that it is back, in seconds.
START_SECONDS, BACK_SECONDS = 30, 30
# Longest answer while Redis is away, in seconds: three waits of a quarter of a second, and a machine that is busy.
ANSWER_SECONDS = 5
PASSWORD = "canary-redis-" + secrets.token_hex(8)

SERVICES = """---
apiVersion: dataux/v1
kind: DataService
name: rationed
spec:
  sql: "SELECT 1 AS one"
  rate: {per_second: 0.01, burst: 10}
---
apiVersion: dataux/v1
kind: DataService
name: kept
spec:
  sql: "SELECT count(*) AS n, $a AS a FROM lake.ods.t"
  parameters: {a: {type: integer, default: 0}}
  cache: {fresh_for: 1h}
---
apiVersion: dataux/v1
kind: User
name: caller
spec: {display_name: Caller}
---
apiVersion: dataux/v1
kind: Grant
name: caller-calls
spec: {to: {user: caller}, allow: [execute], on: ["service:*"]}
"""


def main():
    with Scene("faults_redis") as scene:
        for variable in ("DATAUX_TEST_POSTGRES_URL", "DATAUX_TEST_MYSQL_URL"):
            if variable not in os.environ:
                raise RuntimeError(f"{variable} is not set: run this under scripts/servers")
        folder = scene.folder / "in"
        folder.mkdir()
        (folder / "t.csv").write_text("id\n1\n2\n3\n")
        for what, source, dropped in (("PostgreSQL", Postgres(os.environ["DATAUX_TEST_POSTGRES_URL"]), " WITH (FORCE)"),
                                      ("MariaDB", Mysql(os.environ["DATAUX_TEST_MYSQL_URL"]), "")):
            database = "dataux_" + secrets.token_hex(6)
            scheme = "postgres" if what == "PostgreSQL" else "mysql"
            source.sql(f"CREATE DATABASE {database}")
            try:
                two_servers(scene, folder, what, {"DATABASE_URL": f"{scheme}://{source.host}:{source.port}/{database}",
                                                  "DATABASE_USER": source.user, "DATABASE_PASSWORD": source.password})
            finally:
                source.sql(f"DROP DATABASE {database}{dropped}")
        encrypted(scene)
        wrong(scene)


class Redis:
    """A Redis of this scene's own, so that it can die."""

    def __init__(self, scene, **files):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder, self.files, self.process = scene.folder, files, None

    def start(self):
        port = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no", "--tls-cert-file", self.files["cert"],
                "--tls-key-file", self.files["key"], "--tls-ca-cert-file", self.files["authority"]] if self.files else ["--port", str(self.port)]
        self.process = subprocess.Popen(["redis-server", *map(str, port), "--bind", "127.0.0.1", "--requirepass", PASSWORD, "--save", "", "--dir", self.folder],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while socket.socket().connect_ex(("127.0.0.1", self.port)) != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"redis-server did not start: {self.process.poll()}")
            time.sleep(0.05)
        return self

    def ask(self, *command):
        return subprocess.run(["redis-cli", "-p", str(self.port), *command], capture_output=True, text=True, timeout=30,
                              env={**os.environ, "REDISCLI_AUTH": PASSWORD}).stdout

    def kill(self):
        self.process.kill()
        self.process.wait()


class Calls(threading.Thread):
    """Calls under way while something happens: what they answered, and the longest of them."""

    def __init__(self, urls, token):
        super().__init__(daemon=True)
        self.urls, self.token, self.over = urls, token, threading.Event()
        self.statuses, self.longest = {}, 0.0

    def run(self):
        number = 0
        while not self.over.is_set():
            number += 1
            began = time.monotonic()
            # Some are kept, some are new, some are counted.
            path = ("/services/kept", f"/services/kept?a={number}", "/services/rationed")[number % 3]
            status, _ = http(self.urls[number % len(self.urls)] + path, self.token, timeout=60)
            self.longest = max(self.longest, time.monotonic() - began)
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def metric(url, name):
    _, text = http(url + "/metrics")
    return next((float(line.split()[-1]) for line in text.splitlines() if line.startswith(name)), None)


def until(holds, seconds):
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.1)
    return holds()


def two_servers(scene, folder, what, database):
    """`database`: the settings of the metadata that both servers have."""
    redis = Redis(scene).start()
    lake, key = scene.folder / f"lake-{what}", secrets.token_hex(32)
    settings = {**database, "DATAUX_LAKE": str(lake), "DATAUX_MASTER_KEY": key, "REDIS_HOST": "127.0.0.1",
                "REDIS_PORT": str(redis.port), "REDIS_PASSWORD": PASSWORD}
    try:
        home = Home(scene, f"one-{what}", **settings)
        home.apply(connection("in", files={"location": str(folder)}) + collect("t", "in", files="t.csv", columns={"id": "int64"}) + SERVICES)
        ran = home.start("t")
        scene.check(f"{what}: there is a table", ran.state == "succeeded", ran)
        token, second, caller = home.token("admin"), home.token("admin"), home.token("caller")
        with Server(home.path, env=settings) as one, Server(scene.folder / f"two-{what}", env=settings) as two:
            shared(scene, what, one.url, two.url, token, caller, redis)
            down(scene, what, one, two, second, redis)
            told = []
            for server in (one, two):
                scene.check(f"{what}: the server ends in order", server.end() == 0)
                server.log.seek(0)
                told.append(server.log.read())
            for log in told:
                scene.check(f"{what}: no password is told", PASSWORD not in log, log[-1000:])
                lines = [line for line in log.splitlines() if "shared cache" in line]
                scene.check(f"{what}: each time it goes and comes is one line", 2 <= len(lines) <= 6, log[-3000:])
    finally:
        redis.kill()


def shared(scene, what, one, two, token, caller, redis):
    scene.check(f"{what}: both see Redis", metric(one, "dataux_cache_shared_up") == 1 and metric(two, "dataux_cache_shared_up") == 1)
    statuses = [http((one, two)[number % 2] + "/services/rationed", token)[0] for number in range(14)]
    scene.check(f"{what}: the rate holds over both servers", statuses == [200] * 10 + [429] * 4, statuses)
    status, text = http(one + "/services/kept", caller)
    scene.check(f"{what}: an answer", status == 200 and json.loads(text)["items"] == [{"n": 3, "a": 0}], f"{status} {text}")
    status, text = http(two + "/services/kept", caller)
    scene.check(f"{what}: the other server has it", status == 200 and metric(two, 'dataux_cache_reads_total{from="shared"}') == 1, text)
    ttl = [int(redis.ask("pttl", key)) for key in redis.ask("keys", "*").split("\n") if key]
    scene.check(f"{what}: whatever is in Redis ends by itself", ttl and all(0 < left <= 3_600_000 for left in ttl), ttl)
    # A right that is taken away by one server is gone there at once, and in the other within a second.
    status, text = http(one + "/api/v1/resources/Grant/caller-calls", token, "DELETE")
    scene.check(f"{what}: a grant is taken away", status == 204, f"{status} {text}")
    status, _ = http(one + "/services/kept", caller)
    scene.check(f"{what}: the next request is refused", status == 403, status)
    scene.check(f"{what}: in the other server as well", until(lambda: http(two + "/services/kept", caller)[0] == 403, 5))


def down(scene, what, one, two, token, redis):
    urls = (one.url, two.url)
    with Calls(urls, token) as calls:
        time.sleep(1)
        redis.kill()
        time.sleep(3)
        scene.check(f"{what}: both say that Redis is down", until(lambda: all(metric(url, "dataux_cache_shared_up") == 0 for url in urls), 5))
    allowed = set(calls.statuses) <= {200, 429}
    scene.check(f"{what}: no request fails while Redis dies", allowed and calls.statuses.get(200, 0) > 20, calls.statuses)
    scene.check(f"{what}: and none waits long", calls.longest < ANSWER_SECONDS, calls.longest)
    statuses = [http(one.url + "/readyz")[0], http(two.url + "/readyz")[0]]
    scene.check(f"{what}: both can serve", statuses == [200, 200], statuses)
    with Calls(urls, token) as calls:
        redis.start()
        back = until(lambda: all(metric(url, "dataux_cache_shared_up") == 1 for url in urls), BACK_SECONDS)
    scene.check(f"{what}: Redis is found again", back)
    scene.check(f"{what}: no request fails while it comes back", set(calls.statuses) <= {200, 429}, calls.statuses)
    # A Redis that is there and says nothing.
    redis.ask("client", "pause", "4000", "all")
    with Calls(urls, token) as calls:
        time.sleep(4)
    scene.check(f"{what}: no request fails while Redis hangs", set(calls.statuses) <= {200, 429}, calls.statuses)
    scene.check(f"{what}: and none waits for it", calls.longest < ANSWER_SECONDS, calls.longest)
    scene.check(f"{what}: afterwards it is used again", until(lambda: all(metric(url, "dataux_cache_shared_up") == 1 for url in urls), BACK_SECONDS))


def encrypted(scene):
    """TLS: an authority that the machine trusts, and one that it does not."""
    if not shutil.which("openssl"):
        raise RuntimeError("openssl is missing: run scripts/prepare test")
    folder = scene.folder / "tls"
    folder.mkdir()

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True, timeout=60)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=scene authority", "-keyout", "ca.key", "-out", "ca.pem",
            "-addext", "basicConstraints=critical,CA:TRUE")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "redis.key", "-out", "redis.csr")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", "redis.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "redis.pem")
    redis = Redis(scene, cert=folder / "redis.pem", key=folder / "redis.key", authority=folder / "ca.pem").start()
    try:
        settings = {"REDIS_URL": f"rediss://:{PASSWORD}@127.0.0.1:{redis.port}"}
        home = Home(scene, "tls-home")
        for file, up, words in ((folder / "ca.pem", 1, "trusts"), (None, 0, "does not trust")):
            env = {**settings, **({"SSL_CERT_FILE": str(file)} if file else {})}
            with Server(home.path, env=env) as server:
                found = metric(server.url, "dataux_cache_shared_up")
                scene.check(f"a Redis whose certificate the machine {words}", found == up, found)
                server.end()
                server.log.seek(0)
                scene.check("no password is told", PASSWORD not in server.log.read())
    finally:
        redis.kill()


def wrong(scene):
    for url in ("http://u:canary-in-url@h", f"redis://u:canary-in-url@h/x", "redis://"):
        done = scene.run("serve", "--home", scene.folder / "wrong", "--listen", "127.0.0.1:0", env={"REDIS_URL": url})
        scene.check(f"{url} is refused", done.returncode in (1, 2) and "Redis" in done.stderr and "canary" not in done.stderr, done)


if __name__ == "__main__":
    main()
