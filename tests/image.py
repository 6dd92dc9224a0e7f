"""The image without a registry and without a cluster: built by buildah from the program that is there, looked into, and run by runc
as a cluster would: not root, no capabilities, a root file system that nobody writes to."""

import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import DATAUX, ROOT, Scene

# Longest wait for the container to answer, and to end, in seconds.
WAIT_SECONDS = 60
# Compressed, of a release build; the program that tests build has checks in it and is larger.
BYTES_MAX = 120 << 20
USER = 10001


def main():
    with Scene("image") as scene:
        if os.geteuid() != 0:
            sys.exit("tests/image.py needs root: it makes containers")
        build(scene)
        config, layers = unpack(scene)
        looked_at(scene, config, layers)
        one_text(scene)
        run(scene, config)
        materials(scene)


def build(scene):
    done = subprocess.run([ROOT / "images" / "build"], capture_output=True, text=True, timeout=300,
                          env={**os.environ, "OUT": str(scene.folder / "out"), "PREBUILT": "1", "PROGRAM": str(DATAUX), "BUILDER": "buildah"})
    if done.returncode != 0:
        raise RuntimeError(f"images/build ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def unpack(scene):
    """The image's configuration and its layers; its files are in the folder `rootfs` then."""
    folder = scene.folder / "archive"
    with tarfile.open(scene.folder / "out" / "image.tar") as archive:
        archive.extractall(folder, filter="data")
    blob = lambda digest: folder / "blobs" / digest.replace(":", "/")
    entry = json.loads((folder / "index.json").read_text())["manifests"][0]
    name = entry["annotations"]["org.opencontainers.image.ref.name"]
    scene.check("the archive has the name that a cluster asks for", name == "docker.io/dataux/dataux:0.1.0", name)
    manifest = json.loads(blob(entry["digest"]).read_text())
    layers = [blob(layer["digest"]) for layer in manifest["layers"]]
    for layer in layers:
        with tarfile.open(layer) as files:
            files.extractall(scene.folder / "rootfs", filter=lambda member, _: member)
    return json.loads(blob(manifest["config"]["digest"]).read_text())["config"], layers


def looked_at(scene, config, layers):
    size = sum(layer.stat().st_size for layer in layers)
    scene.check(f"compressed it is {size >> 20} MiB", size <= BYTES_MAX, size)
    scene.check("it does not run as root", config["User"] == f"{USER}:{USER}", config)
    scene.check("it serves when nothing is said", (config["Entrypoint"], config["Cmd"]) == (["/usr/bin/dataux"], ["serve"]), config)
    variables = dict(one.split("=", 1) for one in config["Env"])
    wanted = {"DATAUX_LISTEN": "0.0.0.0:8080", "DATAUX_HOME": "/var/lib/dataux"}
    scene.check("on 8080, with a home of its own", wanted.items() <= variables.items() and "8080/tcp" in config["ExposedPorts"], config)
    scene.check("it says what it is", config["Labels"]["org.opencontainers.image.version"] == "0.1.0", config["Labels"])
    files = [path for path in (scene.folder / "rootfs").rglob("*") if path.is_file()]
    programs = {path.name for path in files if path.parent.name in ("bin", "sbin")}
    scene.check("no shell, nothing but the program", programs == {"dataux"}, programs)
    scene.check("the program is the one that was built", digest(scene.folder / "rootfs/usr/bin/dataux") == digest(DATAUX))
    modes = {str(path): path.lstat().st_mode for path in files}
    scene.check("no file takes another user's rights", not [path for path, mode in modes.items() if mode & (stat.S_ISUID | stat.S_ISGID)], modes)
    scene.check("no file may be written to by all", not [path for path, mode in modes.items() if mode & stat.S_IWOTH], modes)
    for name in ("var/lib/dataux", "run/dataux"):
        of = (scene.folder / "rootfs" / name).stat()
        scene.check(f"/{name} is the user's", (of.st_uid, of.st_gid) == (USER, 0), of)


def digest(path):
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def one_text(scene):
    """Both Containerfiles make the same image of their root file system."""
    ends = [(ROOT / "images" / name).read_text().split("has the same lines.\n")[1] for name in ("Containerfile", "prebuilt.Containerfile")]
    ends = [text.split("FROM scratch\n")[1] for text in ends]
    scene.check("both Containerfiles end in the same image", ends[0] == ends[1])


class Container:
    """The image under runc, in a network of its own, so that 8080 and 80 are free."""

    def __init__(self, scene, name, config, home, environment, user=USER, group=USER, low_ports=False):
        self.name, self.bundle, self.state = name, scene.folder / name, scene.folder / "runc"
        self.bundle.mkdir()
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        # As a cluster does it for a pod's fsGroup.
        os.chown(home, 0, group)
        home.chmod(0o2770)
        mode = {"type": "tmpfs", "source": "tmpfs"}
        spec = {
            "ociVersion": "1.0.2",
            "root": {"path": str(scene.folder / "rootfs"), "readonly": True},
            "process": {
                "args": config["Entrypoint"] + config["Cmd"], "cwd": config["WorkingDir"],
                "env": config["Env"] + [f"{key}={value}" for key, value in environment.items()],
                "user": {"uid": user, "gid": group}, "noNewPrivileges": True,
                "capabilities": {kind: [] for kind in ("bounding", "effective", "inheritable", "permitted", "ambient")},
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", **mode, "options": ["nosuid", "mode=755"]},
                {"destination": "/tmp", **mode, "options": ["nosuid", "nodev", "mode=1777"]},
                {"destination": "/var/lib/dataux", "type": "bind", "source": str(home), "options": ["rbind", "rw"]},
                # As in a pod: what queries put aside is a mount inside the home.
                {"destination": "/var/lib/dataux/spill", **mode, "options": ["nosuid", "nodev", "mode=1777"]},
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
        }
        (self.bundle / "config.json").write_text(json.dumps(spec))
        ports = "echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start; " if low_ports else ""
        command = f'ip link set lo up; {ports}exec runc --root "$1" run --bundle "$2" "$3"'
        self.out = open(self.bundle / "out", "w+")
        self.process = subprocess.Popen(["unshare", "--net", "bash", "-c", command, "bash", self.state, self.bundle, name],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=subprocess.STDOUT)

    def __enter__(self):
        until = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self.curl("http://127.0.0.1:8080/healthz")[0] == 0:
                return self
            time.sleep(0.2)
        self.__exit__()
        raise RuntimeError(f"{self.name} did not answer:\n{self.said()[-3000:]}")

    def __exit__(self, *_):
        subprocess.run(["runc", "--root", self.state, "kill", self.name, "KILL"], capture_output=True)
        self.process.wait(WAIT_SECONDS)
        subprocess.run(["runc", "--root", self.state, "delete", "--force", self.name], capture_output=True)

    def said(self):
        self.out.flush()
        self.out.seek(0)
        return self.out.read()

    def pid(self):
        done = subprocess.run(["runc", "--root", self.state, "state", self.name], capture_output=True, text=True)
        return json.loads(done.stdout)["pid"] if done.returncode == 0 else 0

    def curl(self, url):
        pid = self.pid()
        if not pid:
            return 1, ""
        done = subprocess.run(["nsenter", "--net", "-t", str(pid), "curl", "-sS", "-m", "10", url], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def inside(self, *command):
        done = subprocess.run(["runc", "--root", self.state, "exec", "--cwd", "/", self.name, *command], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def stop(self):
        """SIGTERM, as a cluster sends it; the exit code."""
        subprocess.run(["runc", "--root", self.state, "kill", self.name, "TERM"], check=True)
        return self.process.wait(WAIT_SECONDS)


def run(scene, config):
    home = scene.folder / "home"
    with Container(scene, "plain", config, home, {"PORT": "80"}) as container:
        code, text = container.curl("http://127.0.0.1:8080/readyz")
        scene.check("PORT=80 breaks nothing: 8080 answers", code == 0 and '"ok"' in text, text)
        scene.check("80 is not had without a right, and the log says so", container.curl("http://127.0.0.1:80/healthz")[0] != 0 and "PORT" in container.said(), container.said())
        status = pathlib.Path(f"/proc/{container.pid()}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        scene.check("it runs as the user", fields["Uid"].split() == [str(USER)] * 4 and fields["Gid"].split() == [str(USER)] * 4, status)
        scene.check("without capabilities, and can get none", int(fields["CapBnd"], 16) == int(fields["CapEff"], 16) == 0 and fields["NoNewPrivs"] == "1", status)
        scene.check("the administrator's password is in the log", "user admin" in container.said(), container.said())
        code, text = container.inside("/usr/bin/dataux", "sql", "-c", "SELECT 40 + 2 AS answer", "--output", "csv")
        scene.check("commands work inside", code == 0 and "42" in text, text)
        for shell in ("sh", "/bin/sh", "bash"):
            code, text = container.inside(shell, "-c", "true")
            scene.check(f"there is no {shell}", code != 0 and "not found" in text or "no such file" in text, text)
        code, text = container.inside("/usr/bin/dataux", "init", "--home", "/etc/dataux")
        scene.check("nobody writes to the root file system", code != 0 and "ead-only file system" in text, text)
        scene.check("all of the home is the user's", {path.stat().st_uid for path in home.rglob("*") if path.name != "spill"} == {USER}, list(home.rglob("*")))
        code = container.stop()
        scene.check("SIGTERM ends it in order", code == 0, f"{code}: {container.said()[-1000:]}")
    with Container(scene, "low", config, scene.folder / "low-home", {"PORT": "80"}, low_ports=True) as container:
        answers = [container.curl(f"http://127.0.0.1:{port}/healthz") for port in (8080, 80)]
        scene.check("where the cluster lets it, 80 is served as well", all(code == 0 for code, _ in answers), f"{answers} {container.said()}")
    # OpenShift: a user of the cluster's choice, in group 0.
    with Container(scene, "chosen", config, scene.folder / "chosen-home", {}, user=1000680000, group=0) as container:
        code, text = container.curl("http://127.0.0.1:8080/readyz")
        scene.check("any user of group 0 will do", code == 0 and '"ok"' in text, text + container.said())


def materials(scene):
    bom = json.loads((scene.folder / "out" / "sbom.cdx.json").read_text())
    refs = [one["bom-ref"] for one in bom["components"]] + [bom["metadata"]["component"]["bom-ref"]]
    scene.check("the bill of materials has every part once", len(refs) == len(set(refs)) > 300, len(refs))
    for part in ("pkg:cargo/datafusion@", "pkg:cargo/axum@", "pkg:cargo/dataux-server@", "pkg:deb/debian/libc6@"):
        scene.check(f"it has {part}…", any(ref.startswith(part) for ref in refs))
    scene.check("and nothing that only tests use", not any(ref.startswith("pkg:cargo/dataux-tests@") for ref in refs))
    edges = {one["ref"]: one["dependsOn"] for one in bom["dependencies"]}
    dangling = {to for ref in edges for to in edges[ref]} - set(refs)
    scene.check("what depends on what is whole", set(edges) == set(refs) and not dangling, dangling)
    sums = [one for one in bom["components"] if one["purl"].startswith("pkg:cargo/") and not one["name"].startswith("dataux-") and "hashes" not in one]
    scene.check("crates from outside have their checksums", not sums, sums[:3])


if __name__ == "__main__":
    main()
