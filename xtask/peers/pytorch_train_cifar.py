"""A recipe for CIFAR-10 in PyTorch: what the accuracy of our trainings, and the time to it, is compared with.

    python -m venv V && V/bin/pip install torch numpy
    cargo xtask recipes NAME > recipe.toml
    V/bin/python xtask/peers/pytorch_train_cifar.py --recipe recipe.toml --data DIR [--epochs N] [--seed 0] [--threads 2]
        [--mode compile|eager] [--json]

DIR holds CIFAR-10 in the official binary layout (or a folder cifar-10-batches-bin that does). All 50,000 images are
trained on, the last and smaller batch of an epoch kept. A key of the recipe that this script cannot follow ends it. The
test images are evaluated after each epoch, off the clock, and select nothing. In the mode `compile`, torch.compile's
first calls are on the clock, as they are for everybody who uses it. Progress goes to standard error; --json prints one
line at the end.
"""

import argparse
import json
import math
import pathlib
import sys
import time
import tomllib

from networks import network, torch_or_exit

torch = torch_or_exit()
import numpy as np  # noqa: E402
import torch.nn.functional as F  # noqa: E402

SIDE = 32
# What is done, by section; None is any value. A key that is not here, or has another value, is refused.
FOLLOWED = {
    "model": {"name": None},
    "data": {"set": {"cifar10"}, "validation": {0}, "mean": None, "std": None},
    "augmentation": {"pad_crop": None, "flip": {"horizontal", "none"}, "label_smoothing": None},
    "train": {"duration": None, "batch_size": None, "seed": None},
    "optimizer": {"kind": {"sgd"}, "momentum": None, "nesterov": None, "weight_decay": None},
    "schedule": {
        "kind": {"cosine", "onecycle"},
        "lr": None,
        "warmup": None,
        "anneal": None,
        "div_factor": None,
        "final_div_factor": None,
    },
}
NOTES = {"name", "about", "paper", "expected_error"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--mode", choices=("compile", "eager"), default="compile")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def read_recipe(path):
    """The recipe's sections, each a dict; exits at what this script does not do."""
    try:
        recipe = tomllib.loads(path.read_text())
    except (OSError, ValueError) as cause:
        sys.exit(f"{path} is no recipe: {cause}")
    for section, keys in recipe.items():
        if section in NOTES:
            continue
        for key, value in keys.items():
            followed = FOLLOWED.get(section, {})
            if key not in followed or followed[key] is not None and value not in followed[key]:
                sys.exit(f"{path}: this script cannot follow {section}.{key} = {value!r}")
    return {section: recipe.get(section, {}) for section in FOLLOWED}


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


class Transform:
    """Normalises, and augments training images, as the recipe's [data] and [augmentation] say."""

    def __init__(self, data, augmentation):
        self.mean, self.std = (torch.tensor(data[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        self.pad, self.flips = augmentation.get("pad_crop", 0), augmentation.get("flip") == "horizontal"

    def normalise(self, images):
        return (images.float() / 255 - self.mean) / self.std

    def augment(self, images, random):
        """Normalised, padded with zeros (the mean colour), cropped at a random place, mirrored half of the time."""
        n = len(images)
        padded = F.pad(self.normalise(images), (self.pad,) * 4)
        top, left = torch.randint(0, 2 * self.pad + 1, (2, n), generator=random)
        flip = (torch.rand(n, generator=random) < 0.5) & self.flips
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


def scheduler(optimizer, schedule, steps):
    """The learning rate, which is stepped after every batch."""
    share = schedule.get("warmup", "0 %" if schedule["kind"] == "cosine" else "30 %")
    if not str(share).endswith("%"):
        sys.exit(f"this script takes a warm-up in percent, not {share!r}")
    share = float(share.removesuffix("%")) / 100
    warm_up = int(share * steps)
    if schedule["kind"] == "onecycle":
        return torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=schedule["lr"],
            total_steps=steps,
            pct_start=share,
            anneal_strategy={"cosine": "cos", "linear": "linear"}[schedule.get("anneal", "cosine")],
            div_factor=schedule.get("div_factor", 25),
            final_div_factor=schedule.get("final_div_factor", 1e4),
            cycle_momentum=False,
        )

    def factor(step):
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def epochs_of(duration):
    count, unit = duration.split()
    if unit not in ("epoch", "epochs"):
        sys.exit(f"this script takes a duration in epochs, not {duration!r}")
    return int(count)


class Training:
    def __init__(self, recipe, args):
        self.transform = Transform(recipe["data"], recipe["augmentation"])
        self.smoothing = recipe["augmentation"].get("label_smoothing", 0.0)
        self.images, self.labels = read(args.data, [f"data_batch_{i}.bin" for i in range(1, 6)])
        self.test = read(args.data, ["test_batch.bin"])
        self.batch, self.epochs = recipe["train"]["batch_size"], args.epochs or epochs_of(recipe["train"]["duration"])
        self.random = torch.Generator().manual_seed(args.seed)
        model = network(recipe["model"]["name"])
        initialise(model)
        self.model = model.to(memory_format=torch.channels_last)
        # A last batch of another size would be compiled again, with sizes that are not known: it goes eagerly.
        self.forward = torch.compile(self.model, dynamic=False) if args.mode == "compile" else self.model
        rule = recipe["optimizer"]
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=recipe["schedule"]["lr"],
            momentum=rule.get("momentum", 0.9),
            nesterov=rule.get("nesterov", False),
            weight_decay=rule["weight_decay"],
        )
        self.per_epoch = math.ceil(len(self.images) / self.batch)
        self.scheduler = scheduler(self.optimizer, recipe["schedule"], self.epochs * self.per_epoch)

    def epoch(self, number):
        """Trains an epoch; its mean loss."""
        total, start = 0.0, time.perf_counter()
        self.model.train()
        order = torch.randperm(len(self.images), generator=self.random)
        for i, chosen in enumerate(order.split(self.batch)):
            x = self.transform.augment(self.images[chosen], self.random).contiguous(memory_format=torch.channels_last)
            forward = self.forward if len(chosen) == self.batch else self.model
            loss = F.cross_entropy(forward(x), self.labels[chosen], label_smoothing=self.smoothing)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            total += loss.item() * len(chosen)
            if (i + 1) % 50 == 0 or i + 1 == self.per_epoch:
                seconds = time.perf_counter() - start
                print(f"epoch {number} step {i + 1}/{self.per_epoch} loss {loss.item():.4f} {seconds:.0f} s", file=sys.stderr)
        return total / len(self.images)

    def top1(self):
        """Percent of test images whose largest logit is their label's."""
        images, labels = self.test
        self.model.eval()
        with torch.no_grad():
            batches = (self.transform.normalise(x).contiguous(memory_format=torch.channels_last) for x in images.split(500))
            guesses = torch.cat([self.model(batch).argmax(1) for batch in batches])
        return 100 * (guesses == labels).double().mean().item()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    training = Training(read_recipe(args.recipe), args)
    seconds, history = 0.0, []
    for number in range(1, training.epochs + 1):
        start = time.perf_counter()
        loss = training.epoch(number)
        seconds += time.perf_counter() - start
        history.append({"epoch": number, "seconds": round(seconds, 1), "loss": round(loss, 4), "top1": round(training.top1(), 2)})
        print(history[-1], file=sys.stderr)
    last = history[-1]
    result = {
        "seed": args.seed,
        "top1": last["top1"],
        "train_loss_last_epoch": last["loss"],
        "seconds": last["seconds"],
        "images_per_second": round(training.epochs * len(training.images) / seconds, 1),
    }
    if args.json:
        print(json.dumps(result | {"epochs": history}))
    else:
        said = ", ".join(f"{key} {value}" for key, value in result.items())
        print(f"{args.recipe.stem}, {training.epochs} epochs, PyTorch {torch.__version__}, {args.mode}: {said}")


if __name__ == "__main__":
    main()
