"""A Kubernetes cluster of a scene's own (scripts/cluster), and the commands that people type at one, under Helm 3 and Helm 4."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from scene import ROOT, plain_environment

TOOLS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "dataux" / "tools"
PARTS = TOOLS / "cluster"
HELMS = {"Helm 3": "helm3", "Helm 4": "helm4"}
CHART = "charts/dataux"
RELEASE, NAMESPACE = "my-release", "default"
INSTANCE = f"app.kubernetes.io/instance={RELEASE}"

# Longest time of one command, and longest wait for the cluster to do what it was asked, in seconds.
COMMAND_SECONDS = 300
WAIT_SECONDS = 180

# What every namespace here demands of its pods.
RESTRICTED = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}


class Cluster:
    """It is there inside `with`. `settings` are those of scripts/cluster: REAL, SIMULATED, VERSION."""

    def __init__(self, scene, **settings):
        # Sockets need short paths, so it is not among the scene's own.
        self.scene, self.settings = scene, settings
        self.parent = pathlib.Path(tempfile.mkdtemp(prefix="dataux-cluster.", dir="/tmp"))
        self.folder, self.helm_folder = self.parent / "c", self.parent / "helm"

    def __enter__(self):
        script("cluster", "up", self.folder, **self.settings)
        # One folder for each Helm, in which its program is called as people call it.
        for helm in HELMS.values():
            folder = self.parent / helm
            folder.mkdir()
            (folder / "helm").symlink_to(TOOLS / helm)
            (folder / "kubectl").symlink_to(PARTS / "bin" / "kube")
        labels = [f"{key}={value}" for key, value in RESTRICTED.items()]
        self.kubectl("label", "namespace", NAMESPACE, *labels)
        return self

    def __exit__(self, *_):
        script("cluster", "down", self.folder)
        shutil.rmtree(self.parent, ignore_errors=True)

    def environment(self, helm="helm4"):
        """What a shell needs in order to speak to this cluster with that Helm."""
        own = {f"HELM_{part}_HOME": str(self.parent / f"{helm}-{part.lower()}") for part in ("CACHE", "CONFIG", "DATA")}
        path = f"{self.parent / helm}{os.pathsep}{os.environ['PATH']}"
        return {**plain_environment(), **own, "KUBECONFIG": str(self.folder / "kubeconfig"), "PATH": path}

    def shell(self, text, helm="helm4"):
        """Runs lines as they are typed in the project's folder; the finished process."""
        return subprocess.run(["bash", "-euo", "pipefail", "-c", text], cwd=ROOT, env=self.environment(helm), capture_output=True, text=True,
                              timeout=COMMAND_SECONDS, stdin=subprocess.DEVNULL)

    def typed(self, text, helm="helm4"):
        """The same, and its standard output; a failure ends the scene."""
        done = self.shell(text, helm)
        if done.returncode != 0:
            raise RuntimeError(f"{text}\nended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def kubectl(self, *arguments, text=None):
        """Its standard output; a failure ends the scene."""
        done = subprocess.run([PARTS / "bin" / "kubectl", *map(str, arguments)], input=text, env=self.environment(), capture_output=True, text=True,
                              timeout=COMMAND_SECONDS)
        if done.returncode != 0:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def apply(self, text):
        """Applies objects."""
        return self.kubectl("apply", "--server-side", "--filename", "-", text=text)

    def objects(self, kind, *more):
        """Objects of a kind, such as those of a label: ("pods", "-l", "a=b")."""
        return json.loads(self.kubectl("get", kind, *more, "--output", "json"))["items"]

    def pods(self):
        """The release's pods that serve and were not told to go."""
        return [pod for pod in self.objects("pods", "-l", INSTANCE) if "deletionTimestamp" not in pod["metadata"]]

    def until(self, what, holds, seconds=WAIT_SECONDS):
        """Waits until something holds; its value, or None when it never did, which is counted."""
        end, value = time.monotonic() + seconds, None
        while time.monotonic() < end:
            value = holds()
            if value:
                self.scene.check(what, True)
                return value
            time.sleep(0.5)
        self.scene.check(what, False, self.seen())
        return None

    def rolled_out(self, what, replicas=1):
        """Waits until so many pods are ready, all of the newest kind, and no others are left."""
        def holds():
            deployment = json.loads(self.kubectl("get", "deployment", RELEASE, "--output", "json"))
            status = deployment.get("status", {})
            settled = status.get("observedGeneration") == deployment["metadata"]["generation"]
            counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
            return settled and counts == [replicas] * 4 and len(self.objects("pods", "-l", INSTANCE)) == replicas
        return self.until(what, holds)

    def node(self, number, *archives):
        """A real node, with these images."""
        script("node", "up", self.folder, number, *archives)

    def inside(self, number, *command):
        """A command as it would be typed on that node: among its mounts, its addresses, its processes."""
        first = (self.folder / f"node-{number}" / "first").read_text().strip()
        return ["nsenter", "--mount", "--net", "--pid", "--target", first, "--", *map(str, command)]

    def seen(self):
        """What a person would look at when something does not come up."""
        looks = ["kubectl get pods,pvc,pv -A -o wide", "kubectl events -A | tail -15", f"kubectl logs -l {INSTANCE} --tail 15 --prefix"]
        return "\n".join(self.shell(look).stdout[-4000:] for look in looks)


def script(name, *arguments, **settings):
    """Runs one of scripts/; a failure ends the scene."""
    done = subprocess.run([ROOT / "scripts" / name, *map(str, arguments)], capture_output=True, text=True, timeout=COMMAND_SECONDS,
                          env={**os.environ, **{key: str(value) for key, value in settings.items()}})
    if done.returncode != 0:
        raise RuntimeError(f"scripts/{name} {arguments[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def commands():
    """The commands of the install contract as the guide shows them: the ConfigMap, the release, its pod, the way to it."""
    page = (ROOT / "docs" / "guide" / "install.md").read_text()
    block = re.search(r"^## The commands\n+```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)[1]
    parts = re.split(r"(?<!\\)\n", block.strip())
    words = ("kubectl create configmap", "helm upgrade --install", "export POD=", "kubectl port-forward")
    if len(parts) != 4 or not all(part.startswith(word) for part, word in zip(parts, words)):
        raise RuntimeError(f"docs/guide/install.md does not show the four commands: {parts}")
    return parts


def volume(name, *nodes, folder=None, claim=None):
    """A volume made by hand, of the class `standard`: a folder that these nodes reach."""
    wanted = ", ".join(nodes)
    reference = f"\n  claimRef: {{namespace: {NAMESPACE}, name: {claim}}}" if claim else ""
    return f"""
apiVersion: v1
kind: PersistentVolume
metadata: {{name: {name}}}
spec:
  capacity: {{storage: 20Gi}}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: standard{reference}
  local: {{path: {folder or "/srv/dataux"}}}
  nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [{{key: kubernetes.io/hostname, operator: In, values: [{wanted}]}}]}}]}}}}
---
"""


# The class that a claim gets which names none; its volumes are made by hand.
STANDARD = """
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: standard, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
"""
