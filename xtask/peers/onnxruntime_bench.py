"""Images a second of ONNX Runtime's inference on the CPU: what the speed of ours is measured beside.

    python -m venv V && V/bin/pip install onnxruntime onnx onnxscript torch numpy
    RESNET_PYTHON=V/bin/python cargo xtask bench infer --against onnxruntime    # in turns with ours
    V/bin/python xtask/peers/onnxruntime_bench.py infer [--model resnet20-v2] [--batch 128] [--threads 2] [--turns 5]

A step is one batch of random images, float32. PyTorch builds the network and exports it for this one batch size, in a
process of its own, so that the peak of memory here is ONNX Runtime's; the file has no name, so nothing stays behind.
Options are ONNX Runtime's defaults, all its optimizations and spinning threads included. turns.py says what is printed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading

import turns


def main():
    parser = turns.parser(__doc__, ["infer"])
    parser.add_argument("--export", metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    turns.require(["onnxruntime", "onnx", "onnxscript", "torch", "numpy"], args)
    if args.export:
        export(args)
        return
    import numpy as np
    import onnxruntime
    from networks import side

    session = exported(onnxruntime, args)
    shape = (args.batch, 3, side(args.model), side(args.model))
    images = np.random.default_rng(0).standard_normal(shape, np.float32)
    turns.measure("onnxruntime", onnxruntime.__version__, lambda: session.run(None, {"images": images}), args)


def exported(onnxruntime, args):
    """A session of the network."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.log_severity_level = 3  # errors
    with tempfile.TemporaryFile() as file:
        path = f"/dev/fd/{file.fileno()}"
        command = [sys.executable, os.path.abspath(__file__), "infer", "--export", path]
        command += ["--model", args.model, "--batch", str(args.batch)]
        # Standard output is a conversation. The exporter's standard input ends when this process does, however it does.
        exporter = subprocess.Popen(command, pass_fds=[file.fileno()], stdin=subprocess.PIPE, stdout=sys.stderr)
        if exporter.wait() != 0:
            sys.exit(exporter.returncode)
        file.seek(0)
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def export(args):
    threading.Thread(target=end_with_parent, daemon=True).start()
    import torch
    from networks import network, side

    torch.manual_seed(0)
    try:
        model = network(args.model).eval()
    except ValueError as fault:
        sys.exit(str(fault))
    images = torch.zeros(args.batch, 3, side(args.model), side(args.model))
    program = torch.onnx.export(model, (images,), input_names=["images"], dynamo=True, verbose=False)
    with open(args.export, "wb") as file:
        file.write(program.model_proto.SerializeToString())


def end_with_parent():
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
