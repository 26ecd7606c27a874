"""Writes checksums of what Pillow makes of images, for tests/real_images.rs to compare with.

    python3 crates/vision/tests/pillow/images.py "$RESNET_TEST_DATA"

Made with Pillow 13.0.0 from the images that ../shared/data/prepare.py unpacks. images.txt has a line for each:
its path below photos/, width, height, and the CRC-32 of the decoded pixels and of each of RESIZED in order.
"""

import sys
import zlib
from pathlib import Path

from PIL import Image

# (filter, what becomes of a side): down and up, as tests/images.rs does it.
RESIZED = [
    (filter, scale)
    for filter in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    for scale in (lambda side: side // 3 + 1, lambda side: side * 5 // 4)
]


def main():
    images = Path(sys.argv[1]) / "photos"
    lines = []
    for path in sorted(images.glob("*/*")):
        image = Image.open(path).convert("RGB")
        made = [image] + [image.resize(tuple(map(scale, image.size)), filter) for filter, scale in RESIZED]
        sums = [f"{zlib.crc32(image.tobytes()):08x}" for image in made]
        width, height = image.size
        lines.append(f"{path.relative_to(images)} {width} {height} {' '.join(sums)}\n")
    (Path(__file__).parent / "images.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
