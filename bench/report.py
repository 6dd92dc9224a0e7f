"""Renders the saved figures into docs/benchmarks.md: python -m bench.report [--check]

With --check it only says whether the page is what the figures give. Prose around the figures is written by hand.
"""

import argparse
import importlib
import json
import pathlib
import sys

from bench import markdown, measure

PAGE = measure.ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- written by bench/report.py from bench/results -->\n", "<!-- end -->\n"
# The benchmarks in the order of the page. A benchmark may have several files of figures, NAME-….jsonl.
BENCHMARKS = ("tpch", "csv", "postgres", "mariadb", "service", "start")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing; end with 1 if the page is not what the figures give")
    parser.add_argument("--results", type=pathlib.Path, default=measure.ROOT / "bench" / "results", help="where figures are saved (%(default)s)")
    options = parser.parse_args()
    text = PAGE.read_text()
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    rendered = before + BEGIN + render(options.results) + END + after
    if options.check:
        sys.exit(0 if rendered == text else f"{PAGE} is not what {options.results} gives: run python -m bench.report")
    PAGE.write_text(rendered)


def render(folder):
    """A section for each benchmark that was measured."""
    sections = []
    for name in BENCHMARKS:
        benchmark = importlib.import_module(f"bench.{name}")
        for file in sorted([*folder.glob(f"{name}.jsonl"), *folder.glob(f"{name}-*.jsonl")]):
            lines = [json.loads(line) for line in file.read_text().splitlines()]
            sections.append(f"\n### {benchmark.title(lines)}\n\n{benchmark.table(lines)}\n{markdown.targets(lines)}\n{markdown.about(lines)}")
    return "".join(sections) or "\nNothing was measured yet.\n"


if __name__ == "__main__":
    main()
