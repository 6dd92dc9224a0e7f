"""The chart on a real API server with simulated nodes: the install contract as it is typed, under Helm 3 and Helm 4, and everything the chart can
render taken by the server, which knows the resources of Istio, the Gateway API and the Prometheus operator. Simulated pods are always ready:
tests/soak/nodes.py has real ones."""

import json
import pathlib
import subprocess
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenes"))
from cluster import CHART, HELMS, INSTANCE, NAMESPACE, PARTS, RELEASE, STANDARD, Cluster, commands, volume
from scene import ROOT, Scene

NODES = [f"simulated-{number}" for number in (1, 2, 3)]


def main():
    with Scene("cluster") as scene:
        with Cluster(scene) as cluster:
            for name, helm in HELMS.items():
                no_default_class(scene, cluster, name, helm)
            cluster.apply(STANDARD)
            for name, helm in HELMS.items():
                for when in ("before", "after", "never"):
                    contract(scene, cluster, name, helm, when)
                several(scene, cluster, name, helm)
                life(scene, cluster, name, helm)
            demands(scene, cluster)
            everything(scene, cluster)


def fresh(cluster):
    """Nothing of a release is left, and a volume is free."""
    cluster.kubectl("delete", "configmap", f"{RELEASE}-configmap", "--ignore-not-found")
    cluster.kubectl("delete", "pvc", "--all", "--timeout", "60s")
    cluster.kubectl("delete", "pv", "--all", "--timeout", "60s")
    cluster.apply(volume("volume", *NODES))


def uninstall(scene, cluster, name, helm):
    cluster.typed(f"helm uninstall {RELEASE} --wait", helm)
    left = cluster.kubectl("get", "all,configmap,secret,networkpolicy,poddisruptionbudget,pvc", "-l", INSTANCE, "--output", "name").split()
    scene.check(f"{name}: uninstalling leaves the claim alone", left == [f"persistentvolumeclaim/{RELEASE}"], left)


def contract(scene, cluster, name, helm, when):
    """The four commands, typed as the guide has them; the ConfigMap is made before, after, or never."""
    fresh(cluster)
    configmap, install, pod, _ = commands()
    if when == "before":
        cluster.typed(configmap, helm)
    installed = cluster.typed(install, helm)
    scene.check(f"{name}, ConfigMap {when}: the notes say how to reach it", "port-forward" in installed and "user is admin" in installed, installed)
    if when == "after":
        cluster.typed(configmap, helm)
    cluster.rolled_out(f"{name}, ConfigMap {when}: one pod is ready")
    found = cluster.typed(pod + "\necho $POD", helm).strip()
    scene.check(f"{name}, ConfigMap {when}: the third command finds the pod", [found] == [one["metadata"]["name"] for one in cluster.pods()], found)
    # A second time, as people do.
    cluster.typed(f"{configmap}\n{install}" if when == "after" else install, helm)
    scene.check(f"{name}, ConfigMap {when}: it can be typed twice", [one["metadata"]["name"] for one in cluster.pods()] == [found], cluster.pods())
    if when != "never":
        made = json.loads(cluster.kubectl("get", "configmap", f"{RELEASE}-configmap", "--output", "json"))
        scene.check(f"{name}, ConfigMap {when}: it stays as it was made by hand", made["data"]["DATABASE_URL"] == "jdbc:mysql://…" and "labels" not in made["metadata"], made)
    uninstall(scene, cluster, name, helm)
    if when != "never":
        scene.check(f"{name}, ConfigMap {when}: uninstalling leaves it", cluster.shell(f"kubectl get configmap {RELEASE}-configmap").returncode == 0)


def no_default_class(scene, cluster, name, helm):
    """Without a default storage class the pod waits, says for what, and goes on with one more value: nothing has to be made anew."""
    cluster.kubectl("delete", "storageclass", "--all")
    fresh(cluster)
    installed = cluster.typed(commands()[1], helm)
    scene.check(f"{name}: the notes say what a pod that stays Pending waits for", "persistence.storageClass" in installed, installed)
    why = lambda: [one for one in cluster.pods() for condition in one["status"].get("conditions", []) if "unbound immediate PersistentVolumeClaims" in condition.get("message", "")]
    cluster.until(f"{name}: without a default storage class the pod waits and says for what", why)
    cluster.typed(f"helm upgrade {RELEASE} {CHART} --set persistence.storageClass=standard", helm)
    cluster.apply(STANDARD.replace('"true"', '"false"'))
    cluster.rolled_out(f"{name}: and goes on when the values name a class")
    uninstall(scene, cluster, name, helm)
    cluster.kubectl("delete", "storageclass", "--all")
    fresh(cluster)
    cluster.typed(f"{commands()[1]} --set persistence.enabled=false", helm)
    cluster.rolled_out(f"{name}: or without a volume at all")
    cluster.typed(f"helm uninstall {RELEASE} --wait", helm)


def several(scene, cluster, name, helm):
    """Three replicas on MySQL and Redis, as existing installations set them: on one node with the volume, on all without."""
    fresh(cluster)
    case = ROOT / "tests" / "chart" / "renders" / "contract.yaml"
    installed = cluster.typed(f"{commands()[1]} --values {case}", helm)
    scene.check(f"{name}: the notes say that they share a node", "all replicas run on one node" in installed, installed)
    cluster.rolled_out(f"{name}: three replicas are ready", 3)
    nodes = [pod["spec"]["nodeName"] for pod in cluster.pods()]
    scene.check(f"{name}: those that share a volume of one node are on one node", len(set(nodes)) == 1, nodes)
    spread = {**yaml.safe_load(case.read_text()), "lake": {"location": "s3://bucket/lake"}, "masterKey": {"value": "00" * 32}, "database": {"password": "only-for-a-test"}}
    values = cluster.parent / "spread.yaml"
    values.write_text(yaml.safe_dump(spread))
    cluster.typed(f"helm upgrade {RELEASE} {CHART} --values {values}", helm)
    cluster.rolled_out(f"{name}: they roll over to a lake elsewhere", 3)
    nodes = [pod["spec"]["nodeName"] for pod in cluster.pods()]
    scene.check(f"{name}: and are on three nodes then", len(set(nodes)) == 3, nodes)
    budget = json.loads(cluster.kubectl("get", "poddisruptionbudget", RELEASE, "--output", "json"))
    scene.check(f"{name}: of which one at a time may go", budget["spec"]["maxUnavailable"] == 1, budget)
    claim = json.loads(cluster.kubectl("get", "pvc", RELEASE, "--output", "json"))
    scene.check(f"{name}: the claim that is no longer asked for stays", claim["status"]["phase"] == "Bound", claim)
    cluster.typed(f"helm uninstall {RELEASE} --wait", helm)


def life(scene, cluster, name, helm):
    """Upgrade, rollback, and the same release again after it was uninstalled."""
    fresh(cluster)
    install = commands()[1]
    cluster.typed(install, helm)
    cluster.rolled_out(f"{name}: installed")
    before = cluster.pods()[0]
    claim = json.loads(cluster.kubectl("get", "pvc", RELEASE, "--output", "json"))["metadata"]["uid"]
    cluster.typed(f"helm upgrade {RELEASE} {CHART} --reuse-values --set log.filter=debug", helm)
    cluster.rolled_out(f"{name}: upgraded")
    after = cluster.pods()[0]
    scene.check(f"{name}: a changed ConfigMap makes new pods", after["metadata"]["name"] != before["metadata"]["name"])
    cluster.typed(f"helm rollback {RELEASE}", helm)
    cluster.rolled_out(f"{name}: rolled back")
    again = cluster.pods()[0]
    annotation = lambda pod: pod["metadata"]["annotations"]["checksum/configmap"]
    scene.check(f"{name}: the pod is as it was", annotation(again) == annotation(before) != annotation(after), again["metadata"])
    uninstall(scene, cluster, name, helm)
    # The next Helm finds what the other left, too.
    other = next(one for one in HELMS.values() if one != helm)
    cluster.typed(install, other)
    cluster.rolled_out(f"{name}: what it left is taken up by the other Helm")
    same = json.loads(cluster.kubectl("get", "pvc", RELEASE, "--output", "json"))["metadata"]["uid"] == claim
    scene.check(f"{name}: with the same claim", same)
    cluster.typed(f"helm upgrade {RELEASE} {CHART}", helm)
    scene.check(f"{name}: and goes on with the other's release", cluster.shell(f"helm status {RELEASE}", helm).returncode == 0)
    cluster.typed(f"helm uninstall {RELEASE} --wait", helm)


def demands(scene, cluster):
    """The namespace demands the restricted standard: what breaks it is refused, so the pods above keep it."""
    bad = {"securityContext.readOnlyRootFilesystem": None, "securityContext.allowPrivilegeEscalation": "true"}
    done = cluster.shell(f"helm template {RELEASE} {CHART} --set {','.join(f'{key}={value}' for key, value in bad.items() if value)} | kubectl apply --dry-run=server -f -")
    scene.check("what breaks the restricted standard is warned of", "would violate PodSecurity" in done.stderr, done)
    pod = yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "root"}, "spec": {"containers": [{"name": "root", "image": "a"}]}})
    done = subprocess.run([PARTS / "bin" / "kubectl", "apply", "-f", "-"], input=pod, env=cluster.environment(), capture_output=True, text=True)
    scene.check("and refused", done.returncode != 0 and "violates PodSecurity" in done.stderr, done)


def everything(scene, cluster):
    """Whatever the chart renders is what the server takes, field by field: every case of tests/chart and every provider's values."""
    for folder in sorted((PARTS / "crds").iterdir()):
        cluster.kubectl("apply", "--server-side", "--filename", folder)
    cluster.kubectl("wait", "--for", "condition=established", "crd", "--all", "--timeout", "60s")
    cases = {file.stem: file for file in sorted((ROOT / "tests" / "chart" / "renders").glob("*.yaml"))}
    cases |= {f"values/{file.stem}": file for file in sorted((ROOT / CHART / "values").glob("*.yaml"))}
    for case, file in cases.items():
        for name, helm in HELMS.items():
            done = cluster.shell(f"helm template {RELEASE} {CHART} --namespace {NAMESPACE} --values {file} >{cluster.parent}/rendered.yaml", helm)
            done = done if done.returncode else cluster.shell(f"kubectl apply --dry-run=server -f {cluster.parent}/rendered.yaml", helm)
            warned = [line for line in done.stderr.splitlines() if line]
            scene.check(f"{name}: the server takes {case}, without a warning", done.returncode == 0 and not warned, done.stdout[-500:] + done.stderr)
    wrong = (cluster.parent / "rendered.yaml").read_text().replace("containerPort", "containerPorts")
    (cluster.parent / "wrong.yaml").write_text(wrong)
    done = cluster.shell(f"kubectl apply --dry-run=server -f {cluster.parent}/wrong.yaml")
    scene.check("and refuses what it does not know", done.returncode != 0 and "unknown field" in done.stderr, done)


if __name__ == "__main__":
    main()
