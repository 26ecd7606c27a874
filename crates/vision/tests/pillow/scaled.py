"""Writes scaled.txt: what libjpeg makes of JPEG files at a half, a quarter and an eighth of their size.

    python3 crates/vision/tests/pillow/scaled.py DIR

DIR holds photos/, from ../shared/data/prepare.py. Made with Pillow 13.0.0, whose `draft` passes the scale on to
libjpeg-turbo. A line has the file (of this folder, or with a / of DIR/images), the divisor, width, height, and the
CRC-32 of the pixels in RGB, as stored.
"""

import sys
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent


def line(name, path, divisor):
    image = Image.open(path)
    width, height = image.size
    if image.format != "JPEG" or min(image.size) < divisor:
        return []
    image.draft(None, (width // divisor, height // divisor))
    assert image.size == (-(-width // divisor), -(-height // divisor)), path
    pixels = image.convert("RGB").tobytes()
    return [f"{name} {divisor} {image.width} {image.height} {zlib.crc32(pixels):08x}"]


def main():
    images = Path(sys.argv[1]) / "photos"
    files = [(path.name, path) for path in sorted(HERE.glob("*.jpg"))]
    files += [(str(path.relative_to(images)), path) for path in sorted(images.glob("*/*"))]
    lines = [text for name, path in files for divisor in (2, 4, 8) for text in line(name, path, divisor)]
    (HERE / "scaled.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
