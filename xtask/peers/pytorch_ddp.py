"""Training steps of several PyTorch processes, by DistributedDataParallel over gloo: what `mpirun xtask train` is compared
with in docs/distributed.md.

    python -m venv V && V/bin/pip install torch numpy
    V/bin/python xtask/peers/pytorch_ddp.py [--model resnet110-v2] [--batch 128] [--processes 2] [--threads 1] [--steps 10]

--batch is of all processes together, --threads of each. The images are drawn, one batch, the same in every step; SGD with
momentum 0.9 and weight decay 1e-4. Prints one line of JSON: images per second, by the median step.
"""

import argparse
import json
import os
import statistics
import sys
import time

from networks import network, torch_or_exit

torch = torch_or_exit()
import torch.distributed as distributed  # noqa: E402
import torch.nn.functional as F  # noqa: E402

WARM_UP_STEPS = 2


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnet110-v2")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10)
    return parser.parse_args()


def work(rank, args):
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT="29511")
    distributed.init_process_group("gloo", rank=rank, world_size=args.processes)
    model = network(args.model).to(memory_format=torch.channels_last).train()
    model = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    share = args.batch // args.processes
    images = torch.randn(share, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (share,))
    seconds = []
    for _ in range(WARM_UP_STEPS + args.steps):
        distributed.barrier()
        start = time.perf_counter()
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        seconds.append(time.perf_counter() - start)
    if rank == 0:
        per_second = share * args.processes / statistics.median(seconds[WARM_UP_STEPS:])
        print(json.dumps({"torch": torch.__version__, "images_per_second": round(per_second, 1)}))
    distributed.destroy_process_group()


def main():
    args = arguments()
    if args.batch % args.processes:
        sys.exit(f"a batch of {args.batch} has no equal parts for {args.processes} processes")
    torch.multiprocessing.spawn(work, args=(args,), nprocs=args.processes)


if __name__ == "__main__":
    main()
