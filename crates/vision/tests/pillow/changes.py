"""Writes checksums of what torchvision's policies make of an image, for src/augment/policy.rs to compare with.

    python3 crates/vision/tests/pillow/changes.py

Made with torchvision 0.29.2 and Pillow 13.0.0. changes.txt has a line for each case: ranges, change, strength, sign and
the CRC-32 of the changed pixels of rgb.png.
"""

import zlib
from pathlib import Path

import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, autoaugment

HERE = Path(__file__).parent


def main():
    image = Image.open(HERE / "rgb.png").convert("RGB")
    width, height = image.size
    spaces = {
        "Rand": autoaugment.RandAugment()._augmentation_space(31, (height, width)),
        "Wide": autoaugment.TrivialAugmentWide()._augmentation_space(31),
    }
    lines = []
    for ranges, space in spaces.items():
        for strength in (0, 4, 9, 17, 30):
            for name, (magnitudes, signed) in space.items():
                for sign in (1, -1) if signed else (1,):
                    magnitude = sign * float(magnitudes[strength]) if magnitudes.ndim else 0.0
                    out = autoaugment._apply_op(image, name, magnitude, InterpolationMode.NEAREST, None)
                    lines.append(f"{ranges} {name} {strength} {sign} {zlib.crc32(out.tobytes()):08x}\n")
    (HERE / "changes.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
