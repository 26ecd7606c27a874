"""Images a second of ncnn's inference on the CPU: what the speed of ours is measured beside.

    python -m venv V && V/bin/pip install ncnn pnnx torch numpy
    RESNET_PYTHON=V/bin/python cargo xtask bench infer --model resnet50 --against ncnn    # alternating with ours
    V/bin/python xtask/peers/ncnn_bench.py infer [--model resnet50] [--batch 128] [--threads 2] [--turns 5]

A step is one batch of random images, one after the other, since ncnn has no batches. pnnx converts PyTorch's network in a
process of its own, and a network whose output is then another is refused: pnnx skips what it doesn't know, such as option
A's shortcut. Arithmetic and storage are float32. turns.py says what is printed.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import turns


def main():
    parser = turns.parser(__doc__, ["infer"])
    parser.add_argument("--export", metavar="FOLDER", help=argparse.SUPPRESS)
    args = parser.parse_args()
    turns.require(["ncnn", "pnnx", "torch", "numpy"], args)
    if args.export:
        export(args)
        return
    import ncnn
    import numpy as np
    from networks import side

    net = converted(ncnn, np, args)
    shape = (args.batch, 3, side(args.model), side(args.model))
    images = np.random.default_rng(0).standard_normal(shape, np.float32)

    def step():
        for image in images:
            extracted(ncnn, net, image)

    turns.measure("ncnn", ncnn.__version__, step, args)


def converted(ncnn, np, args):
    """The network as ncnn has it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, os.path.abspath(__file__), "infer", "--export", folder, "--model", args.model]
        # Standard output is a conversation.
        if subprocess.run(command, stdout=sys.stderr).returncode != 0:
            sys.exit(f"pnnx cannot convert {args.model}")
        net = ncnn.Net()
        net.opt.num_threads = args.threads
        for option in ["fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"]:
            setattr(net.opt, f"use_{option}", False)
        net.load_param(os.path.join(folder, "net.ncnn.param"))
        net.load_model(os.path.join(folder, "net.ncnn.bin"))
        known = np.load(os.path.join(folder, "known.npz"))
    code, found = extracted(ncnn, net, known["image"])
    if code != 0 or np.abs(np.array(found) - known["logits"]).max() > 1e-3 * np.abs(known["logits"]).max():
        sys.exit(f"ncnn's {args.model} is not PyTorch's: pnnx has left out what it doesn't know")
    return net


def extracted(ncnn, net, image):
    """0 and the logits, or else the number of a fault."""
    extractor = net.create_extractor()
    extractor.input("in0", ncnn.Mat(image))
    return extractor.extract("out0")


def export(args):
    import numpy as np
    import pnnx
    import torch
    from networks import network, side

    torch.manual_seed(0)
    try:
        model = network(args.model).eval()
    except ValueError as fault:
        sys.exit(str(fault))
    image = torch.randn(1, 3, side(args.model), side(args.model))
    with torch.inference_mode():
        known = model(image)[0].numpy()
    np.savez(os.path.join(args.export, "known.npz"), image=image[0].numpy(), logits=known)
    # It writes beside the file, and into the folder where it is called.
    os.chdir(args.export)
    pnnx.export(model, os.path.join(args.export, "net.pt"), (torch.zeros_like(image),), optlevel=2)


if __name__ == "__main__":
    main()
