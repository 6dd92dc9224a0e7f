"""`dataux deploy` on three real API servers at once, whose simulated nodes are dressed as kubeadm, ACK and k3s: preflight, plan, apply, status,
drift, a wave that fails, rollback, two operators, credentials that expired, a cluster that is slow, half an API, owners, eight sites."""

import base64
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenes"))
from cluster import PARTS, TOOLS, Cluster
from proxy import Proxy
from scene import DATAUX, Scene, plain_environment

RELEASE = "dataux"
DEPLOYMENT = f"deployment/{RELEASE}"
# What each pretends to be: version, machines, and what its nodes show.
DRESSED = {
    "idc": ("kubeadm", "private", "v1.36.3", "Debian GNU/Linux 12 (bookworm)", "6.1.0-40-amd64", "containerd://1.7.28", "", {"node-role.kubernetes.io/control-plane": ""}),
    "ack": ("ack", "public", "v1.36.3-aliyun.1", "Alibaba Cloud Linux 3.2104 U12", "5.10.134-19.al8.x86_64", "containerd://2.1.5", "cn-hangzhou.i-bp1{0}",
            {"alibabacloud.com/nodepool-id": "np0123456789"}),
    "edge": ("k3s", "edge", "v1.36.3+k3s1", "Debian GNU/Linux 12 (bookworm)", "6.1.0-40-amd64", "containerd://2.1.4-k3s1", "k3s://{0}",
             {"node.kubernetes.io/instance-type": "k3s"}),
}


def main():
    with Scene("soak_deploy") as scene, contextlib.ExitStack() as stack:
        clusters = {name: stack.enter_context(Cluster(scene, VERSION=dress[2], SIMULATED=0)) for name, dress in DRESSED.items()}
        for name, cluster in clusters.items():
            dress_up(cluster, name)
        place = Place(scene, clusters)
        preflight(place)
        plan_and_apply(place)
        drift(place)
        failing_wave(place)
        two_operators(place)
        owners(place)
        bad_ways(place, stack)
        eight_sites(place)


class Place:
    """The operator's host: the topology's file, and the program."""

    def __init__(self, scene, clusters):
        self.scene, self.clusters = scene, clusters
        self.file = scene.folder / "topology.yaml"
        self.environment = {**plain_environment(), "DATAUX_HELM": str(TOOLS / "helm4"), "DATAUX_KUBECTL": str(PARTS / "bin" / "kubectl"),
                            **{f"HELM_{part}_HOME": str(scene.folder / part) for part in ("CACHE", "CONFIG", "DATA")}}
        self.write()

    def write(self, changes=None, values=None, sites=None):
        """Writes the topology; `changes` are of sites by name, `values` are everybody's."""
        spec = {"zones": [{"name": "cn", "jurisdiction": "CN"}],
                "values": {"persistence": {"enabled": False}, "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}}, **(values or {})},
                "sites": sites or [{**self.site(name), **(changes or {}).get(name, {})} for name in DRESSED]}
        self.file.write_text(yaml.safe_dump({"apiVersion": "dataux/v1", "kind": "Topology", "name": "t", "spec": spec}, sort_keys=False))

    def site(self, name, **more):
        provider, kind = DRESSED[name][:2]
        return {"name": name, "kind": kind, "hub": name == "idc", "zone": "cn", "provider": provider, "kubeconfig": str(self.kubeconfig(name)),
                "networks": ["10.0.0.0/8", "127.0.0.0/8"], **more}

    def kubeconfig(self, name):
        return self.clusters[name].folder / "kubeconfig"

    def command(self, part, *arguments):
        return [DATAUX, "deploy", part, "-f", self.file, *map(str, arguments)]

    def run(self, part, *arguments, env=None):
        return subprocess.run(self.command(part, *arguments), capture_output=True, text=True, timeout=600, stdin=subprocess.DEVNULL,
                              env={**self.environment, **(env or {})})

    def start(self, part, *arguments):
        return subprocess.Popen(self.command(part, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, env=self.environment)

    def json(self, part, *arguments):
        """The answer as JSON, and the exit code."""
        done = self.run(part, *arguments, "-o", "json")
        try:
            return json.loads(done.stdout), done.returncode
        except ValueError:
            raise RuntimeError(f"deploy {part} wrote no JSON, ended with {done.returncode}:\n{done.stdout}{done.stderr}") from None

    def check(self, what, holds, found=""):
        return self.scene.check(what, holds, found)

    def findings(self, *arguments):
        """Failures and warnings by place and check, and the exit code."""
        found, code = self.json("preflight", *arguments)
        return {(one["place"], one["check"]): one for one in found["findings"] if one["level"] != "good"}, code


def dress_up(cluster, name):
    _, _, version, system, kernel, runtime, machine, labels = DRESSED[name]
    nodes = []
    for number in (1, 2):
        node = f"{name}-{number}"
        room = {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}
        nodes.append({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": node, "annotations": {"kwok.x-k8s.io/node": "fake"},
                         "labels": {"kubernetes.io/hostname": node, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
                                    "topology.kubernetes.io/zone": f"zone-{number}", **labels}},
            "spec": {"providerID": machine.format(number), "podCIDR": f"10.42.{number}.0/24", "podCIDRs": [f"10.42.{number}.0/24"]},
            "status": {"capacity": room, "allocatable": room,
                       "nodeInfo": {"osImage": system, "kernelVersion": kernel, "containerRuntimeVersion": runtime, "kubeletVersion": version,
                                    "kubeProxyVersion": "", "architecture": "amd64", "operatingSystem": "linux", "machineID": "", "bootID": "", "systemUUID": ""}}})
    cluster.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": nodes}))
    cluster.until(f"{name}: both nodes are ready", lambda: cluster.kubectl("get", "nodes").count(" Ready") == 2)


def everything(cluster):
    """All that somebody could have changed, by its version."""
    kinds = "namespaces,configmaps,secrets,services,deployments,leases,pods,serviceaccounts,storageclasses"
    items = json.loads(cluster.kubectl("get", kinds, "-A", "--output", "json"))["items"]
    # Nodes and controllers renew their leases all the time.
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in items
            if not (one["kind"] == "Lease" and one["metadata"]["namespace"] in ("kube-node-lease", "kube-system"))}


def preflight(place):
    before = {name: everything(cluster) for name, cluster in place.clusters.items()}
    found, code = place.json("preflight")
    good = {(one["place"], one["check"]) for one in found["findings"] if one["level"] == "good"}
    wanted = {(name, check) for name in DRESSED for check in ("kubernetes", "provider", "nodes", "systems", "runtime", "networks", "clock", "permissions",
                                                              "storage", "capacity", "kinds", "admission")}
    place.check("right clusters pass every check", code == 0 and wanted <= good, wanted - good)
    bad = [one for one in found["findings"] if one["level"] == "failure"]
    place.check("and nothing fails", not bad, bad)
    place.check("preflight changes nothing", {name: everything(cluster) for name, cluster in place.clusters.items()} == before)
    text = place.run("preflight")
    place.check("the table has a sign, a place, a check and a count", re.search(r"^✔ idc +kubernetes +v1\.36\.3, answered within", text.stdout, re.M)
                and re.search(r"^\d+ good, \d+ warnings, 0 failures$", text.stdout, re.M), text.stdout)
    chinese = place.run("preflight", "--site", "edge", "--lang", "zh")
    place.check("and speaks Chinese", "项正常" in chinese.stdout and "节点" in chinese.stdout, chinese.stdout)
    strict, code = place.findings("--strict")
    place.check("--strict asks for Docker and for one system", code == 3 and {("idc", "runtime"), ("ack", "runtime"), ("edge", "runtime"), ("all sites", "systems")}
                <= {key for key, one in strict.items() if one["level"] == "failure"}, strict)
    one_thing_wrong(place)


def one_thing_wrong(place):
    """One thing after the other is made wrong; each is found, with what to do, and nothing else is."""
    def wrong(what, key, says, *arguments, level="failure"):
        found, code = place.findings(*arguments)
        # The image's registry cannot be reached from here, and simulated clusters have no DNS.
        odd = {found_key: one for found_key, one in found.items() if found_key[1] not in ("reach", "dns")}
        here = odd.pop(key, None)
        held = here is not None and here["level"] == level and re.search(says, here["reason"]) and here["fix"] and code == (3 if level == "failure" else 0)
        place.check(f"{what} is found, with what to do", held, (code, here, odd))
        place.check(f"{what}: and nothing else is", not any(one["level"] == "failure" for one in odd.values()), odd)

    ack = place.clusters["ack"]
    node = lambda **info: ack.kubectl("patch", "node", "ack-2", "--subresource=status", "--type=merge", "--patch", json.dumps({"status": {"nodeInfo": info}}))
    node(osImage="CentOS Linux 7 (Core)")
    wrong("another operating system on one server", ("ack", "systems"), r"2 kinds of operating system: .*CentOS")
    node(osImage=DRESSED["ack"][3])
    place.write({"ack": {"provider": "tke"}})
    wrong("the wrong provider", ("ack", "provider"), "declared as tke, looks like ack", "--site", "ack", level="warning")
    place.write({"ack": {"networks": ["172.16.0.0/12"]}})
    wrong("networks that are not declared", ("ack", "networks"), r"10\.42\.1\.0/24")
    place.write({"ack": {"values": {"persistence": {"enabled": True}}}})
    wrong("a storage class that is not there", ("ack", "storage"), "no storage class `alicloud-disk-topology-alltype`")
    immediate = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "now"}, "provisioner": "example.com/disk", "volumeBindingMode": "Immediate"}
    ack.apply(json.dumps(immediate))
    place.write({"ack": {"storage_class": "now", "values": {"persistence": {"enabled": True}}}})
    wrong("a class that binds too early", ("ack", "storage"), "`now` binds at once, in one of 2 zones", "--site", "ack", level="warning")
    place.write({"ack": {"values": {"metrics": {"podMonitor": {"enabled": True}}, "mesh": {"mode": "sidecar", "mtls": "STRICT"}}}})
    found, code = place.json("preflight", "--site", "ack")
    missing = [one["reason"] for one in found["findings"] if one["check"] == "kinds" and one["level"] == "failure"]
    place.check("kinds that the cluster does not know are found, each with who brings it", code == 3 and len(missing) == 2
                and any("monitoring.coreos.com/v1 is not there" in one for one in missing) and any("security.istio.io/v1" in one for one in missing), found)
    place.write({"ack": {"values": {"resources": {"requests": {"cpu": "6", "memory": "128Mi"}}}}})
    wrong("a pod that is larger than every node", ("ack", "capacity"), "no node has 6 CPUs")
    place.write()
    ack.kubectl("create", "namespace", RELEASE)
    ack.kubectl("create", "quota", "small", "--namespace", RELEASE, "--hard=requests.memory=64Mi,requests.cpu=8")
    ack.until("the quota is counted", lambda: "64Mi" in ack.kubectl("get", "quota", "--namespace", RELEASE, "--output", "jsonpath={.items[0].status.hard}"))
    found, _ = place.findings("--site", "ack")
    place.check("a quota that is too small is found", "small" in found["ack", "capacity"]["reason"], found)
    ack.kubectl("delete", "quota", "small", "--namespace", RELEASE)
    ack.kubectl("label", "namespace", RELEASE, "pod-security.kubernetes.io/enforce=restricted")
    place.write({"ack": {"values": {"securityContext": {"allowPrivilegeEscalation": True}}}})
    wrong("a pod that the namespace's policy refuses", ("ack", "admission"), "violates PodSecurity")
    ack.kubectl("delete", "namespace", RELEASE, "--wait")
    place.write({"ack": {"values": {"redis": {"password": "hunter2"}}}})
    found, _ = place.findings("--site", "ack")
    place.check("a password in the values is found, and not shown", found["ack", "secrets"]["level"] == "warning" and "hunter2" not in str(found), found)
    place.write()


def plan_and_apply(place):
    before = {name: everything(cluster) for name, cluster in place.clusters.items()}
    saved = place.scene.folder / "plan.json"
    plan, code = place.json("plan", "--out", saved)
    steps = {one["site"]: (one["wave"], one["step"], one["revision"]) for one in plan["sites"]}
    place.check("the plan installs in waves", code == 0 and steps == {"idc": (1, "install", 0), "ack": (2, "install", 0), "edge": (3, "install", 0)}, steps)
    place.check("planning changes nothing", {name: everything(cluster) for name, cluster in place.clusters.items()} == before)
    place.check("the saved plan is the plan", json.loads(saved.read_text())["sites"] == plan["sites"])
    done = place.run("apply", "--plan", saved)
    place.check("without a yes nothing happens", done.returncode == 2 and "--yes" in done.stderr, done.stderr)
    ended, code = place.json("apply", "--plan", saved, "--yes", "--wait", "2m")
    results = [(one["wave"], one["site"], one["result"], one["revision"]) for one in ended]
    place.check("apply goes by the waves", code == 0 and results == [(1, "idc", "done", 1), (2, "ack", "done", 1), (3, "edge", "done", 1)], results)
    made = {name: json.loads(cluster.kubectl("get", DEPLOYMENT, "--namespace", RELEASE, "--output", "json"))["metadata"]["creationTimestamp"] for name, cluster in place.clusters.items()}
    place.check("one after the other", made["idc"] <= made["ack"] <= made["edge"], made)
    status, code = place.json("status")
    place.check("status: all run, and all pods serve", code == 0 and all(one["status"] == "deployed" and one["parts"] == [{"name": RELEASE, "ready": 1, "wanted": 1}]
                and one["locked_by"] is None for one in status), status)
    ended, code = place.json("apply", "--yes")
    place.check("a second time there is nothing to do", code == 0 and [one["result"] for one in ended] == ["kept"] * 3, ended)
    differs = place.run("diff")
    place.check("and nothing differs", differs.returncode == 0 and not differs.stdout, differs.stdout)
    stale = place.run("apply", "--plan", saved, "--yes")
    place.check("the old plan is of another state", stale.returncode == 1 and "the plan is of another state: revision 1 runs, it was made at 0" in stale.stderr, stale.stderr)
    helm = place.clusters["idc"].typed(f"helm history {RELEASE} --namespace {RELEASE} --output json")
    place.check("Helm's history carries the lock's number", json.loads(helm)[0]["description"].startswith("dataux deploy, lock 1"), helm)


def drift(place):
    ack = place.clusters["ack"]
    ack.kubectl("patch", "service", RELEASE, "--namespace", RELEASE, "--type=json", "--patch", '[{"op": "replace", "path": "/spec/ports/0/port", "value": 81}]')
    differs = place.run("diff")
    place.check("drift is seen, with what it was", differs.returncode == 3 and "Service/dataux: spec.ports[0].port is 81, was installed as 80" in differs.stdout, differs.stdout)
    refused = place.run("apply", "--yes")
    place.check("and refused", refused.returncode == 1 and "ack: Service/dataux were changed by others" in refused.stderr and "--overwrite-drift" in refused.stderr, refused.stderr)
    ended, code = place.json("apply", "--yes", "--overwrite-drift")
    place.check("or set back, by choice", code == 0 and [one["result"] for one in ended] == ["kept", "done", "kept"], ended)
    place.check("which leaves no drift", place.run("diff").returncode == 0, place.run("diff").stdout)
    ack.kubectl("delete", "service", RELEASE, "--namespace", RELEASE)
    place.check("what is gone is seen", "Service/dataux: it is gone" in place.run("diff").stdout)
    ended, code = place.json("apply", "--yes", "--overwrite-drift")
    place.check("and comes back", code == 0 and ack.kubectl("get", "service", RELEASE, "--namespace", RELEASE), ended)


def revision(place, name):
    return next(one for one in place.json("status", "--site", name)[0])["revision"]


# Nodes that there are none of: such a pod stays Pending.
NOWHERE = {"values": {"nodeSelector": {"disk": "none"}}}


def failing_wave(place):
    before = {name: revision(place, name) for name in DRESSED}
    place.write({"ack": NOWHERE}, values={"podAnnotations": {"round": "two"}})
    began = time.monotonic()
    ended = place.run("apply", "--yes", "--wait", "20s", "-o", "json")
    results = {one["site"]: one["result"] for one in json.loads(ended.stdout)}
    place.check("a wave that fails ends it", ended.returncode == 1 and results == {"idc": "done", "ack": "failed", "edge": "not begun"}, ended.stdout + ended.stderr)
    last = json.loads(ended.stderr.strip().splitlines()[-1])
    place.check("with how to go on", last["code"] == "wave_failed" and last["arguments"]["left"] == "edge" and "--site ack" in last["hint"] and "run the same command again" in last["hint"], last)
    why = next(one for one in json.loads(ended.stdout) if one["site"] == "ack")["error"]
    place.check("and why: the scheduler's own words", "node affinity/selector" in why["message"] or "didn't match" in why["message"], why)
    place.check("within the time that was given", time.monotonic() - began < 120)
    status, code = place.json("status")
    bad = next(one for one in status if one["site"] == "ack")
    place.check("status shows it and ends with 3", code == 3 and bad["status"] == "failed" and bad["troubles"], bad)
    back, code = place.json("rollback", "--site", "ack", "--yes", "--wait", "60s")
    place.check("rollback goes back", code == 0 and back[0]["result"] == "done", back)
    status, code = place.json("status")
    place.check("and all is well", code == 0, status)
    live = json.loads(place.clusters["ack"].kubectl("get", DEPLOYMENT, "--namespace", RELEASE, "--output", "json"))
    place.check("with the pods of before", "nodeSelector" not in live["spec"]["template"]["spec"], live["spec"]["template"]["spec"])
    place.check("the edge was not touched", revision(place, "edge") == before["edge"])
    place.write(values={"podAnnotations": {"round": "two"}})
    ended, code = place.json("apply", "--yes", "--wait", "60s")
    place.check("the same command goes on: what is done is left alone", code == 0 and [one["result"] for one in ended] == ["kept", "done", "done"], ended)
    many = place.run("rollback", "--revision", "1", "--yes")
    place.check("a revision is of one site", many.returncode == 2, many.stderr)


def locked(place, name):
    return next(one for one in place.json("status", "--site", name)[0])["locked_by"]


def two_operators(place):
    idc = place.clusters["idc"]
    place.write({"idc": NOWHERE})
    first = place.start("apply", "--site", "idc", "--yes", "--wait", "60s")
    idc.until("the first operator has the lock", lambda: locked(place, "idc"))
    second = place.run("apply", "--site", "idc", "--yes", "--wait", "20s")
    # Helm's own mark may be seen first; then the release is pending, which is refused as well.
    place.check("a second operator is refused", second.returncode == 1 and ("is deploying there since" in second.stderr or "Helm holds the release as pending" in second.stderr), second.stderr)
    third = place.run("rollback", "--site", "idc", "--yes", "--wait", "20s")
    place.check("and is told who is at work", third.returncode == 1 and f"({first.pid}) is deploying there since" in third.stderr, third.stderr)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    place.check("the lock of one that died is still there", str(first.pid) in (locked(place, "idc") or ""), locked(place, "idc"))
    began = time.monotonic()
    back, code = place.json("rollback", "--site", "idc", "--yes", "--wait", "60s")
    seconds = time.monotonic() - began
    place.check("and is taken over once it was watched to be dead", code == 0 and 25 < seconds < 100, (seconds, back))
    place.write()
    ended, code = place.json("apply", "--yes", "--wait", "60s")
    place.check("after which all goes on", code == 0, ended)
    lease = json.loads(idc.kubectl("get", "lease", f"{RELEASE}-deploy", "--namespace", RELEASE, "--output", "json"))["spec"]
    place.check("the lock is free and its number has grown", not lease.get("holderIdentity") and lease["leaseTransitions"] > 2, lease)
    both = [place.start("apply", "--site", "edge", "--yes", "--wait", "60s", "--overwrite-drift") for _ in range(2)]
    place.clusters["edge"].kubectl("annotate", DEPLOYMENT, "--namespace", RELEASE, "note=x", "--overwrite")
    ends = [one.communicate(timeout=300) for one in both]
    place.check("two with nothing to do do not hinder one another", [one.returncode for one in both] == [0, 0], ends)


def owners(place):
    edge = place.clusters["edge"]
    edge.kubectl("annotate", DEPLOYMENT, "--namespace", RELEASE, "argocd.argoproj.io/tracking-id=dataux:apps/Deployment:dataux/dataux")
    place.write(values={"podAnnotations": {"round": "three"}})
    refused = place.run("apply", "--site", "edge", "--yes", "--wait", "60s")
    place.check("a release of Argo CD is left to it", refused.returncode == 1 and "the release belongs to Argo CD" in refused.stderr and "--take-over" in refused.stderr, refused.stderr)
    taken, code = place.json("apply", "--site", "edge", "--yes", "--wait", "60s", "--take-over")
    place.check("or taken over, by choice", code == 0 and taken[0]["result"] == "done", taken)
    edge.kubectl("annotate", DEPLOYMENT, "--namespace", RELEASE, "argocd.argoproj.io/tracking-id-")
    place.write()
    place.json("apply", "--yes", "--wait", "60s")


def bad_ways(place, stack):
    """Credentials that expired or allow little, a cluster that is slow, one that is off."""
    scene, ack = place.scene, place.clusters["ack"]
    config = yaml.safe_load(place.kubeconfig("ack").read_text())

    def by(name, user=None, server=None):
        other = json.loads(json.dumps(config))
        if user is not None:
            other["users"][0]["user"] = user
        if server is not None:
            # The certificate is of the address alone, not of the port.
            other["clusters"][0]["cluster"]["server"] = server
        file = scene.folder / f"kubeconfig-{name}"
        file.write_text(yaml.safe_dump(other))
        file.chmod(0o600)
        place.write({"ack": {"kubeconfig": str(file)}})

    authority = [ack.folder / "keys" / name for name in ("ca.crt", "ca.key")]
    if place.check("the cluster's authority is at hand", all(file.exists() for file in authority), authority):
        key, request, certificate = (scene.folder / name for name in ("late.key", "late.csr", "late.crt"))
        openssl = lambda *arguments: subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/O=system:masters/CN=late", "-keyout", key, "-out", request)
        extensions = write(scene, "late.ext", "extendedKeyUsage=clientAuth")
        openssl("x509", "-req", "-in", request, "-CA", authority[0], "-CAkey", authority[1], "-set_serial", "77", "-not_before", "20200101000000Z",
                "-not_after", "20200102000000Z", "-out", certificate, "-extfile", extensions) if modern() else openssl(
            "x509", "-req", "-in", request, "-CA", authority[0], "-CAkey", authority[1], "-set_serial", "77", "-days", "-1", "-out", certificate, "-extfile", extensions)
        text = lambda file: base64.b64encode(file.read_bytes()).decode()
        by("late", user={"client-certificate-data": text(certificate), "client-key-data": text(key)})
        found, code = place.findings("--site", "ack")
        place.check("credentials that expired are a finding that says so", code == 3 and "does not accept the credentials" in found["ack", "kubernetes"]["reason"]
                    and found["ack", "kubernetes"]["fix"], found)
        plan = place.run("plan", "--site", "ack")
        place.check("and an error of plan", plan.returncode == 1 and "does not accept the credentials" in plan.stderr, plan.stderr)
        ended = place.run("apply", "--yes", "-o", "json")
        place.check("apply stops at that site's wave", [one["result"] for one in json.loads(ended.stdout)] == ["kept", "failed", "not begun"], ended.stdout)

    ack.kubectl("create", "serviceaccount", "reader", "--namespace", "default")
    ack.kubectl("create", "rolebinding", "reader", "--clusterrole=view", "--serviceaccount=default:reader", "--namespace", RELEASE)
    token = ack.kubectl("create", "token", "reader", "--namespace", "default").strip()
    by("reader", user={"token": token})
    found, code = place.findings("--site", "ack")
    place.check("an account that may only read lacks permissions, which are named", code == 3 and "create" in found["ack", "permissions"]["reason"], found)
    place.check("and half of the API being closed hides nothing else", found["ack", "nodes"]["level"] == "failure" and "not allowed there" in found["ack", "nodes"]["reason"]
                and ("ack", "kubernetes") not in found, found)

    address, port = re.search(r"https://([^:]+):(\d+)", config["clusters"][0]["cluster"]["server"]).groups()
    proxy = stack.enter_context(Proxy(address, int(port)))
    by("proxy", server=f"https://{proxy.address}:{proxy.port}")
    found, code = place.findings("--site", "ack")
    place.check("through a proxy all is as before", code == 0, found)
    proxy.silent = True
    began = time.monotonic()
    found, code = place.findings("--timeout", "4s")
    seconds = time.monotonic() - began
    place.check("a cluster that does not answer holds nobody longer than it may", code == 3 and "does not answer" in found["ack", "kubernetes"]["reason"] and seconds < 60, (seconds, found))
    place.check("and the others are looked at", not any(key[0] in ("idc", "edge") and one["level"] == "failure" for key, one in found.items()), found)
    proxy.silent = False
    proxy.refuse()
    plan = place.run("plan")
    place.check("a cluster that is off: the plan of the others is there", plan.returncode == 1 and "idc" in plan.stdout and "ack: its cluster does not answer" in plan.stderr, plan.stdout + plan.stderr)
    proxy.listen()
    place.write()


def modern():
    """Whether openssl can say from when to when (3.4 or later)."""
    return "-not_before" in subprocess.run(["openssl", "x509", "-help"], capture_output=True, text=True).stderr


def write(scene, name, text):
    file = scene.folder / name
    file.write_text(text)
    return file


def eight_sites(place):
    """Eight sites on three clusters, all looked at at once."""
    sites = []
    for number in range(8):
        name = list(DRESSED)[number % 3]
        sites.append({**place.site(name), "name": f"s{number}", "hub": number == 0, "namespace": f"n{number}"})
    place.write(sites=sites)
    began = time.monotonic()
    found, code = place.json("preflight", "--parallel", "8")
    seconds = time.monotonic() - began
    print(f"preflight of 8 sites: {seconds:.1f} s", flush=True)
    place.check("eight sites at once", code == 0 and {one["place"] for one in found["findings"]} >= {f"s{number}" for number in range(8)}, found)
    place.write()
    for helm in ("helm3", "helm4"):
        place.environment["DATAUX_HELM"] = str(TOOLS / helm)
        place.write(values={"podAnnotations": {"with": helm}})
        ended, code = place.json("apply", "--yes", "--wait", "60s")
        place.check(f"{helm}: upgrades what the other one installed", code == 0 and [one["result"] for one in ended] == ["done"] * 3, ended)
        again, code = place.json("apply", "--yes")
        place.check(f"{helm}: and finds its own work done", [one["result"] for one in again] == ["kept"] * 3, again)


if __name__ == "__main__":
    main()
