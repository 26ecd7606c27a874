"""Writes what Pillow makes of small images, for src/resample.rs and tests/image.rs to compare with.

    python3 crates/vision/tests/pillow/generate.py

Made with Pillow 13.0.0 and, for two samplings that Pillow cannot write, opencv-python-headless 5.0.0. No randomness: images are formulas. In this folder it writes
- resize.bin: for each case of CASES in order, the resized image, interleaved RGB;
- boxes.bin: the same for each case of BOXES, of which only a box is resized;
- NAME.EXT, NAME.rgb: an image file and what Pillow's convert("RGB") makes of it, turned upright.
"""

import math
import struct
import zlib
from pathlib import Path

import cv2
import numpy
from PIL import Image, ImageOps

HERE = Path(__file__).parent

# (width, height) of the image, (width, height) of the result; src/resample.rs has the same list.
CASES = [
    ((37, 23), (16, 10)),
    ((37, 23), (64, 40)),
    ((23, 37), (7, 50)),
    ((50, 50), (9, 9)),
    ((5, 3), (31, 17)),
    ((64, 1), (8, 3)),
    ((32, 32), (32, 20)),
]

# (width, height) of the image, left, top, right, bottom of the box, (width, height) of the result; as there.
BOXES = [
    ((37, 23), (0.25, 0.5, 36.75, 22.25), (16, 10)),
    ((37, 23), (0.875, 0.0, 36.125, 23.0), (5, 7)),
    ((23, 37), (0.5, 0.75, 22.5, 36.25), (40, 50)),
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
    """Like an image: lossy formats keep it well."""
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


def boxes():
    out = bytearray()
    for filter in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        for source, box, target in BOXES:
            out += pattern(*source).resize(target, filter, box).tobytes()
    (HERE / "boxes.bin").write_bytes(out)


def images():
    image = smooth(24, 17)
    grey = image.convert("L")
    alpha = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    rgba = image.copy()
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

    image.save(HERE / "rgb.png")
    rgba.save(HERE / "rgba.png")
    grey.save(HERE / "grey.png")
    la.save(HERE / "grey-alpha.png")
    grey16.save(HERE / "grey16.png")
    image.convert("1").save(HERE / "bits.png")
    image.quantize(16).save(HERE / "palette.png", transparency=3)
    image.save(HERE / "colour.jpg", quality=90, subsampling=0)
    image.save(HERE / "subsampled.jpg", quality=90, subsampling=2)
    image.save(HERE / "progressive.jpg", quality=90, progressive=True)
    grey.save(HERE / "grey.jpg", quality=90)
    image.convert("CMYK").save(HERE / "cmyk.jpg", quality=95)
    image.save(HERE / "turned.jpg", quality=95, subsampling=0, exif=exif)
    image.save(HERE / "mirrored.png", exif=mirrored)
    image.save(HERE / "lossless.webp", lossless=True)
    image.save(HERE / "lossy.webp", quality=90)
    rgba.save(HERE / "rgba.webp", lossless=True, exact=True)
    image.save(HERE / "half-width.jpg", quality=90, subsampling=1)
    image.save(HERE / "progressive-full.jpg", quality=95, subsampling=0, progressive=True)
    image.save(HERE / "restarts.jpg", quality=90, subsampling=2, restart_marker_blocks=1)
    image.save(HERE / "stored-rgb.jpg", quality=90, subsampling=0, keep_rgb=True)
    # Colour of two columns is repeated, not filtered.
    image.crop((0, 0, 4, 7)).save(HERE / "narrow.jpg", quality=90, subsampling=2)
    bgr = numpy.asarray(image)[:, :, ::-1]
    for name, sampling in (
        ("half-height.jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440),
        ("quarter-width.jpg", cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411),
    ):
        options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        cv2.imwrite(str(HERE / name), bgr, options)
    # The same bytes, said to be YCCK.
    cmyk = (HERE / "cmyk.jpg").read_bytes()
    transform = cmyk.index(b"Adobe") + 11
    (HERE / "ycck.jpg").write_bytes(cmyk[:transform] + b"\2" + cmyk[transform + 1 :])
    # Grey whose header tells of a sampling that nothing can be sampled against.
    only = (HERE / "grey.jpg").read_bytes()
    sampling = only.index(b"\xff\xc0") + 11
    (HERE / "grey-sampled.jpg").write_bytes(only[:sampling] + b"\x22" + only[sampling + 1 :])
    rows = b"".join(b"\0" + b"".join(struct.pack(">3H", x * 2731, y * 3855, x * y * 160) for x in range(24)) for y in range(17))
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 24, 17, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    written = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    (HERE / "rgb16.png").write_bytes(b"\x89PNG\r\n\x1a\n" + written)
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
    boxes()
    images()
