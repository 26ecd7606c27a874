"""Writes families.json: one network of each family of timm's and transformers', small images of odd sizes, in float64.

    python make_families.py FILE        needs torch, timm, transformers, numpy; made with torch 2.15, timm 1.0.31, transformers 5.23.0

Tensors come from recipe.py. Names and shapes are kept as one hash: FNV-1a 64 of the lines "NAME AxBxC" in order of the
names, without num_batches_tracked. The images are 72 x 104, so that stages see odd sides: 26, 13, 7, 4.
"""
import json, sys
import numpy as np, torch
import recipe

TIMM = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet10t", "resnet14t", "resnet18d", "resnet26d", "resnet26t",
        "resnet50c", "resnet50d", "resnet50s", "resnet50_gn", "wide_resnet50_2", "resnetv2_18", "resnetv2_18d", "resnetv2_34d",
        "resnetv2_50", "resnetv2_50d", "resnetv2_50t", "resnetv2_50d_gn", "resnetv2_50x1_bit", "resnetv2_101", "resnet200d"]
H, W, CLASSES = 72, 104, 10


def timm(name):
    import timm as t
    m = t.create_model(name, pretrained=False, num_classes=CLASSES)
    return m, lambda x: m(x)


def transformers(name):
    from transformers import ResNetConfig, ResNetForImageClassification
    depths, widths, kind = {"resnet18": ([2, 2, 2, 2], [64, 128, 256, 512], "basic"),
                            "resnet50": ([3, 4, 6, 3], [256, 512, 1024, 2048], "bottleneck")}[name]
    m = ResNetForImageClassification(ResNetConfig(depths=depths, hidden_sizes=widths, layer_type=kind, num_labels=CLASSES))
    return m, lambda x: m(x).logits


def entry(name, dialect, make):
    m, run = make(name)
    m = m.double().eval()
    sd = m.state_dict()
    m.load_state_dict({k: torch.from_numpy(recipe.tensor(k, v.shape)).to(v.dtype) for k, v in sd.items()})
    named = sorted((k, list(v.shape)) for k, v in sd.items() if not k.endswith("num_batches_tracked"))
    lines = "".join(f"{k} {'x'.join(map(str, s))}\n" for k, s in named)
    with torch.no_grad():
        y = run(torch.from_numpy(recipe.batch(2, H, W)).double())
    print(dialect, name, flush=True)
    return {"model": name, "dialect": dialect, "input": [2, 3, H, W], "names": f"{recipe.fnv1a64(lines):016x}",
            "logits": [[float(f"{v:.9g}") for v in row] for row in y.tolist()]}


if __name__ == "__main__":
    out = [entry(n, "timm", timm) for n in TIMM] + [entry(n, "transformers", transformers) for n in ("resnet18", "resnet50")]
    with open(sys.argv[1], "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(e, separators=(",", ":")) for e in out) + "\n]\n")
