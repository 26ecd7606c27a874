"""Writes checksums of what the operations of torchvision's and timm's policies make of an image, for
src/augment/policy.rs and src/augment/rand_augment.rs to compare with.

    python3 crates/vision/tests/pillow/operations.py

Made with torchvision 0.29.2, timm 1.0.31 and Pillow 13.0.0. The image is rgb.png, the last word of a line the CRC-32 of
the changed pixels.
- operations.txt: ranges, operation, magnitude, sign; bilinear, as torchvision's recipes have it;
- timm_operations.txt: operation, magnitude, sign, interpolation.
"""

import zlib
from pathlib import Path

import torch
from PIL import Image
from timm.data import auto_augment
from torchvision.transforms import InterpolationMode, autoaugment

HERE = Path(__file__).parent


def torchvisions():
    image = Image.open(HERE / "rgb.png").convert("RGB")
    width, height = image.size
    spaces = {
        "Rand": autoaugment.RandAugment()._augmentation_space(31, (height, width)),
        "Wide": autoaugment.TrivialAugmentWide()._augmentation_space(31),
    }
    lines = []
    for ranges, space in spaces.items():
        for strength in (0, 4, 9, 15, 17, 20, 22, 30):
            for name, (magnitudes, signed) in space.items():
                for sign in (1, -1) if signed else (1,):
                    magnitude = sign * float(magnitudes[strength]) if magnitudes.ndim else 0.0
                    out = autoaugment._apply_op(image, name, magnitude, InterpolationMode.BILINEAR, None)
                    lines.append(f"{ranges} {name} {strength} {sign} {zlib.crc32(out.tobytes()):08x}\n")
    (HERE / "operations.txt").write_text("".join(lines))


def timms():
    image = Image.open(HERE / "rgb.png").convert("RGB")
    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    lines = []
    for name in auto_augment._RAND_INCREASING_TRANSFORMS:
        moves = name.startswith(("Rotate", "Shear", "Translate"))
        signed = moves or name in ("ColorIncreasing", "ContrastIncreasing", "BrightnessIncreasing", "SharpnessIncreasing")
        # Pillow refuses to keep no bit, which magnitude 10 asks for.
        for magnitude in (0.0, 2.5, 7.0, 7.36, 9.9 if name.startswith("Posterize") else 10.0):
            for sign in (1, -1) if signed else (1,):
                # timm draws a sign inside of its operations.
                auto_augment._randomly_negate = lambda value: sign * value
                for filter in filters if moves else ("bilinear",):
                    hparams = {"img_mean": (124, 116, 104), "interpolation": filters[filter]}
                    op = auto_augment.AugmentOp(name, prob=1.0, magnitude=magnitude, hparams=hparams)
                    lines.append(f"{name} {magnitude} {sign} {filter} {zlib.crc32(op(image).tobytes()):08x}\n")
    (HERE / "timm_operations.txt").write_text("".join(lines))


if __name__ == "__main__":
    torchvisions()
    timms()
