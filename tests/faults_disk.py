"""A disk that is full: runs fail with an error about space, reads go on, and once there is space a resume succeeds."""

import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import Scene, Server
from trouble import Home, collect, connection, http

# The disk at first, and after space was made.
SMALL, LARGE = "24m", "400m"
# Rows of the small and of the large table; the latter's text does not pack well and needs some 60 MB.
FEW, MANY = 1_000, 400_000
# Longest time until space is noticed, in seconds.
NOTICED_SECONDS = 30


def main():
    with Scene("faults_disk") as scene:
        disk, folder = scene.folder / "disk", scene.folder / "in"
        disk.mkdir()
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", disk], check=True)
        try:
            scenes(scene, disk, folder)
        finally:
            subprocess.run(["umount", "--lazy", disk], check=False)


def scenes(scene, disk, folder):
    draw = random.Random(1)
    (folder / "few.csv").write_text("id,text\n" + "".join(f"{i},text {i}\n" for i in range(FEW)))
    with open(folder / "many.csv", "w") as file:
        file.write("id,text\n")
        file.writelines(f"{i},{draw.randbytes(75).hex()}\n" for i in range(MANY))
    home = Home(scene, "disk/home")
    columns = {"id": "int64", "text": "string"}
    home.apply(connection("in", files={"location": str(folder)}) + collect("few", "in", files="few.csv", columns=columns)
               + collect("many", "in", files="many.csv", mode="append", columns=columns))
    ran = home.start("few")
    scene.check("there is a table", ran.state == "succeeded", ran)

    ran = home.start("many")
    scene.check("the run fails", ran.code == 1 and ran.state == "failed", ran)
    about_space(scene, ran)
    found = home.table("lake.ods.many")
    scene.check("nothing partial is committed", found is None or found.num_rows == 0, found and found.num_rows)
    reads_go_on(scene, home, "after it")
    free = int(subprocess.run(["df", "--output=avail", "-B1", disk], capture_output=True, text=True).stdout.split()[1])
    scene.check("what it had written is taken away again", free > 8_000_000, free)

    token = home.token("admin")
    with Server(home.path) as server:
        fill(disk)
        for number in range(5):
            status, text = http(server.url + "/api/v1/sql", token, "POST", {"sql": "SELECT count(*) AS n FROM lake.ods.few"})
            scene.check(f"a full disk: read {number} is answered", status == 200 and text.strip() == f'{{"n":{FEW}}}', f"{status} {text}")
        status, text = http(server.url + "/api/v1/pipelines/many/runs", token, "POST", {})
        scene.check("a full disk: a run is refused or started, and the server lives", status in (200, 201, 202, 500, 503, 507), f"{status} {text}")
        status, text = http(server.url + "/readyz")
        scene.check("a full disk: /readyz says why it is not ready", status == 503, f"{status} {text}")
        status, _ = http(server.url + "/healthz")
        scene.check("a full disk: the process is healthy", status == 200, status)
        subprocess.run(["mount", "-o", f"remount,size={LARGE}", disk], check=True)
        (disk / "ballast").unlink()
        status, text = http(server.url + "/api/v1/sql", token, "POST", {"sql": "SELECT count(*) AS n FROM lake.ods.few"})
        scene.check("with space again reads go on", status == 200, f"{status} {text}")
        # The audit's writer notices the space within seconds; until then acts that need it are refused.
        deadline = time.monotonic() + NOTICED_SECONDS
        while True:
            status, text = http(f"{server.url}/api/v1/runs/{ran.id}/resume", token, "POST", {})
            if status != 503 or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        scene.check("with space again the run is resumed by the same server", status == 200, f"{status} {text}")
        if status != 200:
            server.log.seek(0)
            print(server.log.read()[-3000:], flush=True)
        again = home.run("logs", ran.id, "--follow")
        scene.check("its log can be followed", again.returncode == 0, again.stderr)
        scene.check("the server ends in order", server.end() == 0)
    # Whatever was queued while the disk was full is worked off, and adds nothing to what the resume brought.
    last = home.start("many")
    scene.check("a run after it succeeds", last.state == "succeeded", last)
    found = home.rows("SELECT count(*), count(DISTINCT id), sum(id) FROM lake.ods.many")
    scene.check("the table is the file, row by row", found == [[MANY, MANY, MANY * (MANY - 1) // 2]], found)
    done = home.run("audit", "verify")
    scene.check("the audit's chain is whole", done.returncode == 0, done.stdout + done.stderr)


def about_space(scene, ran):
    """Which of the two writers met the end first, the lake's or the metadata's, is chance."""
    error = ran.record.get("error") or {}
    cause = error.get("cause", {}).get("code")
    scene.check("the error is about space", cause in ("store_full", "database_full") and "no space" in ran.error.get("message", ""), ran)
    scene.check("it blames the platform and may be retried", error.get("blame") == "platform" and error.get("retry") is True, error)
    scene.check("it has advice", bool(ran.error.get("hint")), ran)


def reads_go_on(scene, home, when):
    found = home.run("sql", "-c", "SELECT count(*) AS n FROM lake.ods.few", "-o", "ndjson")
    scene.check(f"reads go on {when}", found.returncode == 0 and found.stdout.strip() == f'{{"n":{FEW}}}', found)


def fill(disk):
    """Takes every byte that is left."""
    with open(disk / "ballast", "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                pass


if __name__ == "__main__":
    main()
