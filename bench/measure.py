"""What every benchmark measures with: time, CPU and memory of a process and its children, on a machine that is described."""

import argparse
import contextlib
import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]

# How often memory is looked at, and how often for new children, in seconds. The kernel keeps each process's own high-water
# mark, so seldom is often enough.
SAMPLE_SECONDS = 0.05
CHILDREN_SECONDS = 1.0
# Longest time of one measured process, in seconds. A bound against hanging.
PROCESS_SECONDS = 3600
# Figures that the documentation shows.
RESULTS = ROOT / "bench" / "results"
TICKS = os.sysconf("SC_CLK_TCK")


def arguments(about):
    """The options that every benchmark has; each adds its own."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or data_folder() / "target")
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--binary", type=pathlib.Path, default=target / "release" / "dataux", help="the product (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is measured; the best counts (%(default)s)")
    parser.add_argument("--cache", type=pathlib.Path, default=data_folder() / "bench", help="where data and homes are kept (%(default)s)")
    parser.add_argument("--results", type=pathlib.Path, help="where figures are saved (default: bench/results, if all was measured)")
    return parser


def data_folder():
    """Where this project keeps what is dear to make."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "dataux"


@dataclasses.dataclass
class Measure:
    """What one piece of work took. `cpu_seconds` and `peak_bytes` are of the process that did it and its children."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int = 0


class Failed(Exception):
    """A measured process ended badly, or its answer was wrong: no figure may come of it."""


def tree(root):
    """The process and all that it started, as ids."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(entry)):
            children.setdefault(int(stat[1]), []).append(int(entry))
    found = [root]
    for process in found:
        found.extend(children.get(process, ()))
    return found


def cpu_seconds(root):
    """CPU time of a process, its living children, and those that ended and were waited for."""
    spent = 0
    for process in tree(root):
        if stat := _stat(process):
            spent += sum(map(int, stat[11:15]))
    return spent / TICKS


def resident_bytes(processes, what="VmRSS"):
    """Memory of processes together; with `VmHWM` the most that each has had so far."""
    kib = 0
    for process in processes:
        try:
            for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
                if line.startswith(what + ":"):
                    kib += int(line.split()[1])
        except OSError:
            pass  # It ended in between.
    return kib * 1024


def forget_peak(root):
    """Lets the high-water marks of a process and its children begin anew."""
    for process in tree(root):
        try:
            pathlib.Path(f"/proc/{process}/clear_refs").write_text("5")
        except OSError:
            pass  # It ended in between.


def _stat(process):
    """The fields of /proc/PID/stat behind the name: state, parent, …"""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


class Peak:
    """Watches the memory of a process and its children while the block runs; `bytes` is the most they had together."""

    def __init__(self, root):
        self.root, self.bytes, self._over = root, 0, threading.Event()

    def __enter__(self):
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self):
        processes, looked = [self.root], time.monotonic()
        while True:
            if time.monotonic() - looked >= CHILDREN_SECONDS:
                processes, looked = tree(self.root), time.monotonic()
            # One process alone is known by its mark; several may not have had their peaks at the same time.
            alone = len(processes) == 1
            self.bytes = max(self.bytes, resident_bytes(processes, "VmHWM" if alone else "VmRSS"))
            if self._over.wait(SAMPLE_SECONDS):
                return

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


def process(command, env=None, cwd=None, seconds_max=PROCESS_SECONDS):
    """Runs a command to its end; what it took and what it wrote. One that fails raises, with what it said."""
    began = time.perf_counter()
    running = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=env, cwd=cwd)
    said = []
    reader = threading.Thread(target=lambda: said.append(running.stderr.read()), daemon=True)
    reader.start()
    timer = threading.Timer(seconds_max, running.kill)
    timer.start()
    with Peak(running.pid) as peak:
        answer = running.stdout.read()
        _, status, usage = os.wait4(running.pid, 0)
        wall = time.perf_counter() - began
    timer.cancel()
    reader.join()
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} ended with {running.returncode}:\n{answer[-2000:]}{''.join(said)[-4000:]}")
    return Measure(wall, usage.ru_utime + usage.ru_stime, peak.bytes), answer


@contextlib.contextmanager
def profile(root, file):
    """Records with perf (Debian's linux-perf) where a process spends its time while the block runs, and writes that to a text file:
    by kind of thread, then by function. (Who calls whom is not known: the binary has no frame pointers.)"""
    if not shutil.which("perf"):
        raise Failed("perf is missing: apt-get install linux-perf")
    file.parent.mkdir(parents=True, exist_ok=True)
    record = file.with_suffix(".perf")
    running = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "499", "-p", str(root), "-o", record])
    try:
        yield
    finally:
        running.send_signal(signal.SIGINT)
        running.wait()
    with open(file, "w") as text:
        for order in ("comm", "dso,sym"):
            subprocess.run(["perf", "report", "-q", "-i", record, "--stdio", "--sort", order, "--percent-limit", "0.3"], stdout=text,
                           stderr=subprocess.DEVNULL, check=True)
    say(f"written {file}")


def alternate(rounds, **contestants):
    """Calls each contestant once in every round, in turns that change, so that none always comes first; yields
    (round, name, what it gave)."""
    names = list(contestants)
    for number in range(rounds):
        for name in names if number % 2 == 0 else reversed(names):
            yield number, name, contestants[name]()


def best(measures):
    """The quickest of several."""
    return min(measures, key=lambda measure: measure.wall_seconds)


def versions(*packages, binary=None):
    """Versions of the peers by name, and of the product with its commit."""
    found = {package: importlib.metadata.version(package) for package in packages}
    if binary:
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
        git = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True)
        found["dataux"] = f"{said} ({git.stdout.strip() or 'no commit'})"
    return found


def machine():
    """The machine, as far as it explains a figure."""
    processor = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    release = dict(line.rstrip().split("=", 1) for line in open("/etc/os-release") if "=" in line)
    return {"processor": processor[0] if processor else "unknown", "cores": len(os.sched_getaffinity(0)),
            "memory_bytes": memory * 1024, "kernel": os.uname().release, "system": release.get("PRETTY_NAME", "").strip('"'),
            "load_before": os.getloadavg()[0]}


class Results:
    """The figures of one benchmark: printed as they come, and at the end saved as JSON lines in `folder/NAME.jsonl`.
    Nothing is saved of a benchmark that failed."""

    def __init__(self, name, folder, **about):
        self.named, self.file = bool(folder), (folder or RESULTS) / f"{name}.jsonl"
        self.lines = []
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        self.add("about", benchmark=name, date=now, machine=machine(), **about)
        load = self.lines[0]["machine"]["load_before"]
        if load > 0.5:
            say(f"the machine is not quiet: its load is {load:.2f}, so mistrust these figures")

    def add(self, kind, **fields):
        """One line: of what `kind` it is, and its fields."""
        fields = {key: dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value for key, value in fields.items()}
        self.lines.append({"kind": kind, **fields})
        print(json.dumps(self.lines[-1]), flush=True)

    def target(self, what, found, bound, at_most=True):
        """A figure that has a bound, and whether it keeps it."""
        self.add("target", what=what, found=round(found, 4), bound=bound, at_most=at_most,
                 holds=found <= bound if at_most else found >= bound)

    def save(self, whole):
        """Writes the file in place of the one before; of what is not the `whole` benchmark only to a folder that was named."""
        if not whole and not self.named:
            say("this is not the whole benchmark, so nothing is saved")
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        part.write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        part.replace(self.file)
        say(f"saved {self.file}")


def say(text):
    """Progress, on stderr."""
    print(f"· {text}", file=sys.stderr, flush=True)
