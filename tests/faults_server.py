"""The server's beginning and end: one a home, and an end that loses no request and no run."""

import http.client
import json
import os
import pathlib
import signal
import sys
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from postgres import Postgres
from proxy import Proxy
from scene import Scene, Server
from trouble import CHINESE, Home, collect, connection, http as ask

ROWS = 300_000
# How long the slow one of the servers drains, in seconds.
DELAY_SECONDS = 4
# Longest wait for a run that was handed back to be taken up and end, in seconds.
TAKEN_UP_SECONDS = 90


def main():
    with Scene("faults_server") as scene:
        folder = scene.folder / "in"
        folder.mkdir()
        (folder / "t.csv").write_text("id,name\n" + "".join(f"{i},{'name' * 20} {i}\n" for i in range(ROWS)))
        home = Home(scene)
        home.apply(connection("in", files={"location": str(folder)})
                   + collect("t", "in", files="t.csv", columns={"id": "int64", "name": "string"}))
        ran = home.start("t")
        scene.check("there is a table", ran.state == "succeeded", ran)
        two_servers(scene, home)
        request_at_the_end(scene, home)
        delay_at_the_end(scene, home)
        run_at_the_end(scene, home)


def two_servers(scene, home):
    with Server(home.path) as first:
        second = home.run("serve", "--listen", "127.0.0.1:0")
        scene.check("a second server is refused", second.returncode == 1, second)
        said = second.stderr
        holds = str(home.path) in said and str(first.process.pid) in said and "hint" in said
        scene.check("and told which home and which process has it", holds, said)
        chinese = home.run("serve", "--listen", "127.0.0.1:0", env={"LANG": "zh_CN.UTF-8"}).stderr
        scene.check("in Chinese too", bool(CHINESE.search(chinese)) and str(first.process.pid) in chinese, chinese)
        status, _ = ask(first.url + "/healthz")
        scene.check("the first serves on", status == 200, status)
        scene.check("commands work beside it", home.rows("SELECT 1 AS one") == [[1]])
        taken = scene.run("serve", "--home", scene.folder / "other", "--listen", first.url.removeprefix("http://"))
        scene.check("an address in use is said", taken.returncode != 0 and "listen" in taken.stderr, taken)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    with Server(home.path) as third:
        status, _ = ask(third.url + "/readyz")
        scene.check("after kill -9 the next server starts at once", status == 200, status)


def request_at_the_end(scene, home):
    """An answer that is on its way when SIGTERM comes arrives as a whole."""
    token = home.token("admin")
    with Server(home.path) as server:
        address = urllib.parse.urlsplit(server.url)
        asking = http.client.HTTPConnection(address.hostname, address.port, timeout=120)
        asking.request("POST", "/api/v1/sql", json.dumps({"sql": "SELECT id, name FROM lake.ods.t ORDER BY id"}),
                       {"Content-Type": "application/json", "Authorization": f"Bearer {token}"})
        answer = asking.getresponse()
        begun = answer.read(10_000)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        scene.check("the server waits for who still reads", server.process.poll() is None, server.process.poll())
        status, text = ask(server.url + "/healthz", timeout=5)
        scene.check("and takes nobody new", status in (0, 503), f"{status} {text}")
        lines = (begun + answer.read()).decode().splitlines()
        ids = [json.loads(line).get("id") for line in lines]
        scene.check("the answer is whole", ids == list(range(ROWS)), f"{len(lines)} lines, last {lines[-1][:300]}")
        asking.close()
        code = server.process.wait(60)
        scene.check("then the server ends in order", code == 0, code)


def delay_at_the_end(scene, home):
    """A server that is told to drain slowly says at once that it is not ready, and answers until those who send it requests have heard of it."""
    token = home.token("admin")
    with Server(home.path, env={"DATAUX_DRAIN_DELAY": f"{DELAY_SECONDS}s"}) as server:
        address = urllib.parse.urlsplit(server.url)
        kept = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        kept.request("GET", "/healthz")
        kept.getresponse().read()
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        while ask(server.url + "/readyz")[0] == 200 and time.monotonic() < began + DELAY_SECONDS:
            time.sleep(0.01)
        status, text = ask(server.url + "/readyz")
        scene.check("it is not ready at once", status == 503 and "server_leaving" in text, f"{status} {text}")
        # Whoever comes now, on an old connection or a new one, is answered and told to come elsewhere next time.
        kept.request("GET", "/healthz")
        answer = kept.getresponse()
        closes = (answer.status, answer.getheader("Connection"), bool(answer.read()), answer.will_close)
        scene.check("an old connection is answered for the last time", closes == (200, "close", True, True), closes)
        statuses = []
        while time.monotonic() < began + DELAY_SECONDS - 0.5:
            statuses.append(ask(server.url + "/api/v1/sql", token, "POST", {"sql": "SELECT 1 AS one"}))
            time.sleep(0.1)
        scene.check("new connections are answered as ever", statuses and set(statuses) == {(200, '{"one":1}\n')}, statuses[-3:])
        code = server.process.wait(60)
        seconds = time.monotonic() - began
        scene.check("then it ends in order", code == 0 and DELAY_SECONDS <= seconds < DELAY_SECONDS + 20, f"{code} after {seconds:.1f} s")
    for wrong in ("5", "1h", "soon"):
        done = home.run("serve", "--listen", "127.0.0.1:0", env={"DATAUX_DRAIN_DELAY": wrong})
        scene.check(f"a delay of `{wrong}` is refused", done.returncode in (1, 2) and ("duration" in done.stderr or "DATAUX_DRAIN_DELAY" in done.stderr), done)


def run_at_the_end(scene, home):
    """A run that takes longer than the drain is handed back, and the next server ends it."""
    if "DATAUX_TEST_POSTGRES_URL" not in os.environ:
        raise RuntimeError("DATAUX_TEST_POSTGRES_URL is not set: run this under scripts/servers")
    source = Postgres(os.environ["DATAUX_TEST_POSTGRES_URL"])
    source.sql(f"CREATE TABLE handed AS SELECT i AS id, repeat('and more', 10) AS text FROM generate_series(1, {ROWS}) AS i")
    environment = {"PG_PASSWORD": source.password}
    try:
        # At this rate the run takes minutes.
        with Proxy(source.host, source.port, bytes_per_second=100_000) as proxy:
            home.apply(source.connection("slow", host="127.0.0.1", port=proxy.port)
                       + collect("handed", "slow", table="public.handed", mode="append", cursor="id"))
            with Server(home.path, env=environment) as server:
                token = home.token("admin")
                _, text = ask(server.url + "/api/v1/pipelines/handed/runs", token, "POST", {})
                run = json.loads(text)["id"]
                deadline = time.monotonic() + 30
                while time.monotonic() < deadline and proxy.passed < 200_000:
                    time.sleep(0.1)
                scene.check("the run is at work", proxy.passed >= 200_000, proxy.passed)
                began = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                code = server.process.wait(90)
                seconds = time.monotonic() - began
                scene.check("the server ends in order within its time", code == 0 and seconds < 40, f"{code} after {seconds:.1f} s")
            proxy.bytes_per_second = None
            with Server(home.path, env=environment) as server:
                began = time.monotonic()
                record = wait_for(server, token, run)
                seconds = time.monotonic() - began
                scene.check("the next server ends the run", record["state"] == "succeeded", record)
                scene.check("and takes it up without waiting for a lease", seconds < 12, seconds)
            found = home.rows("SELECT count(*), count(DISTINCT id), sum(id) FROM lake.ods.handed")
            scene.check("nothing is doubled or lost", found == [[ROWS, ROWS, ROWS * (ROWS + 1) // 2]], found)
    finally:
        source.sql("DROP TABLE IF EXISTS handed")


def wait_for(server, token, run):
    deadline = time.monotonic() + TAKEN_UP_SECONDS
    while True:
        _, text = ask(f"{server.url}/api/v1/runs/{run}", token)
        record = json.loads(text)
        if record["state"] not in ("queued", "running") or time.monotonic() > deadline:
            return record
        time.sleep(0.2)


if __name__ == "__main__":
    main()
