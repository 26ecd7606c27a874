"""Do torchvision and timm load what we export, and do they see in an image what `predict --logits` saw? Needs torch,
torchvision, timm, safetensors and Pillow.

    python tests/export_peers.py FILE LIBRARY MODEL IMAGE PREDICTION_JSON [...]

FILE is a safetensors file of `cargo xtask export`, LIBRARY torchvision or timm, MODEL the library's name of the network,
PREDICTION_JSON what `cargo xtask predict --checkpoint FILE --logits --json IMAGE` printed. The tensors are loaded with
strict=True. The image is decoded by Pillow and prepared as timm's config.json beside FILE says, where there is one, by
timm's own create_transform; otherwise as FILE's metadata say, by torchvision's transforms. The library computes in float64,
and each logit must agree to 1e-4 of its own size or of the root mean square of all, whichever is larger.

Exit code: 0 they agree, 1 they do not or a file or module cannot be used, 2 a wrong command line.
"""

import json
import pathlib
import sys

import numpy as np
import timm
import torch
import torchvision
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from torchvision import transforms

from export_roundtrip import agree


def network(library, name, classes):
    if library == "torchvision":
        return torchvision.models.get_model(name, weights=None, num_classes=classes)
    if library == "timm":
        return timm.create_model(name, num_classes=classes)
    raise ValueError(f"{library} is neither torchvision nor timm")


def prepare(file):
    config = file.parent / "config.json"
    if config.exists():
        cfg = json.loads(config.read_text())["pretrained_cfg"]
        return timm.data.create_transform(**timm.data.resolve_data_config({}, pretrained_cfg=cfg))
    with safe_open(file, "pt") as opened:
        says = opened.metadata()
    said = {key: json.loads(says[key]) for key in ("resize", "crop", "mean", "std")}
    return transforms.Compose(
        [
            transforms.Resize(said["resize"], transforms.InterpolationMode(says["interpolation"])),
            transforms.CenterCrop(said["crop"]),
            transforms.ToTensor(),
            transforms.Normalize(said["mean"], said["std"]),
        ]
    )


def check(file, library, name, image, prediction):
    file = pathlib.Path(file)
    found = np.array(json.loads(pathlib.Path(prediction).read_text())["logits"], dtype=np.float64)
    model = network(library, name, len(found))
    model.load_state_dict(load_file(file), strict=True)
    x = prepare(file)(Image.open(image).convert("RGB"))[None]
    with torch.no_grad():
        expected = model.double().eval()(x.double())[0].numpy()
    agree(f"{file} in {library}", found, expected)


def main():
    arguments = sys.argv[1:]
    if not arguments or len(arguments) % 5:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    for row in zip(*[iter(arguments)] * 5):
        check(*row)


if __name__ == "__main__":
    main()
