"""Writes a chart's README from README.md.in, values.yaml and values.schema.json: chart_readme.py CHART [--check].

A value's description is the comment above it, its type is the schema's, its default is what stands there.
"""

import json
import pathlib
import re
import sys

import yaml

KEY = re.compile(r"^( *)([A-Za-z][A-Za-z0-9_]*):( .*)?$")
SECTION = re.compile(r"^# ── (.+?) ─+$")


def main():
    chart = pathlib.Path(sys.argv[1])
    text = (chart / "README.md.in").read_text().replace("@VALUES@", tables(chart))
    file = chart / "README.md"
    if "--check" not in sys.argv:
        file.write_text(text)
    elif not file.exists() or file.read_text() != text:
        sys.exit(f"{file} is stale: run scripts/charts readme")


def tables(chart):
    schema = json.loads((chart / "values.schema.json").read_text())
    values = yaml.safe_load((chart / "values.yaml").read_text())
    lines = []
    for title, comment, rows in sections(chart / "values.yaml"):
        lines += ["", f"### {title}", ""]
        if comment:
            lines += [comment, ""]
        lines += ["| value | type | default | |", "|---|---|---|---|"]
        for path, described in rows:
            lines.append(f"| `{'.'.join(path)}` | {kind(schema, path)} | {default(values, path)} | {described.replace('<', '&lt;').replace('|', chr(92) + '|')} |")
    return "\n".join(lines).strip()


def sections(file):
    """Title, remark and described values of each part of the file."""
    found, said, path = [], [], []
    for line in file.read_text().splitlines():
        bare = line.strip()
        if title := SECTION.match(line):
            found.append((title[1], "", []))
            said = ["section"]
        elif bare.startswith("#"):
            said.append(bare.lstrip("# "))
        elif not bare:
            if said[:1] == ["section"]:
                found[-1] = (found[-1][0], " ".join(said[1:]), found[-1][2])
            said = []
        elif key := KEY.match(line):
            path = [*path[: len(key[1]) // 2], key[2]]
            if said[:1] == ["section"]:
                # A remark that nothing separates from the first value belongs to that value.
                said = said[1:]
            if said and found:
                found[-1][2].append((list(path), " ".join(said)))
            said = []
        else:
            said = []
    return found


def kind(schema, path):
    node = schema
    for name in path:
        node = node["properties"][name]
    if "$ref" in node:
        node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]]
    if "enum" in node:
        return ", ".join(f"`{one}`" for one in node["enum"] if one) + (" or empty" if "" in node["enum"] else "")
    kinds = [one.get("type") for one in node["anyOf"]] if "anyOf" in node and "type" not in node else node.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return " or ".join(one for one in kinds if one != "null")


def default(values, path):
    for name in path:
        values = values[name]
    if isinstance(values, dict) and values and path[-1] not in ("labels",):
        text = json.dumps(values)
        return f"`{text}`" if len(text) < 90 else "see values.yaml"
    return "" if values in ("", None) else f"`{json.dumps(values)}`"


main()
