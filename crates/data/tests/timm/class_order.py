"""In which order timm and torchvision number class folders: writes class_order.json beside itself.

python3 class_order.py        (timm 1.0.31, torchvision 0.29.2)
"""
import json, os, tempfile
from pathlib import Path

from timm.data.readers.reader_image_folder import find_images_and_targets
from torchvision.datasets import ImageFolder

SETS = [
    [str(i) for i in range(12)],
    [f"{i:02}" for i in range(12)],
    ["0", "01", "2", "03", "10", "4", "5", "06", "7", "8", "9"],
    [str(i) for i in range(1, 13)],
    ["n01440764", "n01443537", "n02123045"],
    ["ant", "bee", "cat"],
    ["class1", "class2", "class10"],
    ["Zebra", "ant", "Bee"],
    ["a b", "a-b", "a_b", "ab"],
    ["v1.10", "v1.9", "v1.9b", "v1"],
]

orders = []
for names in SETS:
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            os.mkdir(os.path.join(root, name))
            Path(root, name, "0.png").touch()
        theirs = find_images_and_targets(root)[1]
        orders.append({
            "timm": sorted(theirs, key=theirs.get),
            "torchvision": ImageFolder(root).classes,
        })
Path(__file__).with_name("class_order.json").write_text("".join(
    ["[\n", ",\n".join("  " + json.dumps(order) for order in orders), "\n]\n"]))
