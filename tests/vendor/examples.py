"""Holds the examples for Kubernetes, GitHub and GitLab against the schemas of those, and the CronJob against its own words.

Whatever refuses nothing proves nothing: each tool is also given copies with one thing wrong, and has to refuse them all.
"""

import copy
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

EXAMPLES = Path(__file__).parents[2] / "examples"
BIN = Path(sys.executable).parent

# Each example, the tool that knows its form, and what to make wrong in it.
FORMS = {
    "kubernetes/cronjob.yaml": (
        ["kubernetes-validate", "--strict"],
        [
            ("concurrencyPolicy: Forbid", "concurencyPolicy: Forbid"),
            ("backoffLimit: 0", "backoffLimit: none"),
            ("mountPath: /etc/oncall-sync", "path: /etc/oncall-sync"),
            ("readOnlyRootFilesystem", "readOnlyRootFileSystem"),
            ("batch/v1", "batch/v9"),
        ],
    ),
    "github-actions.yml": (
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
        [
            ("runs-on:", "run-on:"),
            ("timeout-minutes: 6", "timeout-minutes: six"),
            ("cancel-in-progress: false", "cancel-in-progres: false"),
            ("contents: read", "contents: reed"),
        ],
    ),
    "gitlab-ci.yml": (
        ["check-jsonschema", "--builtin-schema", "vendor.gitlab-ci"],
        [
            ("resource_group:", "resource_groups:"),
            ("interruptible: false", "interruptible: seldom"),
            ("script:", "scripts:"),
        ],
    ),
}

# The restricted profile of Kubernetes' Pod Security Standards, and what we ask for beyond it.
POD = {
    ("automountServiceAccountToken",): False,
    ("enableServiceLinks",): False,
    ("securityContext", "runAsNonRoot"): True,
    ("securityContext", "seccompProfile", "type"): "RuntimeDefault",
    ("restartPolicy",): "Never",
}
CONTAINER = {
    ("securityContext", "allowPrivilegeEscalation"): False,
    ("securityContext", "readOnlyRootFilesystem"): True,
    ("securityContext", "capabilities", "drop"): ["ALL"],
}


def accepts(tool, path):
    ran = subprocess.run([BIN / tool[0], *tool[1:], path], capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    # kubernetes-validate only warns of a kind that it has no schema for.
    return ran.returncode == 0 and "WARN" not in said, said


def form(name):
    tool, faults = FORMS[name]
    accepted, said = accepts(tool, EXAMPLES / name)
    assert accepted, said
    text = (EXAMPLES / name).read_text()
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / Path(name).name
        for right, wrong in faults:
            assert right in text, f"'{right}' is not in it any more"
            broken.write_text(text.replace(right, wrong))
            assert not accepts(tool, broken)[0], f"with '{wrong}' in place of '{right}' it was accepted too"


def documents():
    return {one["kind"]: one for one in yaml.safe_load_all((EXAMPLES / "kubernetes/cronjob.yaml").read_text())}


def at(tree, path):
    for key in path:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree


def lacking(pod):
    """What is not as strict as POD and CONTAINER say."""
    trees = [(POD, pod), *((CONTAINER, container) for container in pod["containers"])]
    return [path for wanted, tree in trees for path, value in wanted.items() if at(tree, path) != value]


def the_pod_may_do_little():
    pod = documents()["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert lacking(pod) == [], lacking(pod)
    for wanted, where in ((POD, lambda pod: pod), (CONTAINER, lambda pod: pod["containers"][0])):
        for path in wanted:
            lax = copy.deepcopy(pod)
            del at(where(lax), path[:-1])[path[-1]]
            assert lacking(lax) == [path], f"nobody missed {path}"


def the_parts_of_the_manifest_fit():
    found = documents()
    spec = found["CronJob"]["spec"]
    job = spec["jobTemplate"]["spec"]
    pod = job["template"]["spec"]
    config = found["ConfigMap"]["data"]["config.toml"]
    assert spec["concurrencyPolicy"] == "Forbid"

    deadline = 60 * int(re.search(r'^deadline = "(\d+)m"$', config, re.MULTILINE).group(1))
    interval = 60 * int(re.fullmatch(r"\*/(\d+) \* \* \* \*", spec["schedule"]).group(1))
    assert deadline < job["activeDeadlineSeconds"] <= interval, "a run ends by itself, and before the next one begins"

    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
    assert volumes.keys() == mounts.keys()
    assert volumes["config"]["configMap"]["name"] == found["ConfigMap"]["metadata"]["name"]
    assert pod["containers"][0]["args"] == ["--config", mounts["config"] + "/config.toml"]
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o440
    read = re.findall(r'file = "(.+)/(.+)"', config)
    assert {folder for folder, _ in read} == {mounts["secrets"]}
    made = re.findall(r"--from-file=(\S+)", (EXAMPLES / "kubernetes/cronjob.yaml").read_text())
    assert sorted(made) == sorted(name for _, name in read), "the secrets that its comment makes are those it reads"


def main():
    checks = {f"the form of {name}": lambda name=name: form(name) for name in FORMS}
    for check in (the_pod_may_do_little, the_parts_of_the_manifest_fit):
        checks[check.__name__.replace("_", " ")] = check
    failed = 0
    for name, check in checks.items():
        try:
            check()
        except Exception as error:  # noqa: BLE001, one check must not end the others
            failed += 1
            print(f"FAILED   {name}: {type(error).__name__}: {error}")
        else:
            print(f"ok       {name}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
