"""Writes what Pillow makes of small pictures, for src/resample.rs and tests/picture.rs to compare with.

    python3 crates/data/tests/pillow/generate.py

Made with Pillow 13.0.0. No randomness: pictures are formulas. In this folder it writes
- resize.bin: for each case of CASES in order, the resized picture, interleaved RGB;
- NAME.EXT, NAME.rgb: a picture file and what Pillow's convert("RGB") makes of it, turned upright.
"""

import math
from pathlib import Path

from PIL import Image, ImageOps

HERE = Path(__file__).parent

# (width, height) of the picture, (width, height) of the result; src/resample.rs has the same list.
CASES = [
    ((37, 23), (16, 10)),
    ((37, 23), (64, 40)),
    ((23, 37), (7, 50)),
    ((50, 50), (9, 9)),
    ((5, 3), (31, 17)),
    ((64, 1), (8, 3)),
    ((32, 32), (32, 20)),
]


def pattern(width, height):
    """Sharp and smooth parts; the same formula stands in src/resample.rs."""
    data = bytearray()
    for y in range(height):
        for x in range(width):
            for c in range(3):
                noise = (x * 7919 + y * 104729 + c * 1299709 + x * y * 31) % 256
                stripe = 255 if (x // 3 + y // 2 + c) % 3 == 0 else 0
                data.append(noise if (x + y) % 2 else stripe)
    return Image.frombytes("RGB", (width, height), bytes(data))


def smooth(width, height):
    """Like a photograph: lossy formats keep it well."""
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            image.putpixel(
                (x, y),
                (
                    int(127 + 100 * math.sin(x / 7) * math.cos(y / 5)),
                    int(127 + 90 * math.cos((x + y) / 9)),
                    int(40 + 150 * y / height),
                ),
            )
    return image


def resize():
    out = bytearray()
    for filter in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        for source, target in CASES:
            out += pattern(*source).resize(target, filter).tobytes()
    (HERE / "resize.bin").write_bytes(out)


def pictures():
    picture = smooth(24, 17)
    grey = picture.convert("L")
    alpha = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    rgba = picture.copy()
    rgba.putalpha(alpha)
    la = grey.copy()
    la.putalpha(alpha)
    exif = Image.Exif()
    exif[0x0112] = 6
    mirrored = Image.Exif()
    mirrored[0x0112] = 5
    grey16 = Image.new("I;16", (24, 17))
    for y in range(17):
        for x in range(24):
            grey16.putpixel((x, y), (x * 2731 + y * 977) % 65536)

    picture.save(HERE / "rgb.png")
    rgba.save(HERE / "rgba.png")
    grey.save(HERE / "grey.png")
    la.save(HERE / "grey-alpha.png")
    grey16.save(HERE / "grey16.png")
    picture.convert("1").save(HERE / "bits.png")
    picture.quantize(16).save(HERE / "palette.png", transparency=3)
    picture.save(HERE / "colour.jpg", quality=90, subsampling=0)
    picture.save(HERE / "subsampled.jpg", quality=90, subsampling=2)
    picture.save(HERE / "progressive.jpg", quality=90, progressive=True)
    grey.save(HERE / "grey.jpg", quality=90)
    picture.convert("CMYK").save(HERE / "cmyk.jpg", quality=95)
    picture.save(HERE / "turned.jpg", quality=95, subsampling=0, exif=exif)
    picture.save(HERE / "mirrored.png", exif=mirrored)
    picture.save(HERE / "lossless.webp", lossless=True)
    picture.save(HERE / "lossy.webp", quality=90)
    rgba.save(HERE / "rgba.webp", lossless=True, exact=True)
    for path in sorted(HERE.iterdir()):
        if path.suffix in (".png", ".jpg", ".webp"):
            image = ImageOps.exif_transpose(Image.open(path))
            if image.mode == "I;16":
                # convert("RGB") would clip: all but the darkest 255 of 65,536 greys come out white. We keep the
                # high byte, as Pillow itself does for 16-bit colour.
                image = image.point(lambda value: value / 256, "L")
            image = image.convert("RGB")
            (HERE / (path.name + ".rgb")).write_bytes(image.tobytes())


if __name__ == "__main__":
    resize()
    pictures()
