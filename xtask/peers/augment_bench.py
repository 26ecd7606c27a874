"""How many training examples a core prepares in a second with torchvision, beside crates/data/examples/augment_bench.rs.

    python3 xtask/peers/augment_bench.py FOLDER

FOLDER holds JPEG files or folders of them. Decoding alone, with Pillow, torchvision.io, simplejpeg and OpenCV; and from
files in memory to normalised numbers: decode, random resized crop 224, flip, normalise, with Pillow and with
torchvision.io and the v2 transforms on tensors. In one process and one thread; all take turns, pass by pass. Seconds are
those spent on a core; prints the median and the best of some passes. Needs torch, torchvision and Pillow, and leaves out
simplejpeg and OpenCV where they are missing.
"""

import io
import statistics
import sys
import time
from pathlib import Path

import numpy
import torch
import torchvision
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2

PASSES = 5
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    files = [path.read_bytes() for path in sorted(Path(sys.argv[1]).rglob("*")) if path.is_file() and not path.name.startswith(".")]
    pillow = transforms.Compose(
        [
            transforms.RandomResizedCrop(224),
            transforms.RandomHorizontalFlip(),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    tensors = v2.Compose(
        [
            v2.RandomResizedCrop(224, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )
    rgb = torchvision.io.ImageReadMode.RGB
    buffers = [torch.frombuffer(bytearray(data), dtype=torch.uint8) for data in files]
    work = {
        "Pillow: decode": (files, lambda data: Image.open(io.BytesIO(data)).convert("RGB")),
        "torchvision.io: decode": (buffers, lambda data: torchvision.io.decode_jpeg(data, mode=rgb)),
        "Pillow and torchvision": (files, lambda data: pillow(Image.open(io.BytesIO(data)).convert("RGB"))),
        "torchvision.io and v2": (buffers, lambda data: tensors(torchvision.io.decode_jpeg(data, mode=rgb))),
    }
    try:
        import simplejpeg

        work["simplejpeg: decode"] = (files, lambda data: simplejpeg.decode_jpeg(data, "RGB"))
    except ImportError:
        print("simplejpeg is not installed")
    try:
        import cv2

        cv2.setNumThreads(1)
        arrays = [numpy.frombuffer(data, dtype=numpy.uint8) for data in files]
        work["OpenCV: decode"] = (arrays, lambda data: cv2.imdecode(data, cv2.IMREAD_COLOR))
    except ImportError:
        print("OpenCV is not installed")
    rates = {what: [] for what in work}
    for _ in range(PASSES):
        for what, (inputs, step) in work.items():
            start = time.process_time()
            for data in inputs:
                step(data)
            rates[what].append(len(inputs) / (time.process_time() - start))
    for what, rates in rates.items():
        print(f"{what}: median {statistics.median(rates):.0f} a second, best {max(rates):.0f}", flush=True)


if __name__ == "__main__":
    main()
