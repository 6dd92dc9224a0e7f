"""The chart on real nodes: containerd, runc, kubelet, and pods from the image that is built here, on two of them. The install contract as it is
typed, with MariaDB, Redis and S3 outside the cluster; data that is collected, queried, and still there after an upgrade, a rollback, a drained
node and a `kill -9`; and no request lost on the way.

Without arguments all of it; else the parts that are named, of: alone defaults several one_volume. The image is built of bin/dataux; IMAGE=dist/image/image.tar takes one that is there, such as that of a release. The numbers that are printed are of it."""

import concurrent.futures
import contextlib
import datetime
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenes"))
from bucket import Bucket
from cluster import CHART, INSTANCE, RELEASE, STANDARD, Cluster, commands, volume
from mysql import Mysql
from proxy import Proxy
from scene import DATAUX, ROOT, Scene, plain_environment
from trouble import collect, connection, http as ask

IMAGE, NEXT = "dataux/dataux:0.1.0", "dataux/dataux:0.1.1"
# Where the machine is for its nodes and pods, and where the release is for the machine.
OUTSIDE, ENTRY, ENTRY_PORT = "198.18.0.1", "198.18.0.12", 30080
REPLICAS, ROWS, LOAD_THREADS = 3, 5000, 4
# Longest wait for a run, and for a process to be another, in seconds.
RUN_SECONDS = 120


def main():
    with Scene("nodes") as scene:
        if os.geteuid() != 0:
            sys.exit("tests/soak/nodes.py needs root: it makes nodes")
        archive = image(scene)
        with Cluster(scene, REAL=1) as cluster, Outside() as outside:
            for number in (1, 2):
                cluster.node(number, archive)
                again = cluster.inside(number, "ctr", "--address", cluster.folder / f"node-{number}" / "containerd.sock", "--namespace", "k8s.io",
                                       "images", "tag", f"docker.io/{IMAGE}", f"docker.io/{NEXT}")
                subprocess.run(again, check=True, capture_output=True)
            cluster.apply(STANDARD)
            for part in (alone, defaults, several, one_volume):
                if part.__name__ in (sys.argv[1:] or [part.__name__]):
                    part(scene, cluster, outside)


def image(scene):
    """Its archive."""
    if archive := os.environ.get("IMAGE"):
        return sized(pathlib.Path(archive).resolve())
    done = subprocess.run([ROOT / "images" / "build"], capture_output=True, text=True, timeout=600,
                          env={**os.environ, "OUT": str(scene.folder / "image"), "PREBUILT": "1", "PROGRAM": str(DATAUX), "BUILDER": "buildah"})
    if done.returncode != 0:
        raise RuntimeError(f"images/build ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return sized(scene.folder / "image" / "image.tar")


def sized(archive):
    print(f"the image has {archive.stat().st_size >> 20} MiB", flush=True)
    return archive


class Outside:
    """What is not in the cluster: the servers of scripts/servers, where pods can reach them."""

    def __enter__(self):
        if "DATAUX_TEST_MYSQL_URL" not in os.environ:
            raise RuntimeError("DATAUX_TEST_MYSQL_URL is not set: run this under scripts/servers")
        self.mysql, self.bucket = Mysql(os.environ["DATAUX_TEST_MYSQL_URL"]), Bucket()
        self.redis = urllib.parse.urlsplit(os.environ["DATAUX_TEST_REDIS_URL"])
        with contextlib.ExitStack() as stack:
            reach = lambda host, port: stack.enter_context(Proxy(host, port, address=OUTSIDE)).port
            self.mysql_port, self.s3_port = reach(self.mysql.host, self.mysql.port), reach(self.bucket.host, self.bucket.port)
            self.redis_port = reach(self.redis.hostname, self.redis.port)
            self.stack = stack.pop_all()
        for name in ("of_one", "of_three", "of_volume"):
            self.mysql.sql(f"DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}")
        self.mysql.sql(f"CREATE OR REPLACE TABLE bookings AS SELECT i AS id, concat('passenger ', i) AS name FROM {self.mysql.numbers(ROWS)}")
        return self

    def __exit__(self, *_):
        self.mysql.sql("DROP TABLE bookings; DROP DATABASE of_one; DROP DATABASE of_three; DROP DATABASE of_volume")
        self.stack.close()

    def url(self, database):
        return (f"jdbc:mysql://{OUTSIDE}:{self.mysql_port}/{database}?useSSL=false&serverTimezone=UTC"
                "&rewriteBatchedStatements=true&zeroDateTimeBehavior=CONVERT_TO_NULL&allowPublicKeyRetrieval=true")

    def configmap(self, database):
        """The contract's first command, with what is there."""
        made = commands()[0].replace("jdbc:mysql://…", self.url(database)).replace("REDIS_HOST=redis", f"REDIS_HOST={OUTSIDE}")
        return made.replace("REDIS_PORT=6379", f"REDIS_PORT={self.redis_port}")

    def values(self, **more):
        return {"replicas": REPLICAS, "database": {"user": self.mysql.user, "password": self.mysql.password}, "redis": {"password": self.redis.password}, **more}


class Platform:
    """The release, spoken to at an address that may change."""

    def __init__(self, scene, cluster, url):
        self.scene, self.cluster, self.url, self.pushed = scene, cluster, url, 0
        # As the guide says it.
        lines = cluster.typed(f'kubectl logs -l {INSTANCE} --tail=-1 | grep "user admin"').splitlines()
        line = next(line for line in lines if "user admin, password" in line).strip()
        status, text = ask(f"{url()}/api/v1/sessions", None, "POST", {"user": "admin", "password": line.rsplit(" ", 1)[1]})
        if status not in (200, 201):
            raise RuntimeError(f"admin cannot log in: {status} {text}")
        self.token = json.loads(text)["token"]

    def dataux(self, *arguments, text=None):
        """A command of an operator's machine."""
        env = {**plain_environment(), "DATAUX_SERVER": self.url(), "DATAUX_TOKEN": self.token}
        done = subprocess.run([DATAUX, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120, env=env)
        if done.returncode != 0:
            raise RuntimeError(f"dataux {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def declare(self, outside):
        """A business system that is collected from, and one that pushes."""
        self.dataux("secret", "put", "source", text=outside.mysql.password)
        my = outside.mysql
        source = connection("my", mysql={"host": OUTSIDE, "port": outside.mysql_port, "database": my.database, "user": my.user, "password": "secret:source"})
        push = connection("web", push={"targets": {"clicks": {"into": "lake.ods.clicks", "columns": {"id": "int64"}}}})
        file = self.scene.folder / "declared.yaml"
        file.write_text(source + push + collect("bookings", "my", table=f"{my.schema}.bookings"))
        self.dataux("apply", "-f", file)

    def run(self):
        """Collects; the state that the run ends in."""
        id = json.loads(ask(f"{self.url()}/api/v1/pipelines/bookings/runs", self.token, "POST", {})[1]).get("id")
        end = time.monotonic() + RUN_SECONDS
        while time.monotonic() < end:
            state = json.loads(ask(f"{self.url()}/api/v1/runs/{id}", self.token)[1] or "{}").get("state")
            if state not in (None, "queued", "running"):
                return state
            time.sleep(0.3)
        return "still running"

    def push(self, key):
        """One row of its own, once; whether it is acknowledged."""
        headers = {"Idempotency-Key": f"row-{key}", "Content-Type": "application/x-ndjson"}
        return ask(f"{self.url()}/api/v1/push/web/clicks", self.token, "POST", json.dumps({"id": key}), headers, timeout=30)

    def push_more(self, count=3):
        """Rows that must be acknowledged."""
        for _ in range(count):
            status, text = self.push(self.pushed)
            if status != 200:
                raise RuntimeError(f"row {self.pushed} was not taken: {status} {text}")
            self.pushed += 1

    def one(self, sql):
        """The one row of an answer, or what was said instead."""
        status, text = ask(f"{self.url()}/api/v1/sql", self.token, "POST", {"sql": sql})
        return list(json.loads(text.splitlines()[0]).values()) if status == 200 and text.strip() else (status, text)

    def still_there(self, after):
        """What was acknowledged is there, once."""
        found = self.one("SELECT count(*) AS n, count(DISTINCT id) AS d, min(id) AS a, max(id) AS z FROM lake.ods.clicks")
        self.scene.check(f"{after}: every row that was pushed is there once", found == [self.pushed, self.pushed, 0, self.pushed - 1], f"{found}, not {self.pushed}")
        found = self.one("SELECT count(*) AS n, sum(id) AS s FROM lake.ods.bookings")
        self.scene.check(f"{after}: so is what was collected", found == [ROWS, ROWS * (ROWS + 1) // 2], found)
        self.push_more()


def alone(scene, cluster, _):
    """Several replicas without a database in common end, and say what to set."""
    installed = cluster.typed(f"{commands()[1]} --set replicas=2 --set persistence.enabled=false")
    scene.check("the notes warn of replicas without a database", "the values name no database" in installed, installed)
    ended = lambda: [pod for pod in cluster.pods() if pod["status"].get("containerStatuses", [{}])[0].get("restartCount", 0) > 0]
    cluster.until("several replicas without a database end", ended)
    said = cluster.typed(f"kubectl logs -l {INSTANCE} --tail=-1")
    scene.check("and say what to set", "one of 2 replicas" in said and "set DATABASE_URL" in said, said)
    cluster.typed(f"helm uninstall {RELEASE} --wait")


def reachable(cluster, name):
    """A volume that both nodes reach, in the place of one on a network: a folder of this machine."""
    folder = cluster.parent / name
    folder.mkdir(mode=0o755)
    cluster.apply(volume(name, "node-1", "node-2", folder=folder))
    return folder


def pod_url(cluster):
    return f"http://{cluster.pods()[0]['status']['podIP']}:8080"


def process(cluster, pod):
    """The program's process id on this machine."""
    id = pod["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if id in (folder / "cgroup").read_text() and "dataux" in os.readlink(folder / "exe"):
                return int(folder.name)
    raise RuntimeError(f"no process of {pod['metadata']['name']}")


def kill(scene, cluster, what):
    """`kill -9` of a pod's process: its container starts again, and the pod is ready."""
    pod = cluster.pods()[0]
    name, before = pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"]
    os.kill(process(cluster, pod), signal.SIGKILL)
    def back():
        status = json.loads(cluster.kubectl("get", "pod", name, "--output", "json"))["status"]["containerStatuses"][0]
        return status["restartCount"] > before and status["ready"]
    cluster.until(what, back)


def drain(cluster, number):
    return cluster.typed(f"kubectl drain node-{number} --ignore-daemonsets --delete-emptydir-data --timeout 240s")


def defaults(scene, cluster, outside):
    """Nothing but the defaults, under Helm 3: one pod on a volume, all its life."""
    helm = "helm3"
    reachable(cluster, "of-one")
    _, install, pod, forward = commands()
    cluster.typed(install, helm)
    cluster.rolled_out("the pod is ready")
    numbers(scene, cluster)
    confined(scene, cluster)
    done = cluster.shell(f"helm test {RELEASE}", helm)
    scene.check("helm test asks the service by its name", done.returncode == 0 and "Succeeded" in done.stdout, done.stdout + done.stderr)
    forwarded(scene, cluster, pod, forward, helm)
    platform = Platform(scene, cluster, lambda: pod_url(cluster))
    platform.declare(outside)
    scene.check("data is collected", platform.run() == "succeeded")
    platform.push_more()
    platform.still_there("at first")
    kill(scene, cluster, "after kill -9 the container starts again")
    platform.still_there("after kill -9")
    cluster.typed(f"helm upgrade {RELEASE} {CHART} --reuse-values --set image={NEXT} --set log.filter=debug", helm)
    cluster.rolled_out("it is upgraded")
    platform.still_there("after an upgrade")
    cluster.typed(f"helm rollback {RELEASE}", helm)
    cluster.rolled_out("it is rolled back")
    scene.check("the image is the first again", cluster.pods()[0]["spec"]["containers"][0]["image"] == IMAGE)
    platform.still_there("after a rollback")
    was = cluster.pods()[0]["spec"]["nodeName"]
    drain(cluster, was[-1])
    cluster.rolled_out("a drained node's pod starts elsewhere")
    scene.check("on the other node", cluster.pods()[0]["spec"]["nodeName"] != was)
    platform.still_there("after a drain")
    cluster.kubectl("uncordon", was)
    cluster.typed(f"helm uninstall {RELEASE} --wait", helm)
    cluster.typed(install, helm)
    cluster.rolled_out("it is installed again")
    platform.still_there("after it was uninstalled and installed")
    cluster.typed(f"helm uninstall {RELEASE} --wait", helm)
    cluster.kubectl("delete", "pvc", RELEASE)


def numbers(scene, cluster):
    """What is written down: from the container's start until it is ready, and its memory when nothing happens."""
    pod = cluster.pods()[0]
    moment = lambda text: datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    started = moment(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    ready = next(moment(one["lastTransitionTime"]) for one in pod["status"]["conditions"] if one["type"] == "Ready")
    time.sleep(10)
    resident = re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{process(cluster, pod)}/status").read_text())[1]
    print(f"ready {(ready - started).seconds} s after the container's start; {int(resident) >> 10} MiB of memory when nothing happens", flush=True)


def confined(scene, cluster):
    """What the restricted standard promises is so in the kernel."""
    pid = process(cluster, cluster.pods()[0])
    status = dict(re.findall(r"^(\w+):\s+(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))
    scene.check("the process is nobody's root", status["Uid"].split() == ["10001"] * 4, status)
    scene.check("it has no capability and gets none", int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0 and status["NoNewPrivs"] == "1", status)
    scene.check("its system calls are filtered", status["Seccomp"] == "2", status)
    mounts = [line.split() for line in pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    root = next(one for one in mounts if one[4] == "/")
    scene.check("its root cannot be written to", "ro" in root[5].split(","), root)
    writable = {one[4] for one in mounts if "rw" in one[5].split(",") and not one[4].startswith(("/dev", "/proc", "/sys"))}
    wanted = {"/var/lib/dataux", "/var/lib/dataux/spill", "/tmp"}
    scene.check("only its volumes can", wanted <= writable <= wanted | {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}, writable)


def forwarded(scene, cluster, pod, forward, helm):
    """The third and fourth command, on a machine of the nodes' network: its 8080 is free, whatever this machine serves there."""
    typed = subprocess.Popen(cluster.inside(2, "bash", "-euo", "pipefail", "-c", f"{pod}\n{forward}"), env=cluster.environment(helm), cwd=ROOT, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        url = "http://localhost:8080"
        curl = lambda path: subprocess.run(cluster.inside(2, "curl", "-sS", "-m", "10", f"{url}{path}"), capture_output=True, text=True)
        cluster.until("kubectl port-forward leads to the platform", lambda: curl("/healthz").returncode == 0, 30)
        scene.check("which is ready", '"ok"' in curl("/readyz").stdout, curl("/readyz"))
        browser = cluster.inside(2, "chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={cluster.parent}/browser", "--virtual-time-budget=15000",
                                 "--dump-dom", f"{url}/")
        page = subprocess.run(browser, capture_output=True, text=True, timeout=120, env={**os.environ, "HOME": str(cluster.parent)})
        scene.check("a browser at http://localhost:8080 shows the platform", "password" in page.stdout and "dataux" in page.stdout, page.stdout[-2000:] + page.stderr[-500:])
    finally:
        os.killpg(typed.pid, signal.SIGTERM)
        typed.wait()


def several(scene, cluster, outside):
    """Three replicas on MariaDB, Redis and S3, under Helm 4: spread over the nodes, and never all away."""
    helm, file = "helm4", cluster.parent / "three.yaml"
    cluster.typed(f"kubectl create secret generic lake-login --from-literal=access_key_id={outside.bucket.id} --from-literal=secret_access_key={outside.bucket.secret}")
    store = {"endpoint": f"http://{OUTSIDE}:{outside.s3_port}", "region": "us-east-1", "allow_http": True}
    file.write_text(json.dumps(outside.values(
        lake={"location": f"{outside.bucket.url}/lake", "store": store, "existingSecret": "lake-login"}, masterKey={"value": "5a" * 32},
        service={"type": "NodePort", "nodePort": ENTRY_PORT})))
    cluster.typed(outside.configmap("of_three"), helm)
    cluster.typed(f"{commands()[1]} --values {file} --wait --timeout 3m", helm)
    cluster.rolled_out("three replicas are ready", REPLICAS)
    nodes = {pod["spec"]["nodeName"] for pod in cluster.pods()}
    scene.check("on both nodes", nodes == {"node-1", "node-2"}, nodes)
    done = cluster.shell(f"helm test {RELEASE}", helm)
    scene.check("helm test, of three", done.returncode == 0, done.stdout + done.stderr)
    platform = Platform(scene, cluster, lambda: f"http://{ENTRY}:{ENTRY_PORT}")
    platform.declare(outside)
    scene.check("data is collected by one of three", platform.run() == "succeeded")
    platform.push_more()
    platform.still_there("of three, at first")
    with Load(platform) as load:
        cluster.typed(f"helm upgrade {RELEASE} {CHART} --reuse-values --set image={NEXT} --set log.filter=debug --wait --timeout 4m", helm)
        cluster.rolled_out("three are upgraded", REPLICAS)
    load.lossless(scene, "a rolling upgrade")
    with Load(platform) as load:
        cluster.typed(f"helm rollback {RELEASE} --wait --timeout 4m", helm)
        cluster.rolled_out("three are rolled back", REPLICAS)
    load.lossless(scene, "a rollback")
    with Load(platform) as load:
        drain(cluster, 1)
        cluster.rolled_out("what was on a drained node is ready elsewhere", REPLICAS)
    load.lossless(scene, "a drained node")
    scene.check("nothing is left there", {pod["spec"]["nodeName"] for pod in cluster.pods()} == {"node-2"}, cluster.pods())
    cluster.kubectl("uncordon", "node-1")
    with Load(platform) as load:
        kill(scene, cluster, "one of three is killed, and starts again")
    load.survived(scene, "a kill -9")
    scene.check("and runs go on", platform.run() == "succeeded")
    platform.still_there("of three, in the end")
    cluster.typed(f"helm uninstall {RELEASE} --wait", helm)
    cluster.kubectl("delete", "configmap", f"{RELEASE}-configmap")


class Load:
    """People who ask and systems that push, all the time, each request over a connection of its own."""

    def __init__(self, platform):
        self.platform, self.stop, self.lock = platform, threading.Event(), threading.Lock()
        self.asked, self.failed, self.unclear = 0, [], []

    def __enter__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(2 * LOAD_THREADS)
        self.done = [self.pool.submit(work) for work in (self.ask, self.push) for _ in range(LOAD_THREADS)]
        time.sleep(2)
        return self

    def __exit__(self, kind, *_):
        time.sleep(0 if kind else 2)
        self.stop.set()
        self.pool.shutdown()
        for one in self.done:
            one.result()

    def count(self, what, status, text):
        with self.lock:
            self.asked += 1
            if status != 200:
                self.failed.append(f"{datetime.datetime.now():%H:%M:%S.%f} {what} {status} {text[:200]}")
        return status == 200

    def ask(self):
        while not self.stop.is_set():
            self.count("sql", *ask(f"{self.platform.url()}/api/v1/sql", self.platform.token, "POST", {"sql": "SELECT count(*) AS n FROM lake.ods.bookings"}, timeout=30))
            time.sleep(0.1)

    def push(self):
        while not self.stop.is_set():
            with self.lock:
                key, self.platform.pushed = self.platform.pushed, self.platform.pushed + 1
            if not self.count("push", *self.platform.push(key)):
                self.unclear.append(key)
            time.sleep(0.1)

    def lossless(self, scene, what):
        scene.check(f"{what} loses none of {self.asked} requests", not self.failed and self.asked > 50, "\n    ".join(self.failed[:20]))
        self.survived(scene, what)

    def survived(self, scene, what):
        """What got no answer is sent again under its key; then every row is there, once."""
        refused = [answer for answer in (self.platform.push(key) for key in self.unclear) if answer[0] != 200]
        scene.check(f"{what}: what got no answer is taken when it is sent again", not refused, refused)
        self.platform.still_there(f"after {what}")


def one_volume(scene, cluster, outside):
    """Three replicas with a database and no lake elsewhere: on one volume, so on one node, and together to another."""
    file = cluster.parent / "volume.yaml"
    file.write_text(json.dumps(outside.values(service={"type": "NodePort", "nodePort": ENTRY_PORT})))
    reachable(cluster, "of-three")
    cluster.typed(outside.configmap("of_volume"))
    cluster.typed(f"{commands()[1]} --values {file}")
    cluster.rolled_out("three replicas on one volume are ready", REPLICAS)
    nodes = {pod["spec"]["nodeName"] for pod in cluster.pods()}
    scene.check("they are on one node", len(nodes) == 1, nodes)
    platform = Platform(scene, cluster, lambda: f"http://{ENTRY}:{ENTRY_PORT}")
    platform.declare(outside)
    scene.check("one of them collects", platform.run() == "succeeded")
    platform.push_more(30)
    platform.still_there("on one volume, at first")
    with Load(platform) as load:
        cluster.typed(f"helm upgrade {RELEASE} {CHART} --reuse-values --set image={NEXT} --wait --timeout 4m")
        cluster.rolled_out("they are upgraded", REPLICAS)
    load.lossless(scene, "a rolling upgrade on one volume")
    drain(cluster, nodes.pop()[-1])
    cluster.rolled_out("a drained node's three pods start on the other", REPLICAS)
    platform.still_there("on one volume, after a drain")
    cluster.typed(f"helm uninstall {RELEASE} --wait")


if __name__ == "__main__":
    main()
