"""Writes training_small.json: eight SGD steps that float32 can follow. Needs torch and numpy.

    python make_small_training.py OUT_DIR           (PyTorch 2.x, CPU; seconds)

In the networks of training.json about three million values enter ReLUs, so that some lie within float32's rounding of
zero: whether their gradients pass is a matter of rounding, one such gate changes a first layer's gradient by 5e-3, and
PyTorch's own float32 misses its float64 by up to 1.5e-2 (gradients) and 5.9e-2 (weights after eight steps). Here
networks and batches are small, and of some sizes the one is taken where, over all eight steps, values enter ReLUs
farthest from zero: every gate is decided, and what remains is honest rounding.
"""
import json, os, sys
import torch, torch.nn.functional as F
import make_goldens, recipe
from reference import CifarV1, CifarV2

MARGIN = 2e-5  # at least; float32 runs err by about 1e-6 here
NETWORKS = {"cifar.resnet8_v1_a": lambda: CifarV1(8, False, "A"), "cifar.resnet8_v2_b": lambda: CifarV2(8, False, "B"),
            "cifar.resnet11_v2_b": lambda: CifarV2(11, True, "B")}


def train(name, n, h, w, dtype=torch.float64):
    """The entry of the golden file, and the smallest distance of a ReLU's input from zero."""
    nearest, relu = [float("inf")], F.relu

    def watched(x, *rest, **named):
        nearest[0] = min(nearest[0], float(x.detach().abs().min()))
        return relu(x, *rest, **named)

    F.relu = watched
    m = make_goldens.fill(NETWORKS[name]()).train().to(dtype)
    opt = torch.optim.SGD(m.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    x, y = torch.from_numpy(recipe.batch(n, h, w)).to(dtype), torch.arange(n) % 10
    losses, first = [], None
    for step in range(8):
        opt.zero_grad()
        loss = F.cross_entropy(m(x), y)
        loss.backward()
        losses.append(float(loss.detach()))
        if step == 0:
            first = {k: make_goldens.measure(k, p.grad) for k, p in m.named_parameters()}
        opt.step()
    F.relu = relu
    after = {k: make_goldens.measure(k, v) for k, v in m.state_dict().items() if v.dtype == dtype}
    return {"name": name, "batch": [n, 3, h, w], "labels": y.tolist(), "losses": losses, "first_gradients": first,
            "weights_after": after}, nearest[0]


def deviation(a, b):
    """The largest deviation of losses, first gradients and weights, each relative to its norm."""
    measures = lambda part: max(max(abs(a[part][k][i] - e[i]) for i in e) / e["norm"] for k, e in b[part].items())
    return max(abs(p - q) / q for p, q in zip(a["losses"], b["losses"])), measures("first_gradients"), measures("weights_after")


if __name__ == "__main__":
    out = []
    for name in NETWORKS:
        sizes = [(n, h, w) for n in (3, 4, 5) for h in range(5, 10) for w in range(5, 10)]
        entry, margin = max((train(name, *size) for size in sizes), key=lambda t: t[1])
        assert margin > MARGIN, margin
        n, _, h, w = entry["batch"]
        single = train(name, n, h, w, dtype=torch.float32)[0]
        print(f"{name} {entry['batch']}: nearest ReLU input {margin:.1e}; PyTorch's float32 misses losses, gradients, weights by",
              *(f"{d:.1e}" for d in deviation(single, entry)), flush=True)
        out.append(entry)
    json.dump(out, open(os.path.join(sys.argv[1], "training_small.json"), "w"), indent=None, separators=(",", ":"))
