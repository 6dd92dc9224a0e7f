"""Runs the documentation: blocks fenced as `sh run` and `sql run`, and checks every resource that a page shows.

Each page gets a copy of the demo's home as DATAUX_HOME, a scratch folder that its blocks share in order, and, if it speaks
to $DATAUX_URL, a server on that home. A block must end with 0. YAML blocks that begin with apiVersion are applied without effect.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import COMMAND_SECONDS, DATAUX, ROOT, Scene, Server, plain_environment

FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def main():
    with Scene("docs") as scene:
        offered = scene.must("openapi")
        written = (ROOT / "api" / "openapi.json").read_text()
        scene.check("api/openapi.json is what the server offers (bin/dataux openapi > api/openapi.json)", written == offered)
        demo = scene.folder / "demo"
        scene.must("demo", "--home", demo, "--once")
        for page in [ROOT / "README.md", ROOT / "examples" / "airline" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
            blocks = list(blocks_of(page))
            if blocks:
                read(scene, demo, page, blocks)


def blocks_of(page):
    """Line, language and text of each block that is to be tried."""
    text = page.read_text()
    for found in FENCE.finditer(text):
        language, mark, body = found[1], found[2].strip(), found[3]
        line = text.count("\n", 0, found.start()) + 1
        if mark == "run" or (language == "yaml" and body.startswith("apiVersion:")):
            yield line, language, body


def read(scene, demo, page, blocks):
    name = page.relative_to(ROOT)
    folder = scene.folder / str(name).replace("/", "-")
    home = folder / "home"
    shutil.copytree(demo, home)
    (folder / "work").mkdir()
    env = {**plain_environment(), "DATAUX_HOME": str(home), "HOME": str(folder), "PATH": f"{DATAUX.parent}{os.pathsep}{os.environ['PATH']}"}
    if any("$DATAUX_URL" in body for _, _, body in blocks):
        with Server(home) as server:
            attempt(scene, name, blocks, folder / "work", {**env, "DATAUX_URL": server.url})
    else:
        attempt(scene, name, blocks, folder / "work", env)


def attempt(scene, name, blocks, folder, env):
    for line, language, body in blocks:
        command, text = {
            "sh": (["bash", "-euo", "pipefail", "-c", body], None),
            "sql": (["dataux", "sql", "-f", "-"], body),
            "yaml": (["dataux", "apply", "--dry-run", "-f", "-"], body),
        }[language]
        done = subprocess.run(command, cwd=folder, env=env, input=text, stdin=None if text else subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_SECONDS)
        scene.check(f"{name}:{line} ends with 0", done.returncode == 0, f"{done.returncode}: {done.stdout[-2000:]}")


if __name__ == "__main__":
    main()
