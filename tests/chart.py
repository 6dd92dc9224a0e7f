"""The chart, without a cluster: the install contract, renders under Helm 3 and 4, schemas, refusals, rules.

tests/chart/renders/*.yaml and charts/dataux/values/*.yaml are rendered and compared with tests/chart/saved; after a change that is
meant, `scripts/python tests/chart.py --save` writes those anew, and the difference is there to be read.
"""

import concurrent.futures
import functools
import http.server
import json
import os
import pathlib
import re
import socketserver
import subprocess
import sys
import tarfile
import threading

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "scenes"))
from scene import ROOT, Scene

CHART = ROOT / "charts" / "dataux"
CASES = ROOT / "tests" / "chart"
TOOLS = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "dataux" / "tools"
RELEASE, NAMESPACE = "my-release", "default"
# Kubernetes of the renders; the oldest that the chart takes is tried as well.
NEWEST, OLDEST = "1.36.0", "1.28.0"

# What kube-score finds and why it stays. Everything else is a failure.
EXPLAINED = {
    "pod-probes-identical": "readiness is /healthz by default: a database that is down must not take every pod out; /readyz is a value",
    "container-resources": "no CPU limit: throttling makes queries slow, and the request already shares the CPU fairly",
    "container-image-pull-policy": "a tag of a release never changes; sites that reach no registry need IfNotPresent",
    "deployment-strategy": "one replica owns its volume, so its successor cannot begin before it has ended",
    "deployment-replicas": "the default is one replica on an embedded database",
    "deployment-has-poddisruptionbudget": "replicas on a volume of one node have none: it would keep the node from being drained",
    "deployment-has-host-podantiaffinity": "replicas are spread by topology constraints, which kube-score does not see; those on a volume of one node are kept together",
    "pod-networkpolicy": "the pod of helm test asks one question and ends",
}


def main():
    save = "--save" in sys.argv
    with Scene("chart") as scene:
        for tool in ("helm3", "helm4", "kubeconform", "kube-score"):
            if not (TOOLS / tool).exists():
                sys.exit(f"{tool} is missing: run scripts/prepare test")
        os.environ |= {f"HELM_{part}_HOME": str(scene.folder / part) for part in ("CACHE", "CONFIG", "DATA")}
        lint(scene)
        rendered = renders(scene, save)
        contract(scene, rendered)
        variables(scene, rendered)
        state(scene, rendered)
        parts(scene, rendered)
        meshes(scene, rendered)
        refusals(scene)
        dashboards(scene)
        repository(scene)
        pages(scene)
        scores(scene)
        rules(scene)


def tool(name, *arguments, text=None):
    return subprocess.run([TOOLS / name, *map(str, arguments)], input=text, capture_output=True, text=True, timeout=120)


def render(helm, *arguments, version=NEWEST, values=None):
    """The finished `helm template` of the release; `values` are given on standard input."""
    more = ["--values", "-"] if values is not None else []
    return tool(helm, "template", RELEASE, CHART, "--namespace", NAMESPACE, "--kube-version", version, *arguments, *more,
                text=None if values is None else yaml.safe_dump(values))


def objects(text):
    """Objects by kind and name, without what is only order."""
    found = {}
    for document in yaml.safe_load_all(text):
        if document:
            key = (document["kind"], document["metadata"]["name"])
            if key in found:
                raise RuntimeError(f"{key} is rendered twice")
            found[key] = document
    return found


def lint(scene):
    done = subprocess.run([ROOT / "scripts" / "charts", "lint"], capture_output=True, text=True, timeout=300)
    scene.check("helm lint --strict under Helm 3 and 4, and a fresh README", done.returncode == 0, done.stdout + done.stderr)
    # Argo CD renders without a cluster and again and again: nothing may be looked up or thrown like dice.
    templates = "\n".join(file.read_text() for file in (CHART / "templates").rglob("*.*"))
    found = re.findall(r"\b(?:lookup|rand[A-Z]\w*|genCA|genSignedCert|uuidv4|now)\b", "".join(re.findall(r"\{\{.*?\}\}", templates, re.DOTALL)))
    scene.check("templates look nothing up and throw no dice", not found, found)
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    workspace = re.search(r'\[workspace\.package\]\nversion = "(.+)"', (ROOT / "Cargo.toml").read_text())
    scene.check("the chart is of the workspace's version", chart["appVersion"] == workspace[1], chart)
    scene.check("and so is the image", values["image"] == f"dataux/dataux:{chart['appVersion']}", values["image"])
    holds = all(chart.get(key) for key in ("name", "version", "maintainers")) and chart["annotations"]["licenses"] == "Apache-2.0"
    scene.check("Chart.yaml says name, version, maintainers and licence", holds, chart)
    schema = json.loads((CHART / "values.schema.json").read_text())
    scene.check("every value has its schema and every schema its value", names(schema) == keys(values, schema),
                names(schema) ^ keys(values, schema))


def names(schema, path=()):
    """Paths of the values that a schema knows by name."""
    found = set()
    for name, inner in schema.get("properties", {}).items():
        if (*path, name) == ("global",):
            continue
        found.add((*path, name))
        found |= names(inner, (*path, name))
    # What may be left out of the probes, of a map, and of Kubernetes' own structures needs no default.
    return {path for path in found if path[0] not in ("probes", "resources") and path[:2] != ("lake", "secretKeys") or path == ("lake", "secretKeys")}


def keys(values, schema, path=()):
    """Paths of the values that there are, as deep as the schema knows names."""
    found = set()
    for name, value in values.items():
        if path or name not in ("probes", "resources"):
            found.add((*path, name))
            inner = schema["properties"].get(name, {})
            if isinstance(value, dict) and "properties" in inner:
                found |= keys(value, inner, (*path, name))
    return found


def renders(scene, save):
    """Every case and every provider: the same objects under both Helms, as saved, and as Kubernetes and the CRDs want them."""
    cases = {file.stem: file for file in sorted((CASES / "renders").glob("*.yaml"))}
    cases |= {f"provider-{file.stem}": file for file in sorted((CHART / "values").glob("*.yaml"))}
    saved = {file.stem for file in (CASES / "saved").glob("*.yaml")}
    scene.check("each case is saved, and nothing else", save or saved == set(cases), saved ^ set(cases))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = dict(zip(cases, pool.map(lambda file: [render(helm, "--values", file) for helm in ("helm3", "helm4")], cases.values())))
    rendered = {}
    for name, (three, four) in done.items():
        if not scene.check(f"{name} renders", three.returncode == four.returncode == 0, three.stderr + four.stderr):
            continue
        rendered[name] = objects(four.stdout)
        scene.check(f"{name} is the same under Helm 3 and 4", objects(three.stdout) == rendered[name])
        file = CASES / "saved" / f"{name}.yaml"
        if save:
            file.write_text(four.stdout)
        same = file.exists() and file.read_text() == four.stdout
        scene.check(f"{name} is as saved (scripts/python tests/chart.py --save, then read the difference)", same, name)
        conform = tool("kubeconform", "-strict", "-summary", "-schema-location",
                       str(CASES / "schemas") + "/{{ .ResourceKind }}{{ .KindSuffix }}.json", "-", text=four.stdout)
        scene.check(f"{name} fits the schemas of Kubernetes and the CRDs", conform.returncode == 0 and "Skipped: 0" in conform.stdout, conform.stdout)
    broken = (CASES / "saved" / "defaults.yaml").read_text().replace("replicas: 1", "replicas: two")
    conform = tool("kubeconform", "-strict", "-schema-location", str(CASES / "schemas") + "/{{ .ResourceKind }}{{ .KindSuffix }}.json", "-", text=broken)
    scene.check("and what does not fit is found", conform.returncode == 1 and "/spec/replicas" in conform.stdout, conform.stdout)
    old = render("helm3", version=OLDEST)
    scene.check("it renders for the oldest Kubernetes", old.returncode == 0 and "preStop" not in old.stdout and "DATAUX_DRAIN_DELAY" in old.stdout, old.stderr)
    older = render("helm3", version="1.27.0")
    scene.check("and refuses an older one", older.returncode != 0 and "kubeVersion" in older.stderr, older.stderr)
    return rendered


def contract(scene, rendered):
    """The install contract, word for word."""
    for name in ("defaults", "contract"):
        found = rendered[name]
        deployment = found["Deployment", RELEASE]
        pod = deployment["spec"]["template"]
        container = pod["spec"]["containers"][0]
        selector = {"app.kubernetes.io/name": RELEASE, "app.kubernetes.io/instance": RELEASE}
        labels = {**selector, "helm.sh/chart": "dataux-0.1.0", "app.kubernetes.io/managed-by": "Helm"}
        scene.check(f"{name}: the selector is name and instance", deployment["spec"]["selector"]["matchLabels"] == selector, deployment["spec"]["selector"])
        for key, one in found.items():
            own = key != ("Pod", f"{RELEASE}-test")
            here = {label: value for label, value in one["metadata"]["labels"].items() if label in labels}
            scene.check(f"{name}: labels of {key}", not own or here == labels, here)
        scene.check(f"{name}: pods carry the labels", labels.items() <= pod["metadata"]["labels"].items(), pod["metadata"])
        carry = [key for key, one in found.items() if key[0] in ("Pod", "Job") and "app.kubernetes.io/instance" in one["metadata"]["labels"]]
        scene.check(f"{name}: only pods that serve carry the instance", not carry, carry)
        scene.check(f"{name}: the ConfigMap's checksum", re.fullmatch("[0-9a-f]{64}", pod["metadata"]["annotations"]["checksum/configmap"]), pod["metadata"])
        scene.check(f"{name}: the port named http is 8080", [port["containerPort"] for port in container["ports"] if port["name"] == "http"] == [8080], container["ports"])
        for probe in ("livenessProbe", "readinessProbe"):
            scene.check(f"{name}: {probe}", container[probe]["httpGet"] == {"path": "/healthz", "port": "http"}, container[probe])
        sources = [{"configMapRef": {"name": f"{RELEASE}-config"}}, {"configMapRef": {"name": f"{RELEASE}-configmap", "optional": True}}]
        scene.check(f"{name}: the hand-made ConfigMap beats the chart's", container["envFrom"] == sources, container["envFrom"])
        scene.check(f"{name}: the chart does not render the hand-made one", ("ConfigMap", f"{RELEASE}-configmap") not in found)
        service = found["Service", RELEASE]["spec"]
        port = service["ports"][0]
        scene.check(f"{name}: the Service", (service["type"], port["port"], port["targetPort"], service["selector"]) == ("ClusterIP", 80, "http", selector), service)
        scene.check(f"{name}: the image", container["image"] == "dataux/dataux:0.1.0", container["image"])
        delay = int(found["ConfigMap", f"{RELEASE}-config"]["data"]["DATAUX_DRAIN_DELAY"].removesuffix("s"))
        secure(scene, name, pod["spec"], delay)
    one, three = (environment(rendered[name]) for name in ("defaults", "contract"))
    scene.check("nothing is rendered for what is not set", not {"PORT", "REDIS_HOST", "REDIS_PORT", "DATABASE_URL"} & set(one), one)
    url = "jdbc:mysql://mysql:3306/dataux?useSSL=false&serverTimezone=UTC&rewriteBatchedStatements=true&zeroDateTimeBehavior=CONVERT_TO_NULL&allowPublicKeyRetrieval=true"
    wanted = {"PORT": "80", "REDIS_HOST": "redis", "REDIS_PORT": "6379", "DATABASE_URL": url, "DATAUX_LISTEN": "0.0.0.0:8080", "DATAUX_REPLICAS": "3"}
    scene.check("what is set is, numbers and strings alike", wanted.items() <= three.items(), three)
    scene.check("replicas", rendered["contract"]["Deployment", RELEASE]["spec"]["replicas"] == 3)
    written = {"PORT": 80, "REDIS_PORT": "6379"}, {"PORT": "80", "REDIS_PORT": 6379}
    texts = [render("helm3", values={"env": env}).stdout for env in written]
    scene.check("a number is as good as a string", texts[0] == texts[1] != "", texts[0][:300])
    sums = [objects(render("helm4", values=values).stdout)["Deployment", RELEASE]["spec"]["template"]["metadata"]["annotations"]["checksum/configmap"]
            for values in ({}, {"log": {"filter": "debug"}}, {"replicas": 2})]
    scene.check("pods begin anew when the ConfigMap changes", sums[0] != sums[1], sums)
    long = "a-release-whose-name-is-as-long-as-helm-takes-them-fifty-th"[:53]
    named = tool("helm4", "template", long, CHART, "--kube-version", NEWEST, "--values", CASES / "renders" / "sidecar.yaml", "--set", "metrics.dashboards.enabled=true")
    lengths = {key: len(key[1]) for key in objects(named.stdout) if len(key[1]) > 63}
    scene.check("a long release name makes no name too long", named.returncode == 0 and not lengths, lengths or named.stderr)
    notes = tool("helm4", "install", RELEASE, CHART, "--dry-run=client", "--values", CASES / "renders" / "contract.yaml")
    said = notes.stdout.split("NOTES:")[-1]
    command = '-l "app.kubernetes.io/instance=my-release" -o jsonpath="{.items[0].metadata.name}"'
    scene.check("NOTES say how to reach it, and where the password is", command in said and "user admin" in said, notes.stdout[-2000:] + notes.stderr)
    scene.check("NOTES warn of replicas on one node", "CAUTION: all replicas run on one node" in said, said)
    several = tool("helm4", "install", RELEASE, CHART, "--dry-run=client", "--set", "replicas=3").stdout.split("NOTES:")[-1]
    scene.check("NOTES warn of several replicas whose database the chart cannot see", "name no database" in several, several)
    url = tool("helm4", "install", RELEASE, CHART, "--dry-run=client", "--set", "env.DATABASE_URL=mysql://u:canary@h/d").stdout.split("NOTES:")[-1]
    scene.check("NOTES warn of a password in the URL and do not repeat it", "holds a password" in url and "canary" not in url, url)


def secure(scene, name, spec, delay):
    """The `restricted` Pod Security Standard, and a root file system that nobody writes to."""
    pod, container = spec["securityContext"], spec["containers"][0]["securityContext"]
    holds = (pod["runAsNonRoot"], pod["seccompProfile"], container["allowPrivilegeEscalation"], container["capabilities"],
             container["readOnlyRootFilesystem"], spec["automountServiceAccountToken"])
    scene.check(f"{name}: restricted pod security", holds == (True, {"type": "RuntimeDefault"}, False, {"drop": ["ALL"]}, True, False), spec)
    kinds = {next(key for key in volume if key != "name") for volume in spec["volumes"]}
    scene.check(f"{name}: volumes that the standard allows", kinds <= {"emptyDir", "persistentVolumeClaim", "configMap", "secret", "projected"}, kinds)
    # The server answers on for its delay, drains for 30 seconds, closes answers for 5 and its runtime for 2.
    scene.check(f"{name}: time to drain", spec["terminationGracePeriodSeconds"] >= delay + 37, spec)


def environment(found):
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in found["Deployment", RELEASE]["spec"]["template"]["spec"]["containers"][0]["env"]}


def variables(scene, rendered):
    """Every variable that the chart sets is one that the binary reads."""
    source = "\n".join(file.read_text() for file in (ROOT / "crates").glob("*/src/**/*.rs"))
    # What extras.yaml adds.
    own = {"CRM_PASSWORD", "TZ"}
    for name, found in rendered.items():
        config = found["ConfigMap", f"{RELEASE}-config"]["data"]
        # The lake's secrets are read by the references among its settings.
        referred = set(re.findall(r"env:(\w+)", config.get("DATAUX_LAKE_STORE", "")))
        unknown = {one for one in {*environment(found), *config} - own - referred if f'"{one}"' not in source}
        scene.check(f"{name}: the binary reads what the chart sets", not unknown, unknown)


def state(scene, rendered):
    """Where the platform's state is, by the number of replicas."""
    def look(name):
        spec = rendered[name]["Deployment", RELEASE]["spec"]
        pod = spec["template"]["spec"]
        mounts = {mount["mountPath"]: mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        volumes = {volume["name"]: next(key for key in volume if key != "name") for volume in pod["volumes"]}
        kinds = {key[0] for key in rendered[name]}
        return spec["strategy"]["type"], {path: volumes[volume] for path, volume in mounts.items()}, kinds, rendered[name]["ConfigMap", f"{RELEASE}-config"]["data"], pod

    strategy, mounts, kinds, config, _ = look("defaults")
    scene.check("one replica owns the volume and is replaced, not doubled", strategy == "Recreate" and mounts["/var/lib/dataux"] == "persistentVolumeClaim", mounts)
    scene.check("what queries put aside is not on it", mounts["/var/lib/dataux/spill"] == "emptyDir" and mounts["/tmp"] == "emptyDir", mounts)
    scene.check("the claim outlives the release", rendered["defaults"]["PersistentVolumeClaim", RELEASE]["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"})
    strategy, mounts, kinds, config, pod = look("contract")
    shared = {"DATAUX_LAKE": "/var/lib/dataux/lake", "DATAUX_MASTER_KEY_FILE": "/var/lib/dataux/master.key"}
    scene.check("replicas have homes of their own and share lake and key", strategy == "RollingUpdate" and mounts["/run/dataux"] == "emptyDir" and shared.items() <= config.items(), config)
    near = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]["topologyKey"]
    scene.check("on a volume of one node they are on one node", near == "kubernetes.io/hostname" and "PodDisruptionBudget" not in kinds, pod["affinity"])
    again = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]["topologyKey"]
    scene.check("and are looked at again when the last of them has left its node", again == "dataux/look-again", pod["affinity"])
    strategy, mounts, kinds, config, pod = look("shared-volume")
    scene.check("a volume of many nodes lets them spread", "affinity" not in pod and len(pod["topologySpreadConstraints"]) == 2 and "PodDisruptionBudget" in kinds, pod)
    scene.check("a given key needs no file", "DATAUX_MASTER_KEY_FILE" not in config and "DATAUX_LAKE" in config, config)
    secret = rendered["shared-volume"]["Secret", f"{RELEASE}-secret"]["stringData"]
    scene.check("secrets among the values are in a Secret", len(secret) == 5 and "only-for-a-test" not in json.dumps([rendered["shared-volume"][key] for key in rendered["shared-volume"] if key[0] != "Secret"]), list(secret))
    strategy, mounts, kinds, config, pod = look("spread")
    scene.check("a lake elsewhere needs no volume", "PersistentVolumeClaim" not in kinds and "/var/lib/dataux" not in mounts, mounts)
    store = {"region": "eu-central-1", "endpoint": "https://minio.example:9000", "access_key_id": "env:LAKE_ACCESS_KEY_ID", "secret_access_key": "env:LAKE_SECRET_ACCESS_KEY"}
    scene.check("the store's options, with references in the place of secrets", json.loads(config["DATAUX_LAKE_STORE"]) == store, config)
    autoscaler = rendered["spread"]["HorizontalPodAutoscaler", RELEASE]["spec"]
    scene.check("the autoscaler sets the replicas", "replicas" not in rendered["spread"]["Deployment", RELEASE]["spec"] and (autoscaler["minReplicas"], autoscaler["maxReplicas"]) == (3, 9), autoscaler)
    scene.check("and the process hears of the most", environment(rendered["spread"])["DATAUX_REPLICAS"] == "9")
    scene.check("several need what all reach, one does not", environment(rendered["defaults"])["DATAUX_REPLICAS"] == "1")


def parts(scene, rendered):
    """Parts that scale alone: who does what, who is reached by which Service, and that only pods with the console carry the instance."""
    found = rendered["roles"]
    pods = {key[1]: one["spec"]["template"] for key, one in found.items() if key[0] == "Deployment"}
    variable = lambda pod: {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    roles = {name: variable(pod)["DATAUX_ROLE"] for name, pod in pods.items()}
    scene.check("each part does what the others leave to it", roles == {RELEASE: "control", f"{RELEASE}-query": "query", f"{RELEASE}-worker": "worker"}, roles)
    counts = {name: variable(pod)["DATAUX_REPLICAS"] for name, pod in pods.items()}
    scene.check("and hears how many pods there may be in all", set(counts.values()) == {"13"}, counts)
    carry = [name for name, pod in pods.items() if "app.kubernetes.io/instance" in pod["metadata"]["labels"]]
    scene.check("only pods with the console carry the instance", carry == [RELEASE], carry)
    for key, one in found.items():
        if key[0] in ("Service", "PodDisruptionBudget"):
            selector = one["spec"]["selector"].get("matchLabels", one["spec"]["selector"])
            chosen = [name for name, pod in pods.items() if selector.items() <= pod["metadata"]["labels"].items()]
            scene.check(f"{key} is about the pods of its name", chosen == [key[1]], chosen)
        if key[0] == "NetworkPolicy":
            chosen = [name for name, pod in pods.items() if one["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()]
            scene.check("the network policy is about all pods", chosen == list(pods), chosen)
    scene.check("workers follow the load, and nobody else",
                [key for key in found if key[0] == "HorizontalPodAutoscaler"] == [("HorizontalPodAutoscaler", f"{RELEASE}-worker")]
                and "replicas" not in found["Deployment", f"{RELEASE}-worker"]["spec"], list(found))
    sizes = {name: pod["spec"]["containers"][0]["resources"]["limits"]["memory"] for name, pod in pods.items()}
    scene.check("a part may have resources of its own", sizes == {RELEASE: "2Gi", f"{RELEASE}-query": "4Gi", f"{RELEASE}-worker": "2Gi"}, sizes)
    monitor = found["ServiceMonitor", RELEASE]["spec"]
    wanted = monitor["selector"]["matchLabels"]
    seen = [key[1] for key, one in found.items() if key[0] == "Service" and wanted.items() <= one["metadata"]["labels"].items()]
    scene.check("Prometheus looks at all of them as one job", len(seen) == 3 and monitor["endpoints"][0]["relabelings"][0]["replacement"] == RELEASE, seen)
    hosts = [one["spec"]["host"].split(".")[0] for key, one in found.items() if key[0] == "DestinationRule"]
    scene.check("the mesh knows both Services that users reach", hosts == [RELEASE, f"{RELEASE}-query"], hosts)
    routes = {key[1]: one["spec"] for key, one in found.items() if key[0] == "VirtualService"}
    scene.check("and users' hosts lead to the one with the console", "data.example.org" in routes[RELEASE]["hosts"] and len(routes[f"{RELEASE}-query"]["hosts"]) == 1, routes)
    alone = render("helm4", "--set", "roles.worker.replicas=1", "--set", "persistence.accessModes={ReadWriteMany}")
    role = environment(objects(alone.stdout))["DATAUX_ROLE"] if alone.returncode == 0 else alone.stderr
    scene.check("what no other part does, the pods with the console do", role == "control,query", role)


def meshes(scene, rendered):
    found = rendered["sidecar"]
    routes = {route["name"]: route for route in found["VirtualService", RELEASE]["spec"]["http"]}
    scene.check("what changes data is never sent twice", routes["writes"]["retries"] == {"attempts": 0} and "match" not in routes["writes"], routes)
    scene.check("only reads are tried again", routes["reads"]["match"] == [{"method": {"regex": "GET|HEAD"}}] and list(routes) == ["reads", "writes"], routes)
    policy = found["DestinationRule", RELEASE]["spec"]["trafficPolicy"]
    scene.check("failover comes with outlier detection, and never all are left alone", policy["outlierDetection"]["maxEjectionPercent"] < 100 and policy["loadBalancer"]["localityLbSetting"]["failover"], policy)
    endpoint = found["PodMonitor", RELEASE]["spec"]["podMetricsEndpoints"][0]
    scene.check("under strict mutual TLS metrics come through the proxy", (endpoint["portNumber"], endpoint["path"]) == (15020, "/stats/prometheus"), endpoint)
    scene.check("ports say their protocol", found["Service", RELEASE]["spec"]["ports"][0]["appProtocol"] == "http")
    kinds = {key[0] for key in rendered["defaults"]}
    scene.check("nothing of a mesh by default", not kinds & {"DestinationRule", "VirtualService", "PeerAuthentication", "AuthorizationPolicy", "ServiceEntry", "Sidecar", "Telemetry"}, kinds)


def refusals(scene):
    cases = yaml.safe_load((CASES / "refused.yaml").read_text())
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda case: [render(helm, values=case["values"]) for helm in ("helm3", "helm4")], cases))
    for case, both in zip(cases, done):
        for helm, one in zip(("Helm 3", "Helm 4"), both):
            holds = one.returncode != 0 and all(word in one.stderr for word in case["says"])
            scene.check(f"{helm} refuses {case['values']} and says {case['says']}", holds, one.stderr or "it was rendered")


def dashboards(scene):
    done = render("helm4", "--set", "metrics.dashboards.enabled=true")
    found = {key[1]: one for key, one in objects(done.stdout).items() if "-dashboard-" in key[1]}
    files = sorted((CHART / "files" / "dashboards").glob("*.json"))
    scene.check("each dashboard is a ConfigMap", len(found) == len(files) > 1, list(found))
    for file in files:
        one = found[f"{RELEASE}-dashboard-{file.stem}"]
        scene.check(f"{file.stem} arrives whole", json.loads(one["data"][f"dataux-{file.name}"]) == json.loads(file.read_text()))
        scene.check(f"{file.stem} is found by Grafana's sidecar", one["metadata"]["labels"]["grafana_dashboard"] == "1", one["metadata"])


def repository(scene):
    """What `make charts` makes is a repository: any web server offers it, and Helm installs from it what is in the folder."""
    folder = scene.folder / "charts"
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        done = subprocess.run([ROOT / "scripts" / "charts", "package"], capture_output=True, text=True, timeout=300,
                              env={**os.environ, "OUT": str(folder), "URL": url})
        if not scene.check("the chart is packaged", done.returncode == 0, done.stdout + done.stderr):
            return
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for helm in ("helm3", "helm4"):
            done = tool(helm, "template", RELEASE, "dataux", "--repo", url, "--version", "0.1.0", "--namespace", NAMESPACE, "--kube-version", NEWEST)
            same = objects(done.stdout) == objects((CASES / "saved" / "defaults.yaml").read_text())
            scene.check(f"{helm} takes it from the repository as it is in the folder", done.returncode == 0 and same, done.stderr)
        server.shutdown()
    with tarfile.open(next(folder.glob("*.tgz"))) as archive:
        inside = {name.removeprefix("dataux/") for name in archive.getnames()}
    wanted = {"values.schema.json", "README.md", "values/eks.yaml", "files/rules.yaml", "files/dashboards/overview.json", "templates/NOTES.txt"}
    scene.check("the package has all that a user needs", wanted <= inside and "README.md.in" not in inside, inside)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def pages(scene):
    """Values that the guide shows are values that the chart takes."""
    for page in sorted((ROOT / "docs" / "guide").glob("install*.md")):
        provider = CHART / "values" / f"{page.stem.removeprefix('install-')}.yaml"
        more = ["--values", provider] if provider.exists() else []
        text = page.read_text()
        for number, block in enumerate(re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL), 1):
            done = render("helm4", *more, values=yaml.safe_load(block))
            scene.check(f"{page.name}: values {number} are taken", done.returncode == 0, done.stderr)
        scene.check(f"{page.name} says what was tried", page.stem == "install" or "tried" in text)
    providers = {file.stem for file in (CHART / "values").glob("*.yaml")}
    told = {page.stem.removeprefix("install-") for page in (ROOT / "docs" / "guide").glob("install-*.md")}
    scene.check("each provider has a page, and each page its values", providers == told, providers ^ told)


def scores(scene):
    """kube-score finds nothing that is not explained above."""
    all_found = set()
    for name in ("defaults", "contract", "spread"):
        done = tool("kube-score", "score", "--output-format", "json", CASES / "saved" / f"{name}.yaml")
        found = {check["check"]["id"] for one in json.loads(done.stdout) for check in one["checks"] if not check["skipped"] and check["grade"] < 7}
        all_found |= found
        scene.check(f"kube-score finds only what is explained in {name}", found <= set(EXPLAINED), found - set(EXPLAINED))
    scene.check("and nothing is explained that is not found", all_found == set(EXPLAINED), set(EXPLAINED) - all_found)


def rules(scene):
    """The alerts mean what they say; the chart's rules are the file's, of one release."""
    file = CHART / "files" / "rules.yaml"
    for arguments in (["check", "rules", file], ["test", "rules", CASES / "rules_test.yaml"]):
        done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120)
        scene.check(f"promtool {' '.join(arguments[:2])}", done.returncode == 0 and "SUCCESS" in done.stdout, done.stdout + done.stderr)
    rendered = objects(render("helm4", "--values", CASES / "renders" / "watched.yaml").stdout)["PrometheusRule", RELEASE]["spec"]
    path = scene.folder / "rendered.yaml"
    path.write_text(yaml.safe_dump(rendered))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=120)
    scene.check("promtool takes what the chart renders", done.returncode == 0, done.stdout + done.stderr)
    written = [rule for group in yaml.safe_load(file.read_text())["groups"] for rule in group["rules"]]
    made = [rule for group in rendered["groups"] for rule in group["rules"]]
    for one, other in zip(written, made, strict=True):
        own = one["expr"].replace('job="dataux"', f'job="{RELEASE}",namespace="{NAMESPACE}"')
        name = one.get("alert") or one["record"]
        scene.check(f"{name} speaks of the release", other["expr"].strip() == own.strip() and 'job="dataux"' not in other["expr"], other["expr"])
        if "alert" in one:
            scene.check(f"{name} has the labels that were asked for", other["labels"] == {**one["labels"], "team": "data"}, other["labels"])


if __name__ == "__main__":
    main()
