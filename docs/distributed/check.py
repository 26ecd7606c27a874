"""Checks kubernetes.yaml as far as that goes without a cluster.

    python -m venv V && V/bin/pip install kubernetes-validate
    V/bin/python docs/distributed/check.py

The pods of launcher and workers are checked against Kubernetes' own schema, with no key that it does not know; the job
around them against the keys and values of the MPI operator's MPIJob, version v2beta1 (its openAPIV3Schema is half a
megabyte, nearly all of it the pods').
"""

import pathlib
import sys

import kubernetes_validate
import yaml

FILE = pathlib.Path(__file__).with_name("kubernetes.yaml")
JOB = {"apiVersion": {"kubeflow.org/v2beta1"}, "kind": {"MPIJob"}, "metadata": dict, "spec": dict}
SPEC = {
    "mpiImplementation": {"OpenMPI", "Intel", "MPICH"},
    "mpiReplicaSpecs": dict,
    "runPolicy": dict,
    "slotsPerWorker": int,
    "sshAuthMountPath": str,
    "runLauncherAsWorker": bool,
    "launcherCreationPolicy": {"AtStartup", "WaitForWorkersReady"},
}
POLICY = {
    "activeDeadlineSeconds": int,
    "backoffLimit": int,
    "cleanPodPolicy": {"None", "Running", "All"},
    "suspend": bool,
    "ttlSecondsAfterFinished": int,
}
REPLICAS = {"Launcher": dict, "Worker": dict}
REPLICA = {"replicas": int, "restartPolicy": {"Always", "OnFailure", "Never", "ExitCode"}, "template": dict}


def check(where, found, allowed):
    for key, value in found.items():
        kind = allowed.get(key)
        if kind is None:
            sys.exit(f"{FILE}: {where} has no key {key}")
        if value not in kind if isinstance(kind, set) else not isinstance(value, kind):
            sys.exit(f"{FILE}: {where}.{key} cannot be {value!r}")


def main():
    job = yaml.safe_load(FILE.read_text())
    check("the job", job, JOB)
    spec = job["spec"]
    check("spec", spec, SPEC)
    check("spec.runPolicy", spec["runPolicy"], POLICY)
    check("spec.mpiReplicaSpecs", spec["mpiReplicaSpecs"], REPLICAS)
    for name, replica in spec["mpiReplicaSpecs"].items():
        check(name, replica, REPLICA)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name.lower()}, "spec": replica["template"]["spec"]}
        version = kubernetes_validate.latest_version()
        kubernetes_validate.validate(pod, version, strict=True)
        print(f"{name}: a pod of Kubernetes {version}")
    print(f"{FILE.name}: an MPIJob of v2beta1")


if __name__ == "__main__":
    main()
