"""Writes steps.txt: checksums of what Pillow decodes from this folder's JPEG files with every step of quantisation set to
another number, so that coefficients lie far outside of what images have.

    python3 steps.py        Pillow 13.0
"""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

HERE = Path(__file__).parent
NAMES = ["subsampled", "progressive", "half-height", "quarter-width", "restarts", "ycck"]


def with_steps(data, step):
    data, place = bytearray(data), 2
    while data[place + 1] != 0xDA:
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        if data[place + 1] == 0xDB:
            for table in range(place + 4, place + 2 + length, 65):
                data[table + 1 : table + 65] = bytes([step] * 64)
        place += 2 + length
    return bytes(data)


lines = []
for name in NAMES:
    for step in (40, 120, 255):
        image = Image.open(io.BytesIO(with_steps((HERE / f"{name}.jpg").read_bytes(), step)))
        lines.append(f"{name}.jpg {step} {zlib.crc32(image.convert('RGB').tobytes()):08x}\n")
(HERE / "steps.txt").write_text("".join(lines))
