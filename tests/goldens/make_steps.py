"""Writes steps.json: twenty steps of each optimizer, loss and option in float64. Needs torch, timm and numpy.

    python make_steps.py OUT_DIR            (PyTorch 2.x, timm 1.x, CPU; seconds)

The network is smooth, so that float32 can follow it to 1e-5: a linear layer, batch norm, tanh, a linear layer. Nothing
but rounding differs, and the steps of a training are what is tested. Its tensors come from recipe.py; step i learns the
batch i mod 3.
"""
import json, os, sys
import torch, torch.nn as nn
from timm.loss import BinaryCrossEntropy
from timm.optim import Lamb, param_groups_weight_decay
from timm.utils import ModelEmaV3
from torch.optim.swa_utils import update_bn
import recipe
from make_goldens import fill, measure

STEPS, FEATURES, CLASSES = 20, 3 * 4 * 4, 5
WEIGHTS = [0.5, 2.0, 1.0, 0.25, 1.5]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.norm = nn.Linear(FEATURES, 16, bias=False), nn.BatchNorm1d(16)
        self.fc2 = nn.Linear(16, CLASSES)

    def forward(self, x):
        return self.fc2(torch.tanh(self.norm(self.fc1(x.flatten(1)))))


def batch(number, images):
    """Images and labels of one of the three batches."""
    values = 2 * recipe.uniform(f"input.{number}", images * FEATURES) - 1
    x = torch.from_numpy(values.astype("float32")).double().reshape(images, 3, 4, 4)
    return x, (torch.arange(images) * 7 + 3 * number) % CLASSES


def one_hot(y, smoothing=0.0):
    return torch.nn.functional.one_hot(y, CLASSES).double() * (1 - smoothing) + smoothing / CLASSES


def run(name, optimizer, loss=nn.CrossEntropyLoss(), clip=None, images=12, frozen=False, ema=None, statistics=False, fixed=()):
    m = fill(Net()).double().train()
    if frozen:
        m.norm.eval()
    for part in fixed:
        getattr(m, part).requires_grad_(False)
    opt = optimizer(m)
    average = ModelEmaV3(m, **ema) if ema else None
    losses = []
    for step in range(STEPS):
        x, y = batch(step % 3, images)
        opt.zero_grad()
        value = loss(m(x), y)
        value.backward()
        if clip:
            clip(m.parameters())
        opt.step()
        losses.append(float(value.detach()))
        if average:
            average.update(m, step=step + 1)
    if statistics:
        update_bn([batch(number, images)[0] for number in range(3)], m)
    of = lambda module: {k: measure(k, v) for k, v in module.state_dict().items() if v.is_floating_point()}
    return {"name": name, "losses": losses, "weights_after": of(m), "ema_after": of(average.module) if ema else {}}


def groups(m, decay, on):
    return m.parameters() if on == "all" else param_groups_weight_decay(m, weight_decay=decay)


def sgd(on="all", **kw):
    return lambda m: torch.optim.SGD(groups(m, 1e-2, on), lr=0.05, momentum=0.9, weight_decay=1e-2, **kw)


def adamw(on):
    return lambda m: torch.optim.AdamW(groups(m, 0.05, on), lr=0.01, weight_decay=0.05)


def lamb(on):
    return lambda m: Lamb(groups(m, 0.02, on), lr=0.02, weight_decay=0.02)


def by_part(optimizer, lr, factors, **kw):
    """A parameter group for each part, with its share of the rate."""
    return lambda m: optimizer([{"params": list(getattr(m, part).parameters()), "lr": lr * factor} for part, factor in factors.items()], lr=lr, **kw)


def main(folder):
    weights = torch.tensor(WEIGHTS).double()
    smooth = nn.CrossEntropyLoss(label_smoothing=0.1)
    bce = BinaryCrossEntropy(smoothing=0.1)
    strict = BinaryCrossEntropy(target_threshold=0.2, sum_classes=True)
    weighed = BinaryCrossEntropy(smoothing=0.0, weight=weights)
    factors = {"fc1": 0.1, "norm": 0.5, "fc2": 1.0}
    decayed = {"fc1": 0.75 ** 2, "norm": 0.75, "fc2": 1.0}
    runs = [
        run("sgd", sgd()),
        run("nesterov", sgd(nesterov=True)),
        run("weight_decay_on_weights", sgd("weights")),
        run("clip_grad_norm", sgd(), clip=lambda p: nn.utils.clip_grad_norm_(p, 0.3)),
        run("clip_grad_value", sgd(), clip=lambda p: nn.utils.clip_grad_value_(p, 0.01)),
        run("adamw", adamw("all")),
        run("adamw_on_weights", adamw("weights")),
        run("lamb", lamb("all")),
        run("lamb_on_weights", lamb("weights")),
        run("label_smoothing", sgd(), loss=smooth),
        run("bce", sgd(), loss=bce),
        run("bce_sum_threshold", sgd(), loss=lambda x, y: strict(x, one_hot(y, 0.3))),
        run("bce_class_weights", sgd(), loss=weighed),
        run("class_weights", sgd(), loss=nn.CrossEntropyLoss(weight=weights)),
        run("class_weights_soft", sgd(), loss=lambda x, y: nn.functional.cross_entropy(x, one_hot(y, 0.1), weight=weights)),
        run("ema", sgd(), ema=dict(decay=0.9)),
        run("ema_warmup", sgd(), ema=dict(decay=0.8, use_warmup=True)),
        run("update_bn", sgd(), statistics=True),
        run("accumulation", sgd(), images=128, frozen=True),
        run("accumulation_class_weights", sgd(), images=128, frozen=True, loss=nn.CrossEntropyLoss(weight=weights)),
        run("lr_factors", by_part(torch.optim.SGD, 0.05, factors, momentum=0.9, weight_decay=1e-2)),
        run("adamw_lr_decay", by_part(torch.optim.AdamW, 0.01, decayed, weight_decay=0.05)),
        run("lamb_lr_factors", by_part(Lamb, 0.02, factors, weight_decay=0.02)),
        run("freeze_norms_stay", sgd(), fixed=("fc1", "norm"), frozen=True),
        run("freeze_norms_move", sgd(), fixed=("fc1", "norm")),
    ]
    with open(os.path.join(folder, "steps.json"), "w") as file:
        json.dump(runs, file, separators=(",", ":"))


if __name__ == "__main__":
    main(sys.argv[1])
