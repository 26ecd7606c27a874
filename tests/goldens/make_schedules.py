"""Writes schedules.json: the learning rates that torch.optim.lr_scheduler and timm.scheduler give, step by step.

    python make_schedules.py schedules.json      needs torch and timm

Each case has a [schedule] in the words of our recipes, the number of optimizer steps, and the rate of every step. Steps
of an epoch: 10. PyTorch's schedulers are stepped after each optimizer step, timm's are asked by step_update.
"""
import json, sys, warnings
import timm, torch
from timm.scheduler import CosineLRScheduler, MultiStepLRScheduler, PolyLRScheduler, StepLRScheduler
from torch.optim import lr_scheduler as lrs

EPOCH = 10
warnings.filterwarnings("ignore")


def optimizer(lr):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=lr)


def of_torch(lr, steps, make):
    o = optimizer(lr)
    schedule, rates = make(o), []
    for _ in range(steps):
        rates.append(o.param_groups[0]["lr"])
        o.step()
        schedule.step()
    return rates


def of_timm(lr, steps, make):
    o = optimizer(lr)
    schedule, rates = make(o), []
    for step in range(steps):
        schedule.step_update(step)
        rates.append(o.param_groups[0]["lr"])
    return rates


def after(o, warmup, steps, then):
    """A warm-up of `steps` steps and then another schedule, as torchvision's references chain them."""
    return lrs.SequentialLR(o, [warmup, then], milestones=[steps])


def rise(o, w):
    """lr (s + 1) / W: the first step has a W-th of the rate, the last one all of it."""
    return lrs.LinearLR(o, start_factor=1 / w, end_factor=1.0, total_iters=w - 1)


CASES = [
    ("torch", 'kind="constant", lr=0.3', 20, 0.3, lambda o: lrs.ConstantLR(o, factor=1.0)),
    ("torch", 'kind="constant", lr=0.1, warmup={lr=0.01, duration="7 steps"}', 20, 0.1,
     lambda o: lrs.ConstantLR(o, factor=0.1, total_iters=7)),
    ("torch", 'kind="constant", lr=0.1, warmup={lr=0.02, duration="1 epoch", kind="linear"}', 20, 0.1,
     lambda o: lrs.LinearLR(o, start_factor=0.2, total_iters=10)),
    ("torch", 'kind="multistep", lr=0.1, divide_by=10, milestones=["3 epochs", "45 steps"]', 60, 0.1,
     lambda o: lrs.MultiStepLR(o, [30, 45], gamma=0.1)),
    ("torch", 'kind="cosine", lr=0.1', 60, 0.1, lambda o: lrs.CosineAnnealingLR(o, T_max=60)),
    ("torch", 'kind="cosine", lr=0.1, min_lr=0.004, warmup="20 %"', 60, 0.1,
     lambda o: after(o, rise(o, 12), 12, lrs.CosineAnnealingLR(o, T_max=48, eta_min=0.004))),
    ("torch", 'kind="cosine", lr=0.5, warmup={lr=0.005, duration="10 steps", kind="linear"}', 60, 0.5,
     lambda o: after(o, lrs.LinearLR(o, start_factor=0.01, total_iters=10), 10, lrs.CosineAnnealingLR(o, T_max=50))),
    ("torch", 'kind="cosine", lr=0.1, min_lr=0.001, cycle="1 epoch"', 45, 0.1,
     lambda o: lrs.CosineAnnealingWarmRestarts(o, T_0=10, eta_min=0.001)),
    ("torch", 'kind="cosine", lr=0.1, cycle="8 steps", cycle_mul=2', 60, 0.1,
     lambda o: lrs.CosineAnnealingWarmRestarts(o, T_0=8, T_mult=2)),
    ("torch", 'kind="onecycle", lr=0.4', 60, 0.4, lambda o: lrs.OneCycleLR(o, max_lr=0.4, total_steps=60)),
    ("torch", 'kind="onecycle", lr=0.4, warmup="25 %", anneal="linear", div_factor=10, final_div_factor=100', 61, 0.4,
     lambda o: lrs.OneCycleLR(o, max_lr=0.4, total_steps=61, pct_start=0.25, anneal_strategy="linear", div_factor=10,
                              final_div_factor=100)),
    ("torch", 'kind="polynomial", lr=0.1, power=0.9', 60, 0.1, lambda o: lrs.PolynomialLR(o, total_iters=60, power=0.9)),
    ("torch", 'kind="exponential", lr=0.1, decay_rate=0.95, decay_every="1 step"', 60, 0.1,
     lambda o: lrs.ExponentialLR(o, gamma=0.95)),
    ("torch", 'kind="exponential", lr=0.1, decay_rate=0.5, decay_every="1 epoch", decay="staircase"', 60, 0.1,
     lambda o: lrs.StepLR(o, step_size=10, gamma=0.5)),
    ("timm", 'kind="cosine", lr=0.1, min_lr=0.001, warmup={lr=0.0001, duration="1 epoch", kind="linear"}', 60, 0.1,
     lambda o: CosineLRScheduler(o, t_initial=50, lr_min=0.001, warmup_t=10, warmup_lr_init=0.0001, warmup_prefix=True,
                                 t_in_epochs=False)),
    ("timm", 'kind="cosine", lr=0.1, min_lr=0.001, cycle="9 steps", cycle_mul=2, cycle_decay=0.6', 60, 0.1,
     lambda o: CosineLRScheduler(o, t_initial=9, lr_min=0.001, cycle_mul=2.0, cycle_decay=0.6, cycle_limit=9,
                                 t_in_epochs=False)),
    ("timm", 'kind="cosine", lr=0.1, cycle="11 steps", cycle_decay=0.5', 60, 0.1,
     lambda o: CosineLRScheduler(o, t_initial=11, cycle_decay=0.5, cycle_limit=9, t_in_epochs=False)),
    ("timm", 'kind="polynomial", lr=0.1, min_lr=0.002, power=2, warmup={lr=0.001, duration="10 steps", kind="linear"}',
     60, 0.1,
     lambda o: PolyLRScheduler(o, t_initial=50, power=2.0, lr_min=0.002, warmup_t=10, warmup_lr_init=0.001,
                               warmup_prefix=True, t_in_epochs=False)),
    ("timm", 'kind="exponential", lr=0.1, decay_rate=0.7, decay_every="13 steps", decay="staircase"', 60, 0.1,
     lambda o: StepLRScheduler(o, decay_t=13, decay_rate=0.7, t_in_epochs=False)),
    # timm counts a milestone one step early: decay_t=13 lowers the rate of step 12.
    ("timm", 'kind="multistep", lr=0.1, divide_by=4, milestones=["12 steps", "40 steps"], '
     'warmup={lr=0.01, duration="5 steps", kind="linear"}', 60, 0.1,
     lambda o: MultiStepLRScheduler(o, decay_t=[13, 41], decay_rate=0.25, warmup_t=5, warmup_lr_init=0.01, warmup_prefix=False,
                                    t_in_epochs=False)),
]

if __name__ == "__main__":
    cases = []
    for peer, schedule, steps, lr, make in CASES:
        rates = (of_torch if peer == "torch" else of_timm)(lr, steps, make)
        cases.append({"peer": peer, "schedule": schedule, "steps": steps, "rates": rates})
    versions = {"torch": torch.__version__, "timm": timm.__version__, "steps_per_epoch": EPOCH}
    with open(sys.argv[1], "w") as f:
        f.write(json.dumps(versions)[:-1] + ', "cases": [\n')
        f.write(",\n".join(json.dumps(case) for case in cases) + "\n]}\n")
