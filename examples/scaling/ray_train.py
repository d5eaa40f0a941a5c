"""Start train.py on two hosts with eight GPUs each: one process for each host."""

import runpy

import ray
from ray.train import ScalingConfig
from ray.train.v2.jax import JaxTrainer


def run():
    runpy.run_module("train")


ray.init(runtime_env={"working_dir": "."})  # sends the folder to the hosts
hosts = ScalingConfig(num_workers=2, use_gpu=True, resources_per_worker={"GPU": 8})
JaxTrainer(run, scaling_config=hosts).fit()
