"""Writes checksums of what Pillow makes of photographs, for tests/photos.rs to compare with.

    python3 crates/vision/tests/pillow/photos.py "$RESNET_TEST_DATA"

Made with Pillow 13.0.0 from the photographs that ../shared/data/prepare.py unpacks. photos.txt has a line for each:
its path below photos/, width, height, and the CRC-32 of the decoded pixels and of each of RESIZED in order.
"""

import sys
import zlib
from pathlib import Path

from PIL import Image

# (filter, what becomes of a side): down and up, as tests/photos.rs does it.
RESIZED = [
    (filter, scale)
    for filter in (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
    for scale in (lambda side: side // 3 + 1, lambda side: side * 5 // 4)
]


def main():
    photos = Path(sys.argv[1]) / "photos"
    lines = []
    for path in sorted(photos.glob("*/*")):
        picture = Image.open(path).convert("RGB")
        made = [picture] + [picture.resize(tuple(map(scale, picture.size)), filter) for filter, scale in RESIZED]
        sums = [f"{zlib.crc32(image.tobytes()):08x}" for image in made]
        width, height = picture.size
        lines.append(f"{path.relative_to(photos)} {width} {height} {' '.join(sums)}\n")
    (Path(__file__).parent / "photos.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
