"""Three replicas as the chart sets them: its rendered variables, on a real MariaDB and a real Redis, as three processes of this machine.

What the chart mounts (a home for each, one volume for all) are folders of the scene."""

import concurrent.futures
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.parse

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from postgres import Postgres
from scene import DATAUX, ROOT, Scene, Server, plain_environment
from trouble import collect, connection, http as ask

TOOLS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "dataux" / "tools"
REPLICAS = 3
ROWS = 1000
# Longest wait for a run to end, in seconds.
RUN_SECONDS = 120


def main():
    with Scene("replicas") as scene:
        for name in ("DATAUX_TEST_MYSQL_URL", "DATAUX_TEST_POSTGRES_URL", "DATAUX_TEST_REDIS_URL"):
            if name not in os.environ:
                raise RuntimeError(f"{name} is not set: run this under scripts/servers")
        alone(scene)
        database = Database(os.environ["DATAUX_TEST_MYSQL_URL"])
        try:
            together(scene, database)
        finally:
            database.sql(f"DROP DATABASE IF EXISTS {database.name}")


class Database:
    """A database of its own on the test server."""

    name = "replicas_of_the_chart"

    def __init__(self, url):
        self.parts = urllib.parse.urlsplit(url)
        self.sql(f"DROP DATABASE IF EXISTS {self.name}; CREATE DATABASE {self.name}")

    def sql(self, text):
        command = ["mariadb", "--no-defaults", f"--host={self.parts.hostname}", f"--port={self.parts.port}", f"--user={self.parts.username}"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60,
                              env={**os.environ, "MYSQL_PWD": self.parts.password})
        if done.returncode != 0:
            raise RuntimeError(f"mariadb: {done.stderr}")

    def url(self):
        return (f"jdbc:mysql://{self.parts.hostname}:{self.parts.port}/{self.name}?useSSL=false&serverTimezone=UTC"
                "&rewriteBatchedStatements=true&zeroDateTimeBehavior=CONVERT_TO_NULL&allowPublicKeyRetrieval=true")


def rendered(scene, values):
    """The container's variables, as Kubernetes would put them together: envFrom in its order, then env."""
    file = scene.folder / "values.yaml"
    file.write_text(yaml.safe_dump(values))
    command = [TOOLS / "helm4", "template", "r", ROOT / "charts" / "dataux", "--kube-version", "1.36.0", "--values", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(done.stdout) if one}
    container = found["Deployment", "r"]["spec"]["template"]["spec"]["containers"][0]
    variables = dict(found["ConfigMap", "r-config"]["data"])
    for one in container["env"]:
        key = one.get("valueFrom", {}).get("secretKeyRef")
        variables[one["name"]] = found["Secret", key["name"]]["stringData"][key["key"]] if key else one["value"]
    return variables


def places(variables, scene, number):
    """The same with the scene's folders in the place of the container's."""
    moved = {"/var/lib/dataux": scene.folder / "volume", "/run/dataux": scene.folder / f"home-{number}"}
    made = {}
    for name, value in variables.items():
        for inside, outside in moved.items():
            if value.startswith(inside):
                value = str(outside) + value.removeprefix(inside)
        made[name] = value
    # Served on a free port each; PORT would be another that all want.
    return {name: value for name, value in made.items() if name not in ("DATAUX_LISTEN", "PORT")}


def alone(scene):
    """One of several that lacks what all need ends at once, and says what to set."""
    variables = places(rendered(scene, {"replicas": REPLICAS}), scene, 0)
    for lacks, more in (("DATABASE_URL", {}), ("DATAUX_LAKE", {"DATABASE_URL": "mysql://127.0.0.1:1/d", "DATAUX_LAKE": ""}),
                        ("DATAUX_MASTER_KEY", {"DATABASE_URL": "mysql://127.0.0.1:1/d", "DATAUX_MASTER_KEY_FILE": ""})):
        done = scene.run("serve", "--listen", "127.0.0.1:0", env={**variables, **more})
        holds = done.returncode != 0 and f"one of {REPLICAS} replicas" in done.stderr and f"and {lacks} names" in done.stderr and "set DATABASE_URL" in done.stderr
        scene.check(f"one of several without {lacks} ends and says what to set", holds, done)
        chinese = scene.run("serve", "--listen", "127.0.0.1:0", env={**variables, **more, "LANG": "zh_CN.UTF-8"}).stderr
        scene.check(f"in Chinese too ({lacks})", "副本" in chinese and lacks in chinese, chinese)


def together(scene, database):
    redis = urllib.parse.urlsplit(os.environ["DATAUX_TEST_REDIS_URL"])
    variables = rendered(scene, {
        "replicas": REPLICAS,
        "env": {"PORT": 80, "REDIS_HOST": redis.hostname, "REDIS_PORT": redis.port, "DATABASE_URL": database.url()},
        "database": {"user": database.parts.username, "password": database.parts.password},
        "redis": {"password": redis.password},
    })
    (scene.folder / "volume").mkdir()
    start = lambda number: Server(scene.folder / f"home-{number}", env=places(variables, scene, number)).__enter__()
    # All at once, as a Deployment starts them: they make one database, one key and one administrator between them.
    with concurrent.futures.ThreadPoolExecutor(REPLICAS) as pool:
        servers = list(pool.map(start, range(REPLICAS)))
    try:
        logs = [said(server) for server in servers]
        passwords = [line.rsplit(" ", 1)[1] for log in logs for line in log.splitlines() if "user admin, password" in line]
        scene.check("exactly one of them makes the administrator", len(passwords) == 1, logs)
        keys = [path for path in scene.folder.rglob("master.key")]
        scene.check("they share one key, which is on the volume", keys == [scene.folder / "volume" / "master.key"], keys)
        scene.check("no secret is in a log", not any(secret in log for log in logs for secret in (database.parts.password, redis.password)), logs)
        for number, server in enumerate(servers):
            status, text = ask(server.url + "/readyz")
            scene.check(f"replica {number} is ready", status == 200, text)
        use(scene, servers, passwords[0])
    finally:
        for server in servers:
            server.end()


def said(server):
    server.log.seek(0)
    return server.log.read()


def use(scene, servers, password):
    urls = [server.url for server in servers]
    status, text = ask(f"{urls[0]}/api/v1/sessions", None, "POST", {"user": "admin", "password": password})
    token = json.loads(text).get("token")
    if not scene.check("the administrator logs in at the first", status in (200, 201) and token, f"{status} {text}"):
        return
    scene.check("and is known at the second", ask(f"{urls[1]}/api/v1/sql", token, "POST", {"sql": "SELECT 1 AS one"}) == (200, '{"one":1}\n'))
    folder = scene.folder / "in"
    folder.mkdir()
    (folder / "t.csv").write_text("id,name\n" + "".join(f"{i},name {i}\n" for i in range(ROWS)))
    file = scene.folder / "declared.yaml"
    file.write_text(connection("in", files={"location": str(folder)}) + collect("t", "in", files="t.csv", columns={"id": "int64", "name": "string"}))
    client = {"DATAUX_SERVER": urls[1], "DATAUX_TOKEN": token}
    scene.must("apply", "-f", file, env=client)
    scene.check("what is collected through the second is in the lake", run(urls[1], token) == "succeeded")
    counted = {"sql": "SELECT count(*) AS n FROM lake.ods.t"}
    found = [ask(f"{url}/api/v1/sql", token, "POST", counted)[1] for url in urls]
    scene.check("and all three read it", found == [f'{{"n":{ROWS}}}\n'] * REPLICAS, found)
    secret(scene, urls, token)
    servers[0].process.send_signal(signal.SIGKILL)
    servers[0].process.wait()
    scene.check("when one is killed the others go on", run(urls[2], token) == "succeeded" and ask(f"{urls[1]}/readyz")[0] == 200)
    scene.check("and one that ends in order ends with 0", servers[1].end() == 0, said(servers[1])[-1000:])
    found = ask(f"{urls[2]}/api/v1/sql", token, "POST", counted)
    scene.check("the last one has it all", found[0] == 200 and f'{{"n":{ROWS}}}' in found[1], found)


def secret(scene, urls, token):
    """A secret that one replica encrypts is decrypted by another: a connection's password."""
    source = Postgres(os.environ["DATAUX_TEST_POSTGRES_URL"])
    done = subprocess.run([DATAUX, "secret", "put", "pg"], input=source.password, capture_output=True, text=True, timeout=60,
                          env={**plain_environment(), "DATAUX_SERVER": urls[0], "DATAUX_TOKEN": token})
    scene.check("a secret is put through the first", done.returncode == 0, done)
    source.sql("CREATE TABLE of_replicas AS SELECT 42 AS answer")
    try:
        file = scene.folder / "source.yaml"
        file.write_text(source.connection("pg", password="secret:pg"))
        scene.must("apply", "-f", file, env={"DATAUX_SERVER": urls[1], "DATAUX_TOKEN": token})
        found = ask(f"{urls[2]}/api/v1/sql", token, "POST", {"sql": "SELECT answer FROM pg.public.of_replicas"})
        scene.check("and the last one uses it", found == (200, '{"answer":42}\n'), found)
    finally:
        source.sql("DROP TABLE of_replicas")


def run(url, token):
    """Runs the pipeline by the API; its state at the end."""
    _, text = ask(f"{url}/api/v1/pipelines/t/runs", token, "POST", {})
    id = json.loads(text).get("id")
    until = time.monotonic() + RUN_SECONDS
    while time.monotonic() < until:
        _, text = ask(f"{url}/api/v1/runs/{id}", token)
        state = json.loads(text).get("state")
        if state not in ("queued", "running"):
            return state
        time.sleep(0.2)
    return text


if __name__ == "__main__":
    main()
