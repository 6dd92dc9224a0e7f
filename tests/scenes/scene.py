"""What the scenes in tests/*.py share: running the built binary, counting what held, and ending as cargo's tests do."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATAUX = ROOT / "bin" / "dataux"

# Longest time of one command, in seconds. A bound against hanging, not a measure of speed.
COMMAND_SECONDS = 600
# Longest time until a server says that it listens, in seconds.
START_SECONDS = 60


class Scene:
    """A scratch folder, and a count of what held and what did not."""

    def __init__(self, name):
        self.name, self.passed, self.failed = name, 0, 0
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"dataux-{name}."))
        self.began = time.monotonic()

    def __enter__(self):
        if not DATAUX.exists():
            sys.exit("bin/dataux is missing: run make build")
        return self

    def __exit__(self, kind, error, trace):
        if error is not None:
            self.failed += 1
            traceback.print_exception(error)
        shutil.rmtree(self.folder, ignore_errors=True)
        word = "FAILED" if self.failed else "ok"
        seconds = time.monotonic() - self.began
        print(f"test result: {word}. {self.passed} passed; {self.failed} failed; 0 ignored; 0 measured; 0 filtered out; "
              f"finished in {seconds:.2f}s", flush=True)
        sys.exit(1 if self.failed else 0)

    def check(self, what, holds, found=""):
        """Counts one thing that must hold; `found` is shown when it does not."""
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {self.name}: {what}\n    {found}", flush=True)
        return holds

    def run(self, *arguments, env=None):
        """Runs the binary; the finished process with its text."""
        return subprocess.run([DATAUX, *map(str, arguments)], capture_output=True, text=True, timeout=COMMAND_SECONDS,
                              stdin=subprocess.DEVNULL, env={**plain_environment(), **(env or {})})

    def must(self, *arguments, env=None):
        """Runs the binary and takes its stdout; a failure ends the scene."""
        done = self.run(*arguments, env=env)
        if done.returncode != 0:
            raise RuntimeError(f"dataux {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def rows(self, home, sql):
        """The answer of a statement as lists of values."""
        text = self.must("sql", "--home", home, "-c", sql, "--output", "ndjson")
        return [list(json.loads(line).values()) for line in text.splitlines()]


class Server:
    """`dataux serve` on a home and a free port, ended by its process id."""

    def __init__(self, home, env=None):
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([DATAUX, "serve", "--home", home, "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.log, text=True,
                                        env={**plain_environment(), **(env or {})})
        self.url = None

    def __enter__(self):
        # A server that never says a word must not hold the scene.
        timer = threading.Timer(START_SECONDS, self.process.kill)
        timer.start()
        for line in self.process.stdout:
            if line.startswith("listening on "):
                self.url = line.split()[2].rstrip("/")
                break
        timer.cancel()
        if not self.url:
            code = self.end()
            self.log.seek(0)
            raise RuntimeError(f"the server did not start; it ended with {code}:\n{self.log.read()[-2000:]}")
        return self

    def __exit__(self, *_):
        self.end()

    def end(self):
        """Asks it to drain and go; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()


def plain_environment():
    """This process's environment without what would send commands elsewhere."""
    return {key: value for key, value in os.environ.items()
            if not key.startswith(("DATAUX_", "DATABASE_", "REDIS_")) and key not in ("PORT", "LANG", "LC_ALL", "LC_MESSAGES")}
