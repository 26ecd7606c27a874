"""Does PyTorch load what we export, and does it compute the same? Needs torch and numpy (pip install torch numpy).

    python tests/export_roundtrip.py FILE MODEL LOGITS_JSON

FILE is a safetensors file of `cargo xtask export`, MODEL its name (resnet20-v2, see xtask/peers/networks.py) and
LOGITS_JSON holds our logits of goldens/recipe.py's batch: {"input": [n, 3, 32, 32], "logits": [[...], ...]}.
The file is loaded strictly into goldens/reference.py's network, computed in float64, and each logit must agree to 1e-4
of its own size or of the root mean square of all, whichever is larger.

Exit code: 0 they agree, 1 they do not or a file cannot be used, 2 a wrong command line, 77 there is no PyTorch.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "xtask" / "peers"), str(HERE / "goldens")]
from networks import network, torch_or_exit  # noqa: E402

torch = torch_or_exit(77)
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


def main():
    if len(sys.argv) != 4:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    file, name, ours_file = sys.argv[1:]
    try:
        ours = json.loads(pathlib.Path(ours_file).read_text())
        n, shape, logits = ours["input"][0], ours["input"][1:], np.array(ours["logits"], dtype=np.float64)
        if shape != [3, 32, 32] or n < 1:
            raise ValueError(f"the input is {ours['input']} and not [n, 3, 32, 32]")
        expected = reference_logits(load(file), name, n)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as cause:
        # RuntimeError: what load_state_dict(strict=True) finds missing, unexpected or of another shape.
        sys.exit(f"{file} as {name}, {ours_file}: {type(cause).__name__}: {cause}")
    if logits.shape != expected.shape:
        sys.exit(f"our logits are {logits.shape}, PyTorch's {expected.shape}")
    relative = np.abs(logits - expected) / np.maximum(np.abs(expected), np.sqrt(np.mean(expected**2)))
    # A NaN is not below anything.
    if not (relative <= TOLERANCE).all():
        sys.exit(f"{name}: logits differ by {np.max(relative):.3g} relative, where {TOLERANCE:g} is allowed")
    print(f"{name}: {expected.size} logits agree to {np.max(relative):.3g} relative")


if __name__ == "__main__":
    main()
