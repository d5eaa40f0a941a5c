"""The files of docs/scaling.md, as far as a machine without a cluster can run them."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "scaling"
# What Slurm's srun does, for two processes on one host.
SRUN = """\
#!/bin/bash
export SLURM_STEP_NODELIST=127.0.0.1 SLURM_STEP_NUM_NODES=1 SLURM_NTASKS=2
SLURM_PROCID=1 SLURM_LOCALID=1 "$@" &
SLURM_PROCID=0 SLURM_LOCALID=0 "$@" && wait $!
"""
PYTHON = f"""\
#!/bin/bash
exec {sys.executable} -W error "$@"
"""


def test_page_shows_every_file_whole() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    for path in EXAMPLES.iterdir():
        block = f'title="{path.name}"\n{path.read_text(encoding="utf-8")}```\n'
        assert block in page, path.name


def test_slurm_script_trains_on_two_processes(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLES, tmp_path, dirs_exist_ok=True)
    for name, text in {"srun": SRUN, "python": PYTHON}.items():
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
        "SLURM_JOB_ID": str(free_job_number()),
    }
    done = subprocess.run(
        ["bash", "slurm.sbatch"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = re.findall(r"([\d.]+)% of new digits on (\d+) devices", done.stdout)
    assert len(found) == 2 and found[0] == found[1], done.stdout
    assert float(found[0][0]) > 90 and found[0][1] == "2"


@pytest.mark.skipif(find_spec("ray") is None, reason="needs ray[train]")
def test_ray_script_trains_on_two_processes(tmp_path: Path) -> None:
    train, start = (
        (EXAMPLES / name).read_text(encoding="utf-8")
        for name in ("train.py", "ray_train.py")
    )
    # Ray is told that there are GPUs, and JAX that there are none.
    on_cpu = 'import jax\n\njax.config.update("jax_platforms", "cpu")\n'
    (tmp_path / "train.py").write_text(on_cpu + train)
    start = start.replace("ray.init(", 'ray.init("local", num_gpus=16, ')
    (tmp_path / "ray_train.py").write_text(start)
    done = subprocess.run(
        [sys.executable, "ray_train.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    printed = done.stdout + done.stderr
    assert done.returncode == 0, printed
    assert re.search(r"9[\d.]+% of new digits on 2 devices", printed), printed


def free_job_number() -> int:
    """Return a job number for which JAX selects a free port: 61440 + number % 4096."""
    for number in range(4096):
        with socket.socket() as listener:
            if listener.connect_ex(("127.0.0.1", 61440 + number)):
                return number
    raise AssertionError("no port is free")


def manifest(name: str) -> dict[str, Any]:
    return yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("jobset.yaml", "JobsetV1alpha2JobSet"),
        ("trainjob.yaml", "TrainerV1alpha1TrainJob"),
    ],
)
def test_manifest_has_fields_of_its_kind_only(name: str, kind: str) -> None:
    models = pytest.importorskip("kubeflow_trainer_api.models")
    model = getattr(models, kind)
    content = manifest(name)
    # Unknown fields are dropped, values of another type are refused.
    assert model.from_dict(content).to_dict() == content


def test_pods_of_the_jobset_find_the_first_one() -> None:
    content = manifest("jobset.yaml")
    [job] = content["spec"]["replicatedJobs"]
    pods = job["template"]["spec"]
    [container] = pods["template"]["spec"]["containers"]
    values = {
        v["name"].removeprefix("KERAS_DISTRIBUTION_"): v for v in container["env"]
    }
    name = content["metadata"]["name"]
    address = values["JOB_ADDRESSES"]["value"]
    assert re.fullmatch(rf"{name}-{job['name']}-0-0\.{name}:\d+", address)
    assert values["NUM_PROCESSES"]["value"] == str(pods["parallelism"])
    assert pods["parallelism"] == pods["completions"]
    index = values["PROCESS_ID"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert index == "metadata.annotations['batch.kubernetes.io/job-completion-index']"


def test_trainjob_passes_all_addresses_and_numbers() -> None:
    [script] = manifest("trainjob.yaml")["spec"]["trainer"]["args"]
    runtime = {
        "JAX_COORDINATOR_ADDRESS": "digits-node-0-0.digits:29500",
        "JAX_NUM_PROCESSES": "2",
        "JAX_PROCESS_ID": "1",
    }
    shown = script.replace("exec python train.py", "env")
    done = subprocess.run(
        ["bash", "-c", shown], env=runtime, capture_output=True, text=True, check=True
    )
    for ours, theirs in {
        "JOB_ADDRESSES": "JAX_COORDINATOR_ADDRESS",
        "NUM_PROCESSES": "JAX_NUM_PROCESSES",
        "PROCESS_ID": "JAX_PROCESS_ID",
    }.items():
        assert f"KERAS_DISTRIBUTION_{ours}={runtime[theirs]}\n" in done.stdout
