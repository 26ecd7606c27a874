"""Writes how torchvision's random resized crops are distributed, for tests/augment.rs to compare with.

    python3 crates/vision/tests/pillow/crops.py

Made with torchvision 0.29.2. For each size of SIZES crops.txt has two lines, of areas (fractions of the image's) and
of ratios (width over height): the name, width and height of the image, then the numbers below which 1, 2, ... 99 % of
DRAWS crops are.
"""

from pathlib import Path

import numpy
import torch
from torchvision.transforms import RandomResizedCrop

SIZES = [(500, 375), (240, 640)]
DRAWS = 300_000


def main():
    torch.manual_seed(0)
    lines = []
    for width, height in SIZES:
        image = torch.zeros(3, height, width)
        draw = lambda: RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3))
        sizes = numpy.array([draw()[2:] for _ in range(DRAWS)], float)
        for name, values in (
            ("area", sizes[:, 0] * sizes[:, 1] / (width * height)),
            ("ratio", sizes[:, 1] / sizes[:, 0]),
        ):
            percentiles = numpy.percentile(values, range(1, 100))
            lines.append(f"{name} {width} {height} " + " ".join(f"{x:.6f}" for x in percentiles) + "\n")
    (Path(__file__).parent / "crops.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
