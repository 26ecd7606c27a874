"""Writes the .pth files beside it with PyTorch's own torch.save; ../pytorch.rs knows what is in them.

    python generate.py        # torch 2.15.0 wrote the files in the repository

Each is a few kB. Numbers are counted up from 0, so that the test needs no second copy of them.
"""

import argparse
import pathlib
import posix

import torch

HERE = pathlib.Path(__file__).resolve().parent


def count(*shape, dtype=torch.float32):
    size = torch.Size(shape).numel()
    return torch.arange(size, dtype=torch.float64).reshape(shape).to(dtype)


class Runs:
    """What a hostile pickle does: name a function, and have it called."""

    def __reduce__(self):
        return posix.system, ("true",)


def main():
    torch.manual_seed(0)
    large = count(4, 6)
    shared = count(5)
    views = {
        "plain": count(2, 3, 2),
        "half": count(3, dtype=torch.float16),
        "bfloat": count(3, dtype=torch.bfloat16),
        "double": count(3, dtype=torch.float64),
        "transposed": large.t(),
        "channels_last": count(2, 3, 2, 2).to(memory_format=torch.channels_last),
        "part": large[1:3, 2:5],
        "expanded": count(2, 1).expand(2, 3),
        "scalar": torch.tensor(7.0),
        "none": torch.empty(0, 4),
        "one": shared,
        "same": shared,
        "bn.num_batches_tracked": torch.tensor(9),
    }
    weight = {"module.fc.weight": count(2, 3), "module.fc.bias": count(2)}
    training = {
        "epoch": 3,
        "best": 0.5,
        "seen": 2**40,
        "arch": "résnet",
        "finished": False,
        "history": [(1, None), {"loss": -2.5}],
        "optimizer": {"state": {0: {"momentum_buffer": count(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "state_dict": weight,
    }
    linear = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    torch.save(views, HERE / "views.pth")
    torch.save(training, HERE / "training.pth")
    torch.save({"weights": weight, "epoch": 1}, HERE / "own-key.pth")
    torch.save({"ema": weight, "raw": weight | {"more": count(1)}}, HERE / "two-keys.pth")
    torch.save(linear.state_dict(keep_vars=True), HERE / "parameters.pth")
    torch.save({"weight": count(2, dtype=torch.int32)}, HERE / "integers.pth")
    torch.save({"args": argparse.Namespace(lr=0.1), "state_dict": weight}, HERE / "arguments.pth")
    torch.save({"weight": torch.tensor([1.0, float("nan"), float("-inf")])}, HERE / "not-finite.pth")
    torch.save(linear, HERE / "module.pth")
    torch.save({"state_dict": weight, "extra": Runs()}, HERE / "hostile.pth")
    torch.save(weight, HERE / "protocol-4.pth", pickle_protocol=4)
    torch.save(weight, HERE / "old.pth", _use_new_zipfile_serialization=False)


if __name__ == "__main__":
    main()
