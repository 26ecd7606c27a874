"""Writes CIFAR's files for Python with a few drawn images each, as Python 2 wrote the official ones.

    python generate.py        # numpy 2; any Python 3

cifar-10-batches-py and cifar-100-python are laid out and pickled as the archives of the authors are: protocol 2,
with Python 2's str. forms/ has one batch in every protocol that Python 3 writes, and one in Fortran's order.
Pixel i of image k of a file with this number is (7 i + 31 k + 5 number + i // 1024) % 251.
"""

import pickle
import struct
from pathlib import Path

import numpy

HERE = Path(__file__).parent


def images(count, number):
    i = numpy.arange(3072)
    return numpy.stack([(7 * i + 31 * k + 5 * number + i // 1024) % 251 for k in range(count)]).astype(numpy.uint8)


def python2(value):
    """What cPickle of Python 2 writes, without its memo."""
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(key) + python2(item) for key, item in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(python2(item) for item in value) + b"e"
    if isinstance(value, int):
        return b"K" + bytes([value]) if value < 256 else b"M" + struct.pack("<H", value)
    if isinstance(value, str):
        return b"U" + bytes([len(value)]) + value.encode()
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = python2(value.shape[0]) + python2(value.shape[1]) + b"\x86"
    raw = value.tobytes()
    return array + b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<I", len(raw)) + raw + b"tb"


def write(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\x80\x02" + python2(value) + b".")
    read = pickle.loads(path.read_bytes(), encoding="latin1")
    assert read.keys() == value.keys()
    assert all(numpy.array_equal(read[key], value[key]) for key in value)


def main():
    ten = HERE / "cifar-10-batches-py"
    for number in range(1, 7):
        count, test = (2, False) if number < 6 else (3, True)
        write(ten / ("test_batch" if test else f"data_batch_{number}"), {
            "batch_label": "testing batch 1 of 1" if test else f"training batch {number} of 5",
            "labels": [(number + k) % 10 for k in range(count)],
            "data": images(count, number),
            "filenames": [f"image_s_{k:06}.png" for k in range(count)],
        })
    names = "airplane automobile bird cat deer dog frog horse ship truck".split()
    write(ten / "batches.meta", {"num_cases_per_batch": 10000, "label_names": names, "num_vis": 3072})

    hundred = HERE / "cifar-100-python"
    for name, number, fine in [("train", 7, [19, 29, 99]), ("test", 8, [49, 0])]:
        write(hundred / name, {
            "filenames": [f"image_s_{k:06}.png" for k in range(len(fine))],
            "batch_label": f"{name}ing batch 1 of 1",
            "fine_labels": fine,
            "coarse_labels": [11] * len(fine),
            "data": images(len(fine), number),
        })
    # Not the official names, so that a test sees where they come from.
    write(hundred / "meta", {"fine_label_names": [f"fine {i}" for i in range(100)], "coarse_label_names": ["coarse"]})

    forms = HERE / "forms"
    forms.mkdir(exist_ok=True)
    batch = {"labels": [3, 8], "data": images(2, 1)}
    for protocol in range(6):
        (forms / f"protocol-{protocol}").write_bytes(pickle.dumps(batch, protocol))
    batch["data"] = numpy.asfortranarray(batch["data"])
    for protocol in (2, 5):
        (forms / f"fortran-{protocol}").write_bytes(pickle.dumps(batch, protocol))
    # Keys in bytes, as a program has them that read the official files with encoding="bytes".
    batch = {b"labels": [3, 8], b"data": images(2, 1).reshape(2, 3, 32, 32)}
    (forms / "bytes").write_bytes(pickle.dumps(batch))


main()
