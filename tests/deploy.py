"""`dataux deploy` without a cluster: the topology's mistakes, hosts that lack something, and what is rendered for each provider under both
Helms. With clusters: tests/soak/deploy.py."""

import http.server
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import threading

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import ROOT, Scene

TOOLS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "dataux" / "tools"
CHART = ROOT / "charts" / "dataux"
HYBRID = ROOT / "examples" / "hybrid" / "topology.yaml"
PROVIDERS = sorted(file.stem for file in (CHART / "values").glob("*.yaml"))


def main():
    with Scene("deploy") as scene:
        for helm in ("helm3", "helm4"):
            if not (TOOLS / helm).exists():
                sys.exit(f"{helm} is missing: run scripts/prepare test")
        os.environ |= {f"HELM_{part}_HOME": str(scene.folder / part) for part in ("CACHE", "CONFIG", "DATA")}
        mistakes(scene)
        hosts(scene)
        every_provider(scene)
        hybrid(scene)
        others(scene)
        schema(scene)
        links(scene)


def topology(sites, links=(), **spec):
    """The text of a topology."""
    spec = {"zones": [{"name": "cn", "jurisdiction": "CN"}], **spec, "sites": sites, "links": list(links)}
    return yaml.safe_dump({"apiVersion": "dataux/v1", "kind": "Topology", "name": "t", "spec": spec}, sort_keys=False)


def site(name, provider="kubeadm", kind="public", **more):
    return {"name": name, "kind": kind, "zone": "cn", "provider": provider, **more}


def write(scene, text, name="topology.yaml"):
    file = scene.folder / name
    file.write_text(text)
    return file


def mistakes(scene):
    """Each is an error with the line and the column of the very word that is wrong."""
    hub = site("idc", kind="private", hub=True, networks=["10.10.0.0/16"])
    cloud = site("cloud", "ack", networks=["10.20.0.0/16"])
    link = {"from": "idc", "to": "cloud", "kind": "vpn"}
    cases = {
        "an unknown provider": (topology([hub, {**cloud, "provider": "akx"}]), "provider: ", "akx", "did you mean `"),
        "networks that overlap": (topology([hub, {**cloud, "networks": ["10.10.8.0/24"]}], [link]), "- ", "10.10.8.0/24", "overlaps 10.10.0.0/16 of `idc`"),
        "two hubs": (topology([{**hub, "hub": True}, {**cloud, "hub": True}]), None, None, "`idc` is the hub already"),
        "no hub": (topology([{**hub, "hub": False}, cloud]), "name: ", "idc", "none of the sites is the hub"),
        "a site in no zone": (topology([hub, {key: value for key, value in cloud.items() if key != "zone"}]), "name: ", "cloud", "is in no zone"),
        "a zone that is not declared": (topology([hub, {**cloud, "zone": "cm"}]), "zone: ", "cm", "did you mean `cn`?"),
        "a link that leads nowhere": (topology([hub, cloud], [{**link, "to": "clod"}]), "to: ", "clod", "did you mean `cloud`?"),
        "a field that is not known": (topology([hub, {**cloud, "kubeconfg": "x"}]), "", "kubeconfg", "did you mean `kubeconfig`?"),
        "a value of the wrong type": (topology([{**hub, "hub": "often"}, cloud]), "hub: ", "often", ""),
    }
    for what, (text, before, word, says) in cases.items():
        file = write(scene, text)
        done = scene.run("deploy", "render", "-f", file)
        found = re.search(rf"{re.escape(str(file))}:(\d+):(\d+): (.*)", done.stderr)
        if not scene.check(f"{what}: an error with its place", done.returncode == 1 and found and says in found[3], done.stderr):
            continue
        line, column = int(found[1]), int(found[2])
        lines = text.splitlines()
        if word is None:
            place = [number for number, one in enumerate(lines, 1) if one.strip() == "hub: true"][-1]
            scene.check(f"{what}: at the second one", line == place and lines[line - 1][column - 1:] == "true", (line, column))
        else:
            scene.check(f"{what}: at the word itself", lines[line - 1][column - 1:].startswith(word) and lines[line - 1][:column - 1].endswith(before),
                        (line, column, lines[line - 1]))
    missing = write(scene, topology([{**hub, "kubeconfig": "nowhere/config"}]))
    for part in ("plan", "apply", "status", "diff"):
        done = scene.run("deploy", part, "-f", missing)
        scene.check(f"{part} names the missing kubeconfig with its place", done.returncode == 1 and re.search(r"yaml:\d+:\d+: .*no kubeconfig at .*nowhere/config", done.stderr), done.stderr)
    chinese = scene.run("deploy", "plan", "-f", missing, "--site", "dc", "--lang", "zh")
    scene.check("an unknown site is named in Chinese, too", "拓扑中没有站点 `dc`" in chinese.stderr, chinese.stderr)
    coded = scene.run("deploy", "plan", "-f", missing, "--site", "idd", "-o", "json")
    scene.check("and as JSON with its code", json.loads(coded.stderr)["code"] == "site_unknown" and json.loads(coded.stderr)["arguments"]["near"] == "idc", coded.stderr)


def hosts(scene):
    """An operator's host with no Helm, with an old one, with no kubectl."""
    kubeconfig = write(scene, "apiVersion: v1\nkind: Config\n", "kubeconfig")
    file = write(scene, topology([site("idc", kubeconfig=str(kubeconfig))]))
    empty = scene.folder / "empty"
    empty.mkdir()
    done = scene.run("deploy", "preflight", "-f", file, env={"PATH": str(empty)})
    lines = [line for line in done.stdout.splitlines() if line.startswith("✘ this host")]
    scene.check("a host with neither is told both, and that is a finding", done.returncode == 3 and len(lines) == 2 and "DATAUX_HELM" in done.stdout, done.stdout)
    for part in ("plan", "apply", "render"):
        done = scene.run("deploy", part, "-f", file, env={"PATH": str(empty)})
        scene.check(f"{part} says what is missing", done.returncode == 1 and "`helm` is not on this host" in done.stderr, done.stderr)
    old = empty / "helm"
    old.write_text("#!/bin/sh\necho v3.9.4\n")
    old.chmod(0o755)
    done = scene.run("deploy", "render", "-f", file, "--helm", old)
    scene.check("an old Helm is refused with what is needed", "is v3.9.4; 3.14 or later is needed" in done.stderr, done.stderr)


def every_provider(scene):
    """What is rendered is what Helm makes of the provider's values, under both Helms and from the chart inside the program."""
    sites = [site(name, name, hub=name == PROVIDERS[0], **({"kind": "edge"} if name == "k3s" else {})) for name in PROVIDERS]
    file = write(scene, topology(sites, release="my-release", namespace="default"))
    for helm in ("helm3", "helm4"):
        folder = scene.folder / helm
        done = scene.run("deploy", "render", "-f", file, "--out", folder, "--helm", TOOLS / helm, "--kube-version", "1.36.0")
        if not scene.check(f"{helm}: every provider renders", done.returncode == 0, done.stderr):
            continue
        for name in PROVIDERS:
            direct = subprocess.run([TOOLS / helm, "template", "my-release", CHART, "--namespace", "default", "--kube-version", "1.36.0", "--skip-tests", "--no-hooks",
                                     "--values", CHART / "values" / f"{name}.yaml"], capture_output=True, text=True, timeout=120)
            rendered = (folder / f"{name}.yaml").read_text()
            scene.check(f"{helm}: {name} is as Helm alone makes it", objects(rendered) == objects(direct.stdout), direct.stderr)


def objects(text):
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text) if one}


def hybrid(scene):
    """The example renders, and each site's fields end where they belong."""
    folder = scene.folder / "hybrid"
    scene.must("deploy", "render", "-f", HYBRID, "--out", folder, "--helm", TOOLS / "helm4")
    found = {file.stem: objects(file.read_text()) for file in folder.glob("*.yaml")}
    scene.check("a file for each site", set(found) == {"idc", "hangzhou", "frankfurt", "plant"}, set(found))
    pod = lambda name: found[name]["Deployment", "dataux"]["spec"]["template"]["spec"]
    account = lambda name: found[name]["ServiceAccount", "dataux"]["metadata"].get("annotations", {})
    scene.check("the registry of the site", pod("idc")["containers"][0]["image"].startswith("harbor.idc.example/mirror/"), pod("idc")["containers"][0])
    scene.check("the identity by the provider's annotation", account("hangzhou") == {"pod-identity.alibabacloud.com/role-name": "dataux"}
                and account("frankfurt") == {"eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/dataux"}, (account("hangzhou"), account("frankfurt")))
    balancers = [one for key, one in found["hangzhou"].items() if key[0] == "Service" and one["spec"]["type"] == "LoadBalancer"]
    annotations = balancers[0]["metadata"]["annotations"] if balancers else {}
    scene.check("a load balancer inside the network, in its subnet", annotations == {
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type": "intranet",
        "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-vswitch-id": "vsw-bp1example"}, annotations)
    scene.check("the edge has one pod and no monitor", found["plant"]["Deployment", "dataux"]["spec"]["replicas"] == 1
                and not any(kind == "ServiceMonitor" for kind, _ in found["plant"]), list(found["plant"]))
    one = scene.must("deploy", "render", "-f", HYBRID, "--site", "plant", "--helm", TOOLS / "helm3")
    scene.check("one site alone", one.startswith("# Site plant, provider k3s, chart dataux ") and objects(one) == found["plant"], one[:200])
    wrong = write(scene, topology([site("idc", values={"replcas": 3})]))
    done = scene.run("deploy", "render", "-f", wrong, "--helm", TOOLS / "helm4")
    scene.check("a value that the chart does not know is an error that names it", done.returncode == 1 and "replcas" in done.stderr and "cannot be rendered" in done.stderr, done.stderr)


def others(scene):
    """Argo CD, Flux and helmfile get the same values, and an order that is the waves'."""
    text = {form: scene.must("deploy", "render", "-f", HYBRID, "--format", form, "--repository", "oci://registry.example/charts") for form in ("argocd", "flux", "helmfile")}
    applications = list(yaml.safe_load_all(text["argocd"]))
    waves = {one["spec"]["destination"]["name"]: one["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"] for one in applications}
    scene.check("Argo CD: sync waves", waves == {"idc": "1", "hangzhou": "2", "frankfurt": "2", "plant": "3"}, waves)
    releases = {one["metadata"]["name"]: one["spec"] for one in yaml.safe_load_all(text["flux"]) if one["kind"] == "HelmRelease"}
    after = {name: sorted(one["name"] for one in spec.get("dependsOn", [])) for name, spec in releases.items()}
    scene.check("Flux: each after the wave before", after == {"dataux-idc": [], "dataux-hangzhou": ["dataux-idc"], "dataux-frankfurt": ["dataux-idc"],
                                                             "dataux-plant": ["dataux-frankfurt", "dataux-hangzhou"]}, after)
    listed = {one["labels"]["site"]: one for one in yaml.safe_load(text["helmfile"])["releases"]}
    scene.check("helmfile: each after the wave before", sorted(listed["plant"]["needs"]) == ["frankfurt/dataux/dataux", "hangzhou/dataux/dataux"], listed["plant"]["needs"])
    for one in applications:
        name = one["spec"]["destination"]["name"]
        values = one["spec"]["source"]["helm"]["valuesObject"]
        scene.check(f"{name}: all three have the same values", values == releases[f"dataux-{name}"]["values"] == listed[name]["values"][0], values)
        given = subprocess.run([TOOLS / "helm4", "template", "dataux", CHART, "--namespace", "dataux", "--kube-version", "1.36.0", "--skip-tests", "--no-hooks", "--values", "-"],
                               input=yaml.safe_dump(values), capture_output=True, text=True, timeout=120)
        scene.check(f"{name}: and Helm makes of them what it makes of the topology", given.returncode == 0
                    and objects(given.stdout) == objects((scene.folder / "hybrid" / f"{name}.yaml").read_text()), given.stderr)


def schema(scene):
    """The JSON Schema knows every field of the example, and the list of providers."""
    found = json.loads(scene.must("schema", "topology"))
    names = found["$defs"]["Site"]["properties"]
    used = {key for one in yaml.safe_load(HYBRID.read_text())["spec"]["sites"] for key in one}
    scene.check("the schema of a topology", found["properties"]["kind"] == {"const": "Topology"} and used <= set(names), used - set(names))
    scene.check("knows the providers, which are those of the chart", sorted(names["provider"]["enum"]) == PROVIDERS, names["provider"])
    scene.check("and is among the kinds", "Topology" in scene.must("schema").split(), "")


class Takes(http.server.BaseHTTPRequestHandler):
    """Takes all that is sent, and says so."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Listens(http.server.ThreadingHTTPServer):
    # Preflight opens fifty connections; those that do not fit wait a second for the next try.
    request_queue_size = 128


def serve(certificate=None):
    """A server on a free port, with TLS if it has a certificate."""
    server = Listens(("127.0.0.1", 0), Takes)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def certificates(folder):
    """An authority, and what it signed for 127.0.0.1: for a year, for a week, and for another host."""
    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *key, "-days", "365", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.crt")
    made = {}
    for name, days, host in (("year", 365, "IP:127.0.0.1"), ("week", 7, "IP:127.0.0.1"), ("other", 365, "DNS:other.example")):
        (folder / f"{name}.ext").write_text(f"subjectAltName={host}\n")
        openssl("req", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext", "-out", f"{name}.crt")
        made[name] = (folder / f"{name}.crt", folder / f"{name}.key")
    return folder / "ca.crt", made


def links(scene):
    """Links that are good, far, badly signed, not signed, stuck, and not there: each with its finding, from a host that has no Helm at all."""
    folder = scene.folder / "links"
    folder.mkdir()
    authority, made = certificates(folder)
    servers = {name: serve(pair) for name, pair in made.items()} | {"plain": serve()}
    # Takes connections and never reads: what a path looks like on which large packets vanish.
    stuck = socket.create_server(("127.0.0.1", 0))
    closed = socket.create_server(("127.0.0.1", 0))
    gone = closed.getsockname()[1]
    closed.close()
    address = lambda name: f"127.0.0.1:{servers[name].server_port}"
    known = {"tls": True, "authority": str(authority)}
    ends = {
        "year": {"kind": "vpn", "address": address("year"), **known},
        "week": {"kind": "vpn", "address": address("week"), **known},
        "other": {"kind": "vpn", "address": address("other"), **known},
        "unsigned": {"kind": "internet", "address": address("year")},
        "plain": {"kind": "line", "address": address("plain")},
        "far": {"kind": "line", "address": address("plain"), "latency_ms_max": 0},
        "stuck": {"kind": "line", "address": f"127.0.0.1:{stuck.getsockname()[1]}"},
        "gone": {"kind": "line", "address": f"127.0.0.1:{gone}"},
        "shut": {"kind": "internet", "address": f"127.0.0.1:{gone}"},
        "nowhere": {"kind": "vpn", "address": "nowhere.invalid:443"},
        "unsaid": {"kind": "peering"},
    }
    text = topology([site("idc", hub=True), *(site(name) for name in ends)], [{"from": "idc", "to": name, **link} for name, link in ends.items()])
    done = scene.run("deploy", "preflight", "-f", write(scene, text), "-o", "json", env={"PATH": str(folder)})
    found = {}
    for one in json.loads(done.stdout)["findings"]:
        found.setdefault(one["place"].removeprefix("idc → "), []).append((one["check"], one["level"], one["reason"]))
    def says(name, *expected):
        here = found.get(name, [])
        held = len(here) == len(expected) and all(check == one[0] and level == one[1] and re.search(says, one[2]) for (check, level, says), one in zip(expected, here))
        scene.check(f"link {name}", held, here)

    good = ("link", "good", r"p50 [\d.]+ m?s, p99 [\d.]+ m?s")
    through = ("transfer", "good", "96 KiB went through")
    says("year", good, ("certificate", "good", r"trusted for 36[34] days"), through)
    says("week", good, ("certificate", "warning", r"ends in [67] days"), through)
    says("other", good, ("certificate", "failure", "not trusted: .*not valid for name"))
    says("unsigned", good, ("certificate", "failure", "not trusted: UnknownIssuer"))
    says("plain", good, through)
    says("far", ("link", "warning", "0 ms were declared"), through)
    says("stuck", good, ("transfer", "failure", "got stuck"))
    says("gone", ("link", "warning", "nobody at 127"))
    says("shut", ("link", "failure", "nobody at 127"))
    says("nowhere", ("link", "warning", "does not know nowhere.invalid"))
    says("unsaid", ("link", "warning", "no address declared"))
    stuck.close()


if __name__ == "__main__":
    main()
