"""Writes the .pth files beside it with PyTorch's own torch.save; ../pytorch.rs knows what is in them.

    python generate.py        # torch 2.15.0 and numpy 2.5.3 wrote the files in the repository

Each is a few kB. Numbers are counted up from 0, so that the test needs no second copy of them. Whatever is written
here is loaded again, by PyTorch, and compared.
"""

import argparse
import collections
import datetime
import enum
import pathlib
import pickle
import posix
import struct
import zipfile

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parent


def count(*shape, dtype=torch.float32):
    size = torch.Size(shape).numel()
    return torch.arange(size, dtype=torch.float64).reshape(shape).to(dtype)


class Runs:
    """What a hostile pickle does: name a function, and have it called."""

    def __reduce__(self):
        return posix.system, ("true",)


class Config(dict):
    pass


class Phase(enum.Enum):
    WARM = 1


def everything():
    """What trainings keep beside their weights, all of it of no interest here."""
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    model(count(1, 3)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [100, 150])
    return {
        "args": argparse.Namespace(lr=0.1, arch="resnet20", out=pathlib.PurePosixPath("runs")),
        "config": Config(depth=20, nested=Config(a=1)),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
        "scheduler_itself": scheduler,
        "counter": collections.Counter("aab"),
        "default": collections.defaultdict(list, {"loss": [0.5, 0.25]}),
        "deque": collections.deque([1, 2], maxlen=2),
        "size": torch.Size([2, 3]),
        "device": torch.device("cpu"),
        "dtype": torch.float16,
        "sets": [{1, 2}, frozenset("a")],
        "bytes": [b"\x00\xff", bytearray(b"ab"), b""],
        "numbers": [1 + 2j, 2**70, -(2**200), 10**9, 1e300, float("nan")],
        "rng": [torch.get_rng_state()[:16].clone(), numpy.random.RandomState(0).get_state(legacy=False)["bit_generator"]],
        "numpy": {"best": numpy.float64(0.5), "curve": numpy.arange(3)},
        "when": datetime.datetime(2026, 11, 27),
        "phase": Phase.WARM,
        "loss": torch.nn.functional.cross_entropy,
        "slice": slice(1, 2),
        "range": range(3),
        "best_acc1": torch.tensor(76.1),
        "steps": torch.tensor(7),
        "callbacks": [{"module": Runs}],
    }


class Legacy(pickle._Pickler):
    """A pickler of the layout before PyTorch 1.6, as PyTorch 0.1 to 0.3 used it under Python 2."""

    def __init__(self, file):
        super().__init__(file, protocol=2)
        self.storages = {}

    def persistent_id(self, value):
        if not isinstance(value, torch.FloatTensor) or value.dim() != 1 or not hasattr(value, "is_storage"):
            return None
        key = str(94000 + len(self.storages))
        self.storages[key] = value
        return ("storage", torch.FloatStorage, key, "cpu", value.numel(), (key + "0", 1, value.numel() - 1))

    def save_str(self, text):
        data = text.encode()
        self.write(b"U" + bytes([len(data)]) + data)
        self.memoize(text)

    dispatch = {**pickle._Pickler.dispatch, str: save_str}


class Ancient:
    """A tensor or parameter in a form that PyTorch wrote once: a call, or an object and its state."""

    def __init__(self, function, arguments, state=None):
        self.made = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.made


def ancient(path):
    storage = count(7)
    storage.is_storage = True
    rest = (1, torch.Size([2, 2]), (2, 1))
    tensor = Ancient(torch._utils._rebuild_tensor, (storage, *rest))
    weights = [
        ["called", tensor],
        ["parameter", Ancient(torch.nn.Parameter, (tensor,))],
    ]
    ordered = Ancient(collections.OrderedDict, (weights,))
    with open(path, "wb") as file:
        pickle.dump(0x1950A86A20F9469CFC6C, file, protocol=2)
        pickle.dump(1001, file, protocol=2)
        pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {"long": 4}}, file, protocol=2)
        pickler = Legacy(file)
        pickler.dump({"epoch": 3, "state_dict": ordered})
        pickle.dump(list(pickler.storages), file, protocol=2)
        for value in pickler.storages.values():
            file.write(struct.pack("<q", value.numel()) + value.numpy().tobytes())
    expected = count(7)[1:][1:5].reshape(2, 2)
    read = torch.load(path, weights_only=False, encoding="utf-8")["state_dict"]
    for name in ("called", "parameter"):
        assert torch.equal(read[name].detach(), expected), name


class Block(torch.nn.Module):
    """akamaster's and torchvision's unit of two layers, with a projection where the shape changes."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(outputs)
        self.conv2 = torch.nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = torch.nn.BatchNorm2d(outputs)
        self.downsample = torch.nn.Identity()
        if stride != 1:
            projection = torch.nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.downsample = torch.nn.Sequential(projection, torch.nn.BatchNorm2d(outputs))

    def forward(self, x):
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))) + self.downsample(x))


class ResNet8(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = torch.nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = torch.nn.BatchNorm2d(16)
        self.layer1 = torch.nn.Sequential(Block(16, 16, 1))
        self.layer2 = torch.nn.Sequential(Block(16, 32, 2))
        self.layer3 = torch.nn.Sequential(Block(32, 64, 2))
        self.fc = torch.nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(torch.relu(self.bn1(self.conv1(x))))))
        return self.fc(x.mean((2, 3)))


class Wrapped(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.net = ResNet8()

    def forward(self, x):
        return self.net(x)


def network():
    """A network in two wrappers among what a training keeps, and its logits. Its weights are few numbers, so that
    the file compresses."""
    generator = torch.Generator().manual_seed(0)
    averaged = torch.optim.swa_utils.AveragedModel(Wrapped()).eval()
    for name, tensor in averaged.module.state_dict().items():
        if tensor.is_floating_point():
            steps = torch.randint(-1, 2, tensor.shape, generator=generator).float()
            one = name.endswith("running_var") or tensor.dim() == 1 and name.endswith("weight")
            tensor.copy_(1 + steps / 4 if one else steps * (2 / max(1, tensor[0].numel())) ** 0.5)
    image = (torch.arange(3 * 32 * 32) * 37 % 256).float().reshape(1, 3, 32, 32) / 255
    with torch.no_grad():
        print("logits of network.pth:", averaged.double()(image.double()).flatten().tolist())
    optimizer = torch.optim.SGD(averaged.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [100, 150])
    training = {"args": argparse.Namespace(lr=0.1), "scheduler": scheduler.state_dict()}
    save({**training, "state_dict": averaged.float().state_dict()}, "network.pth")
    deflate("network.pth", "network.pth")


def deflate(name, deflated):
    """Compresses a file as zip programs do."""
    with zipfile.ZipFile(HERE / name) as stored:
        records = [(name, stored.read(name)) for name in stored.namelist()]
    with zipfile.ZipFile(HERE / deflated, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, data in records:
            file.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)


def save(what, name, **options):
    """Saves, and sees that PyTorch loads it."""
    torch.save(what, HERE / name, **options)
    torch.load(HERE / name, weights_only=False)


OLD = {"_use_new_zipfile_serialization": False}


def main():
    torch.manual_seed(0)
    large = count(4, 6)
    shared = count(5)
    views = {
        "plain": count(2, 3, 2),
        "half": count(3, dtype=torch.float16),
        "bfloat": count(3, dtype=torch.bfloat16),
        "double": count(3, dtype=torch.float64),
        "transposed": large.t(),
        "channels_last": count(2, 3, 2, 2).to(memory_format=torch.channels_last),
        "part": large[1:3, 2:5],
        "expanded": count(2, 1).expand(2, 3),
        "scalar": torch.tensor(7.0),
        "none": torch.empty(0, 4),
        "one": shared,
        "same": shared,
        "bn.num_batches_tracked": torch.tensor(9),
    }
    weight = {"module.fc.weight": count(2, 3), "module.fc.bias": count(2)}
    training = {
        "epoch": 3,
        "best": 0.5,
        "seen": 2**40,
        "arch": "résnet",
        "finished": False,
        "history": [(1, None), {"loss": -2.5}],
        "optimizer": {"state": {0: {"momentum_buffer": count(2)}}, "param_groups": [{"lr": 0.1, "params": [0]}]},
        "state_dict": weight,
    }
    linear = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    linear[0].weight.data = count(2, 3)
    linear[0].bias.data = count(2)
    linear[1].register_buffer("seen", torch.ones(1), persistent=False)
    save(views, "views.pth")
    save(views, "old-views.pth", **OLD)
    save(training, "training.pth")
    save({"weights": weight, "epoch": 1}, "own-key.pth")
    save(linear.state_dict(keep_vars=True), "parameters.pth")
    save({"weight": count(2, dtype=torch.int32)}, "integers.pth")
    save({"args": argparse.Namespace(lr=0.1), "state_dict": weight}, "arguments.pth")
    save({"weight": torch.tensor([1.0, float("nan"), float("-inf")])}, "not-finite.pth")
    save({"state_dict": weight, "extra": Runs()}, "hostile.pth")

    # Layouts, protocols, containers.
    for protocol in (1, 3, 4, 5):
        save(training, f"protocol-{protocol}.pth", pickle_protocol=protocol)
        save(training, f"old-protocol-{protocol}.pth", pickle_protocol=protocol, **OLD)
    save(training, "old.pth", **OLD)
    ancient(HERE / "ancient.pth")
    deflate("training.pth", "deflated.pth")

    # What else lies in files.
    save({**everything(), "state_dict": weight}, "everything.pth")
    save({**everything(), "state_dict": weight}, "old-everything.pth", **OLD)
    save(linear, "module.pth")
    # Without the source code of the modules' classes, which is optional.
    torch._sources.get_source_lines_and_file = torch.serialization.get_source_lines_and_file = None
    save({"epoch": 1, "model": torch.nn.DataParallel(linear), "ema": None}, "old-module.pth", **OLD)
    save(torch.optim.swa_utils.AveragedModel(torch.nn.Linear(3, 2)).state_dict(), "averaged.pth")
    save((weight, training["optimizer"]), "tuple.pth")

    # Tensors with more to them.
    attributed = torch.nn.Parameter(count(2))
    attributed.decay = False
    tagged = count(2)
    tagged.tag = "a"
    save({"attributed": attributed, "tagged": tagged, "buffer": torch.nn.Buffer(count(2))}, "attributes.pth")
    strange = {
        "weight": count(2),
        "long": count(2, dtype=torch.int64),
        "bool": torch.tensor([True]),
        "complex": count(2, dtype=torch.complex64),
        "float8": count(2, dtype=torch.float8_e4m3fn),
        "uint16": count(2, dtype=torch.uint16),
        "sparse": count(2, 2).to_sparse(),
        "quantized": torch.quantize_per_tensor(count(2), 0.5, 0, torch.qint8),
        "meta": torch.empty(2, device="meta"),
        "_extra_state": {"a": 1},
    }
    save(strange, "strange.pth")

    network()

    # Several state dicts.
    average = {name: value + 100 for name, value in weight.items()}
    save({"state_dict": weight, "state_dict_ema": average, "epoch": 1}, "ema.pth")
    save({"ema": average, "model": weight}, "ema-not-timms.pth")
    save({"checkpoint": {"params": weight, "params_ema": average}}, "ema-below.pth")
    save({"ema": average, "raw": weight}, "two-keys.pth")
    save({"student": weight, "teacher": average}, "two-equals.pth")


if __name__ == "__main__":
    main()
