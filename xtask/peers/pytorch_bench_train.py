"""Images a second of a training step in PyTorch: what the speed of ours is measured beside.

    python -m venv V && V/bin/pip install torch numpy
    V/bin/python xtask/peers/pytorch_bench_train.py [--models resnet20-v2,resnet110-v2,resnet164-v2] [--batch 128]
        [--threads 2] [--steps 10] [--warm-up 3] [--layouts contiguous,channels_last]

A step is forward, loss, backward and SGD (momentum 0.9, weight decay 1e-4) on one batch of random 32x32 images, eager,
float32. Every model and layout runs in a process of its own, so that the peak of resident memory is its own. Standard
output gets one JSON object: version, batch, threads and a list of results, whose images_per_second is that of the
median step; the fastest and the slowest stand beside it, for a shared machine's noise to be seen.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

from networks import network, parse, torch_or_exit

torch = torch_or_exit()
LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="resnet20-v2,resnet110-v2,resnet164-v2")
    parser.add_argument("--layouts", default=",".join(LAYOUTS))
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.models, args.layouts = args.models.split(","), args.layouts.split(",")
    for layout in args.layouts:
        if layout not in LAYOUTS:
            parser.error(f"{layout} is no layout: {', '.join(LAYOUTS)}")
    for name in args.models:
        try:
            parse(name)
        except ValueError as fault:
            parser.error(str(fault))
    if args.steps < 1:
        parser.error("--steps must be at least 1")
    return args


def measure(name, layout, args):
    """Times one model in one layout, in this process."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    model = network(name).to(memory_format=LAYOUTS[layout]).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    x = torch.randn(args.batch, 3, 32, 32).to(memory_format=LAYOUTS[layout])
    labels = torch.randint(0, 10, (args.batch,))

    def step():
        start = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()
        return time.perf_counter() - start

    for _ in range(args.warm_up):
        step()
    seconds = [step() for _ in range(args.steps)]
    rate = lambda s: round(args.batch / s, 2)  # noqa: E731
    return {
        "model": name,
        "layout": layout,
        "images_per_second": rate(statistics.median(seconds)),
        "fastest": rate(min(seconds)),
        "slowest": rate(max(seconds)),
        "peak_memory_bytes": peak_memory(),
    }


def peak_memory():
    """The peak of this process's resident memory in bytes."""
    try:
        # Linux hands the parent's peak down in ru_maxrss, so the status file is the one to ask.
        status = open("/proc/self/status").read()
        return 1024 * int(status.split("VmHWM:")[1].split()[0])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def measure_apart(name, layout, args):
    """The same in a new process."""
    command = [sys.executable, os.path.abspath(__file__), "--one", "--models", name, "--layouts", layout]
    for option in ("batch", "threads", "steps", "warm_up"):
        command += ["--" + option.replace("_", "-"), str(getattr(args, option))]
    print(f"{name}, {layout} ...", file=sys.stderr)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{name}, {layout} failed with exit code {done.returncode}")
    return json.loads(done.stdout)


def main():
    args = arguments()
    if args.one:
        print(json.dumps(measure(args.models[0], args.layouts[0], args)))
        return
    results = [measure_apart(name, layout, args) for name in args.models for layout in args.layouts]
    print(json.dumps({"name": "pytorch", "version": torch.__version__, "batch": args.batch, "threads": args.threads, "results": results}))


if __name__ == "__main__":
    main()
