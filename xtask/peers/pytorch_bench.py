"""Images a second of PyTorch, training or inference: what the speed of ours is measured beside.

    python -m venv V && V/bin/pip install torch numpy
    RESNET_PYTHON=V/bin/python cargo xtask bench train --against pytorch        # alternating with ours
    V/bin/python xtask/peers/pytorch_bench.py train|infer [--model resnet20-v2] [--batch 128] [--threads 2]
        [--layout contiguous|channels_last] [--compile] [--turns 5]             # alone

A step is one batch of random images, float32, eager or by torch.compile, which needs a C++ compiler. train: forward, loss, backward and SGD (momentum 0.9, weight decay
1e-4). infer: forward in evaluation mode, without gradients. How malloc is tuned is decided outside, before the start:
MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_. turns.py says what is printed.
"""

import sys

import turns


def main():
    parser = turns.parser(__doc__, ["train", "infer"])
    parser.add_argument("--layout", choices=["contiguous", "channels_last"], default="channels_last")
    parser.add_argument("--compile", action="store_true")
    args = parser.parse_args()
    turns.require(["torch", "numpy"], args)
    import torch

    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    try:
        step = STEPS[args.work](torch, args)
    except ValueError as fault:
        sys.exit(str(fault))
    turns.measure("pytorch", torch.__version__, step, args)


def model_and_images(torch, args):
    from networks import network, side

    layout = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}[args.layout]
    images = torch.randn(args.batch, 3, side(args.model), side(args.model))
    model = network(args.model).to(memory_format=layout)
    return torch.compile(model) if args.compile else model, images.to(memory_format=layout)


def training(torch, args):
    from networks import default_classes

    model, images = model_and_images(torch, args)
    labels = torch.arange(args.batch) % default_classes(args.model)
    optimizer = torch.optim.SGD(model.train().parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)

    def step():
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    return step


def inference(torch, args):
    model, images = model_and_images(torch, args)
    model.eval()

    @torch.inference_mode()
    def step():
        model(images)

    return step


STEPS = {"train": training, "infer": inference}

if __name__ == "__main__":
    main()
