"""Networks by the registry's names, for the scripts that need PyTorch.

    resnet{depth}-v{1,2}[-basic|-bottleneck][-wide-by-{factor}][-a|-b]
                                                        CIFAR, 32x32: tests/goldens/reference.py
    resnet{18,34,50,101,152}, wide_resnet{50,101}_2     ImageNet, 224x224, v1.5: imagenet.py
    any other, such as resnetv2_50                      timm's own, if timm is installed

CIFAR's units are bottlenecks in the paper's 164 and 1001, and wherever the depth is 9n + 2 and not 6n + 2; they have two
layers in all others, 110 among them, though 110 and 164 are both. `-basic` or `-bottleneck` decides otherwise. Shortcuts
default to option A (zero padding) for two-layer units and to B (projections) for bottlenecks and wide networks.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = re.compile(r"resnet(\d+)-v([12])(?:-(basic|bottleneck))?(?:-wide-by-(\d+))?(?:-([ab]))?")
PAPERS_BOTTLENECKS = (164, 1001)


def torch_or_exit():
    """PyTorch, or the end of the script with one sentence that says how to get it."""
    try:
        import numpy  # noqa: F401  (the recipe and the data need it as well)
        import torch
    except ImportError as missing:
        print(f"{sys.argv[0]} needs PyTorch and numpy ({missing}): pip install torch numpy", file=sys.stderr)
        sys.exit(1)
    return torch


def is_cifar(name):
    return NAME.fullmatch(name) is not None


def parse(name):
    """(version, depth, bottleneck, factor of width, option) of a CIFAR network's name, or ValueError."""
    match = NAME.fullmatch(name)
    if not match:
        raise ValueError(f"{name} is not resnet{{depth}}-v{{1,2}}[-basic|-bottleneck][-wide-by-{{factor}}][-a|-b]")
    depth, version, units, wide, option = int(match[1]), int(match[2]), match[3], int(match[4] or 1), match[5]
    basic, bottleneck = depth >= 8 and (depth - 2) % 6 == 0, depth >= 11 and (depth - 2) % 9 == 0
    if not (bottleneck if units == "bottleneck" else basic if units == "basic" else basic or bottleneck):
        layers = {"bottleneck": "9n + 2", "basic": "6n + 2"}.get(units, "6n + 2 or 9n + 2")
        raise ValueError(f"{name}: the depth is not {layers}")
    bottleneck = units == "bottleneck" or units is None and (depth in PAPERS_BOTTLENECKS or not basic)
    return version, depth, bottleneck, wide, (option or ("b" if bottleneck or wide > 1 else "a")).upper()


def side(name):
    """Height and width of the images that a network is for."""
    return 32 if is_cifar(name) else 224


def default_classes(name):
    return 10 if is_cifar(name) else 1000


def network(name, classes=None):
    """The network of a name, with PyTorch's own initial weights; ValueError if there is none."""
    classes = classes or default_classes(name)
    if is_cifar(name):
        version, depth, bottleneck, wide, option = parse(name)
        sys.path.insert(0, str(ROOT / "tests" / "goldens"))
        from reference import CifarV1, CifarV2

        return (CifarV1 if version == 1 else CifarV2)(depth, bottleneck, option, classes, wide)
    from imagenet import NETWORKS, ImageNetV1

    if name in NETWORKS:
        return ImageNetV1(*NETWORKS[name], classes)
    try:
        import timm
    except ImportError:
        raise ValueError(f"{name} is built by timm here, which is not installed: pip install timm") from None
    if not timm.is_model(name):
        raise ValueError(f"there is no network {name}")
    return timm.create_model(name, num_classes=classes)
