"""The benchmarks at a tiny scale: what they measure is right before it is quick, and a wrong answer ends one. No figure is looked at."""

import json
import pathlib
import subprocess
import sys

import pyarrow

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests" / "scenes"), str(ROOT)]
from bench import answers, report
from scene import COMMAND_SECONDS, DATAUX, Scene


def main():
    with Scene("benchmarks") as scene:
        what_is_different_is_seen(scene)
        results = scene.folder / "results"
        for name, *options in (("tpch", "--scale", "0.01"), ("csv", "--rows", "10000")):
            command = [sys.executable, "-m", f"bench.{name}", *options, "--rounds", "1", "--binary", DATAUX, "--cache", scene.folder,
                       "--results", results]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL)
            scene.check(f"{name} gives the peer's answers", done.returncode == 0, done.stderr[-3000:])
        queries = [json.loads(line).get("query") for line in (results / "tpch-sf0.01.jsonl").read_text().splitlines()]
        scene.check("all 22 queries were asked", [number for number in queries if number] == list(range(1, 23)), queries)
        page = report.render(results)
        scene.check("the report shows both", page.count("\n### ") == 2 and page.count("\n| Q") == 22, page)
        stale = subprocess.run([sys.executable, "-m", "bench.report", "--check"], cwd=ROOT, capture_output=True, text=True)
        scene.check("docs/benchmarks.md is what bench/results gives", stale.returncode == 0, stale.stderr)


def what_is_different_is_seen(scene):
    statement = "select name, sum(x) as total from t group by name order by total desc limit 3"
    right = [("a", 3.0), ("b", 2.0), ("c", 2.0)]

    def difference(rows):
        return answers.difference(statement, table(rows), table(right))

    scene.check("rows that are equal by the order may change places", difference([right[0], right[2], right[1]]) is None)
    for what, rows in {"a row too few": right[:2], "another order": right[::-1], "another name": [("d", 3.0), *right[1:]],
                       "another sum": [*right[:2], ("c", 2.0001)], "a NULL": [*right[:2], (None, 2.0)]}.items():
        scene.check(f"{what} is seen", difference(rows) is not None)


def table(rows):
    return pyarrow.table({"name": [name for name, _ in rows], "total": [total for _, total in rows]})


if __name__ == "__main__":
    main()
