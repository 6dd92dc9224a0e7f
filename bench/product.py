"""The product as the benchmarks drive it: a home, its declarations, runs, and a server."""

import http.client
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

from bench import measure

# Longest wait for a server to start, and for an answer, in seconds.
START_SECONDS = 120
ANSWER_SECONDS = 600


class Home:
    """A platform in a folder, made anew."""

    def __init__(self, binary, path, **env):
        self.binary, self.path = binary, path
        self.env = {key: value for key, value in os.environ.items() if not key.startswith(("DATAUX_", "DATABASE_", "REDIS_"))}
        self.env.update(env)

    def make(self, *documents):
        """Begins with an empty home, and declares the documents in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.env["DATAUX_ADMIN_PASSWORD"] = secrets.token_urlsafe(16)
        self.command("init")
        if documents:
            self.apply(*documents)

    def apply(self, *documents):
        """Declares documents; JSON is YAML."""
        text = "".join(f"---\n{json.dumps({'apiVersion': 'dataux/v1', **document})}\n" for document in documents)
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write(text)
            file.flush()
            self.command("apply", "-f", file.name)

    def command(self, *arguments):
        """Runs a command on this home; what it took and what it wrote."""
        return measure.process([self.binary, *arguments, "--home", self.path], env=self.env)

    def run(self, pipeline):
        """Runs a pipeline to its end; what that took, from the process's start to its end."""
        took, _ = self.command("run", pipeline, "--progress", "none")
        return took

    def token(self, user):
        """A new token of a user."""
        return self.command("token", "create", "--user", user)[1].strip()

    def files(self, schema, table):
        """The Parquet files that a lake table consists of, as another reader finds them."""
        from deltalake import DeltaTable
        return DeltaTable(str(self.path / "lake" / schema / table)).file_uris()


class Server:
    """`dataux serve` on a home and a free port. `ready_seconds` is how long it took until it said that it listens."""

    def __init__(self, home):
        self.home, self.url, self.ready_seconds = home, None, None

    def __enter__(self):
        self.log = tempfile.TemporaryFile("w+")
        began = time.perf_counter()
        self.process = subprocess.Popen([self.home.binary, "serve", "--home", self.home.path, "--listen", "127.0.0.1:0"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env=self.home.env)
        timer = threading.Timer(START_SECONDS, self.process.kill)
        timer.start()
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.ready_seconds = time.perf_counter() - began
                self.url = line.split()[2].rstrip("/")
                break
        timer.cancel()
        if not self.url:
            self.__exit__()
            self.log.seek(0)
            raise measure.Failed(f"the server did not start:\n{self.log.read()[-4000:]}")
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @property
    def pid(self):
        return self.process.pid


class Client:
    """A connection to a server that is kept open, in the name of a token."""

    def __init__(self, url, token=None):
        parts = urllib.parse.urlsplit(url)
        self.http = http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_SECONDS)
        self.token = token

    def ask(self, method, path, body=None, accept="application/json"):
        """A request; the answer's bytes. An answer that is an error raises."""
        headers = {"Accept": accept, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(body)
        self.http.request(method, path, body, headers)
        answer = self.http.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise measure.Failed(f"{method} {path} was answered with {answer.status}: {data[:1000].decode('utf-8', 'replace')}")
        return data

    def sql(self, statement):
        """The answer of a statement as an Arrow table."""
        import pyarrow
        data = self.ask("POST", "/api/v1/sql", {"sql": statement}, "application/vnd.apache.arrow.stream")
        return pyarrow.ipc.open_stream(data).read_all()


def collect_step(name, source, into, **more):
    """A step of a pipeline that collects what `more` says (`files` or `table`) from a connection into a table."""
    return {"name": name, "collect": {"from": source, "into": into, "mode": "replace", **more}}


def user(name, allow, on):
    """A user who may do one thing with one object, and nothing else."""
    return ({"kind": "User", "name": name, "spec": {}},
            {"kind": "Grant", "name": f"{name}-may", "spec": {"to": {"user": name}, "allow": [allow], "on": [on]}})
