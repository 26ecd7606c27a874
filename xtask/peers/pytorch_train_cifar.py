"""The recipe cifar10-resnet20-v2 in PyTorch: what our accuracy after a few epochs is compared with.

    python -m venv V && V/bin/pip install torch numpy
    V/bin/python xtask/peers/pytorch_train_cifar.py --data DIR [--epochs 3] [--seed 0] [--threads 2] [--json]

DIR holds CIFAR-10 in the official binary layout (or a folder cifar-10-batches-bin that does). Batch 128, all 50,000
images, the last and smaller batch kept; SGD with momentum 0.9 and weight decay 1e-4 on every parameter; the rate rises
linearly over the first 5 % of the steps to 0.1 and falls as a cosine to 0; normalise, pad 4 zeros, crop 32x32, flip.
The test labels are read once, after the last step. Progress goes to standard error; --json prints one line.
"""

import argparse
import json
import math
import pathlib
import sys
import time

from networks import network, torch_or_exit

torch = torch_or_exit()
import numpy as np  # noqa: E402
import torch.nn.functional as F  # noqa: E402

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
BATCH, RATE, MOMENTUM, DECAY, WARM_UP, PAD, SIDE = 128, 0.1, 0.9, 1e-4, 0.05, 4, 32


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--model", default="resnet20-v2")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def read(folder, names):
    """Images [N, 3, 32, 32] of bytes and labels [N]: a record is one label and three planes."""
    if (folder / "cifar-10-batches-bin").is_dir():
        folder = folder / "cifar-10-batches-bin"
    try:
        records = np.concatenate([np.fromfile(folder / name, np.uint8).reshape(-1, 3073) for name in names])
    except (OSError, ValueError) as cause:
        sys.exit(f"{folder} does not hold CIFAR-10 in the official binary layout: {cause}")
    images = torch.from_numpy(records[:, 1:].reshape(-1, 3, SIDE, SIDE).copy())
    return images, torch.from_numpy(records[:, 0].astype(np.int64))


def normalise(images):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (images.float() / 255 - mean) / std


def augment(images, random):
    """Normalised, padded with zeros (the mean colour), cropped at one of 81 places, mirrored half of the time."""
    n = len(images)
    padded = F.pad(normalise(images), (PAD,) * 4)
    top, left = torch.randint(0, 2 * PAD + 1, (2, n), generator=random)
    flip = torch.rand(n, generator=random) < 0.5
    pixels = torch.arange(SIDE)
    columns = torch.where(flip[:, None], pixels.flip(0), pixels) + left[:, None]
    rows = pixels + top[:, None]
    # Indices on both sides of the sliced channel come first in the result: [n, row, column, channel].
    cropped = padded[torch.arange(n)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return cropped.permute(0, 3, 1, 2)


def initialise(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, torch.nn.Linear):
            bound = 1 / math.sqrt(module.in_features)
            torch.nn.init.uniform_(module.weight, -bound, bound)
            torch.nn.init.zeros_(module.bias)


def rate(step, steps):
    """The rate of a step, counted from 0."""
    warm_up = max(1, int(WARM_UP * steps))
    if step < warm_up:
        return RATE * (step + 1) / warm_up
    return RATE * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))


def train(model, images, labels, epochs, random):
    """Trains; the mean loss of the last epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=DECAY)
    per_epoch = math.ceil(len(images) / BATCH)
    model.train()
    for epoch in range(epochs):
        total, start = 0.0, time.perf_counter()
        order = torch.randperm(len(images), generator=random)
        for i, chosen in enumerate(order.split(BATCH)):
            optimizer.param_groups[0]["lr"] = rate(epoch * per_epoch + i, epochs * per_epoch)
            x = augment(images[chosen], random).contiguous(memory_format=torch.channels_last)
            loss = F.cross_entropy(model(x), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(chosen)
            if (i + 1) % 50 == 0 or i + 1 == per_epoch:
                seconds = time.perf_counter() - start
                print(f"epoch {epoch + 1} step {i + 1}/{per_epoch} loss {loss.item():.4f} {seconds:.0f} s", file=sys.stderr)
    return total / len(images)


def top1(model, images, labels):
    """Percent of images whose largest logit is their label's."""
    model.eval()
    with torch.no_grad():
        guesses = [model(normalise(x).contiguous(memory_format=torch.channels_last)).argmax(1) for x in images.split(500)]
    return 100 * (torch.cat(guesses) == labels).double().mean().item()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    random = torch.Generator().manual_seed(args.seed)
    images, labels = read(args.data, [f"data_batch_{i}.bin" for i in range(1, 6)])
    model = network(args.model)
    initialise(model)
    model = model.to(memory_format=torch.channels_last)
    start = time.perf_counter()
    loss = train(model, images, labels, args.epochs, random)
    seconds = time.perf_counter() - start
    result = {
        "seed": args.seed,
        "top1": round(top1(model, *read(args.data, ["test_batch.bin"])), 2),
        "train_loss_last_epoch": round(loss, 4),
        "seconds": round(seconds, 1),
        "images_per_second": round(args.epochs * len(images) / seconds, 1),
    }
    if args.json:
        print(json.dumps(result))
    else:
        print(f"{args.model}, {args.epochs} epochs, PyTorch {torch.__version__}: " + ", ".join(f"{k} {v}" for k, v in result.items()))


if __name__ == "__main__":
    main()
