"""Does PyTorch load what we export, and does it compute the same? Needs torch and numpy (pip install torch numpy); for
ImageNet's networks timm and safetensors as well.

    python tests/export_roundtrip.py FILE MODEL LOGITS_JSON [FILE MODEL LOGITS_JSON]...

FILE is a safetensors file of `cargo xtask export`, MODEL its name and LOGITS_JSON holds our logits of goldens/recipe.py's
batch: {"input": [n, 3, height, width], "logits": [[...], ...]}. A network for CIFAR (resnet20-v2, see
xtask/peers/networks.py) is loaded strictly into goldens/reference.py's. One of timm's own (resnet50d) must have timm's
config.json beside FILE; timm itself loads it, as pretrained weights from that file, and once more from the folder if FILE is
called model.safetensors; what timm would do to an image must be what the config says. Both compute in float64, and each logit
must agree to 1e-4 of its own size or of the root mean square of all, whichever is larger.

Exit code: 0 they agree, 1 they do not or a file or module cannot be used, 2 a wrong command line.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "xtask" / "peers"), str(HERE / "goldens")]
from networks import network, torch_or_exit  # noqa: E402

torch = torch_or_exit()
import numpy as np  # noqa: E402
import recipe  # noqa: E402

TOLERANCE = 1e-4
TYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8"}


def load(path):
    """The tensors of a safetensors file. Read by hand, so that torch and numpy are all that is needed: eight bytes of
    length, a JSON header of that length with types, shapes and places, then the values."""
    data = pathlib.Path(path).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    values = data[8 + length :]

    def tensor(entry):
        start, end = entry["data_offsets"]
        array = np.frombuffer(values[start:end], TYPES[entry["dtype"]]).reshape(entry["shape"])
        return torch.from_numpy(array.copy())

    return {name: tensor(entry) for name, entry in header.items()}


def with_aliases(tensors, model):
    """The reference's v1 units hold a projection under two names, downsample and shortcut; files know the first only."""
    twins = {k: k.replace(".shortcut.", ".downsample.") for k in model.state_dict() if ".shortcut." in k}
    if known := twins.keys() & tensors.keys():
        raise ValueError(f"unexpected names: {sorted(known)}")
    return tensors | {alias: tensors[k] for alias, k in twins.items() if k in tensors}


def reference_logits(tensors, name, n):
    classifier = tensors.get("head.fc.bias", tensors.get("fc.bias"))
    if classifier is None:
        raise ValueError("neither head.fc.bias nor fc.bias is in the file")
    model = network(name, classes=len(classifier)).double().eval()
    model.load_state_dict(with_aliases(tensors, model), strict=True)
    with torch.no_grad():
        return model(torch.from_numpy(recipe.batch(n, 32, 32)).double()).numpy()


def timm_logits(file, name, shape):
    import timm
    from timm.data import resolve_model_data_config

    file = pathlib.Path(file)
    config = json.loads((file.parent / "config.json").read_text())
    cfg, classes = config["pretrained_cfg"], config["num_classes"]
    if config["architecture"] != name:
        raise ValueError(f"the config's architecture is {config['architecture']}")
    overlay = cfg | {"file": str(file)}
    models = [timm.create_model(name, pretrained=True, num_classes=classes, pretrained_cfg_overlay=overlay)]
    if file.name == "model.safetensors":
        models.append(timm.create_model(f"local-dir:{file.parent}", pretrained=True))
    images = torch.from_numpy(recipe.batch(*(shape[0], *shape[2:]))).double()
    logits = []
    for model in models:
        found = resolve_model_data_config(model)
        for key in ("input_size", "mean", "std"):
            found[key] = list(found[key])
        if differing := [key for key in found if key in cfg and found[key] != cfg[key]]:
            raise ValueError(f"timm has other {differing} than the config: {found}")
        with torch.no_grad():
            logits.append(model.double().eval()(images).numpy())
    if any((other != logits[0]).any() for other in logits):
        raise ValueError("the folder's weights are not the file's")
    return logits[0]


def agree(what, ours, expected):
    relative = np.abs(ours - expected) / np.maximum(np.abs(expected), np.sqrt(np.mean(expected**2)))
    # A NaN is not below anything.
    if not (relative <= TOLERANCE).all():
        sys.exit(f"{what}: logits differ by {np.max(relative):.3g} relative, where {TOLERANCE:g} is allowed")
    print(f"{what}: {expected.size} logits agree to {np.max(relative):.3g} relative")


def check(file, name, ours_file):
    try:
        ours = json.loads(pathlib.Path(ours_file).read_text())
        shape, logits = ours["input"], np.array(ours["logits"], dtype=np.float64)
        if len(shape) != 4 or shape[1] != 3 or shape[0] < 1:
            raise ValueError(f"the input is {shape} and not [n, 3, height, width]")
        if shape[2:] == [32, 32]:
            expected = reference_logits(load(file), name, shape[0])
        else:
            expected = timm_logits(file, name, shape)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as cause:
        # RuntimeError: what load_state_dict(strict=True) finds missing, unexpected or of another shape.
        sys.exit(f"{file} as {name}, {ours_file}: {type(cause).__name__}: {cause}")
    if logits.shape != expected.shape:
        sys.exit(f"our logits are {logits.shape}, PyTorch's {expected.shape}")
    agree(name, logits, expected)


def main():
    arguments = sys.argv[1:]
    if not arguments or len(arguments) % 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    for triple in zip(*[iter(arguments)] * 3):
        check(*triple)


if __name__ == "__main__":
    main()
