"""A network as ONNX, for peers that run such files.

PyTorch builds and exports it for one batch size, in a process of its own, so that the peak of memory in the peer's is the
peer's; the file has no name, so nothing stays behind.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading

import turns

MODULES = ["onnx", "onnxscript", "torch", "numpy"]


def arguments(doc, modules):
    """The command line of a script that needs `modules` beside those of the export; never returns in the exporter."""
    parser = turns.parser(doc, ["infer"])
    parser.add_argument("--export", metavar="FILE", help=argparse.SUPPRESS)
    args = parser.parse_args()
    turns.require(modules + MODULES, args)
    if args.export:
        export(args)
        sys.exit()
    return args


def opened(args, use):
    """What `use` makes of the file's path."""
    with tempfile.TemporaryFile() as file:
        path = f"/dev/fd/{file.fileno()}"
        command = [sys.executable, os.path.abspath(sys.argv[0]), "infer", "--export", path]
        command += ["--model", args.model, "--batch", str(args.batch)]
        # Standard output is a conversation. The exporter's standard input ends when this process does, however it does.
        exporter = subprocess.Popen(command, pass_fds=[file.fileno()], stdin=subprocess.PIPE, stdout=sys.stderr)
        if exporter.wait() != 0:
            sys.exit(exporter.returncode)
        file.seek(0)
        return use(path)


def images(args):
    """A batch of random images."""
    import numpy as np
    from networks import side

    shape = (args.batch, 3, side(args.model), side(args.model))
    return np.random.default_rng(0).standard_normal(shape, np.float32)


def export(args):
    threading.Thread(target=end_with_parent, daemon=True).start()
    import torch
    from networks import network, side

    torch.manual_seed(0)
    try:
        model = network(args.model).eval()
    except ValueError as fault:
        sys.exit(str(fault))
    zeros = torch.zeros(args.batch, 3, side(args.model), side(args.model))
    program = torch.onnx.export(model, (zeros,), input_names=["images"], dynamo=True, verbose=False)
    with open(args.export, "wb") as file:
        file.write(program.model_proto.SerializeToString())


def end_with_parent():
    sys.stdin.read()
    os._exit(1)
