"""Writes small .npy and safetensors files with NumPy and the safetensors package, for tests/test_files.c,
and checks that they read what deepc wrote.

    python files.py            writes tests/golden/files/
    python files.py FOLDER     reads what test_files left in FOLDER (DEEPC_TEST_FOLDER): array.npy,
                               scalar.npy, model.safetensors

Needs: pip install numpy safetensors (made with NumPy 2.4 and safetensors 0.8). bfloat16 is written by hand,
since NumPy has none. Every array of shape [2, 3, 4] holds i - 5 (unsigned: i) at its row-major place i."""
import json
import os
import struct
import sys
import numpy
from numpy.lib import format as npy
try:
    from safetensors.numpy import save_file, load_file
    from safetensors import safe_open
except ImportError:
    print("files.py: pip install safetensors; tests/golden/files/ stays as it is", file=sys.stderr)
    sys.exit(0)

here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")


def write():
    os.makedirs(here, exist_ok=True)
    whole = numpy.arange(24).reshape(2, 3, 4)
    for kind in [">f4", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "|b1"]:
        x = (whole % 2 if kind == "|b1" else whole - (0 if "u" in kind else 5)).astype(kind)
        numpy.save(os.path.join(here, name_of(kind) + ".npy"), x)
    x = (whole - 5).astype("<f4")
    numpy.save(os.path.join(here, "fortran.npy"), numpy.asfortranarray(x))
    numpy.save(os.path.join(here, "scalar.npy"), numpy.float32(2.5))
    numpy.save(os.path.join(here, "vector.npy"), numpy.array([0.1, -0.0, numpy.inf, -numpy.inf, numpy.nan], "<f4"))
    numpy.save(os.path.join(here, "empty.npy"), numpy.zeros((0, 3), "<f4"))
    numpy.save(os.path.join(here, "half.npy"), numpy.array(
        [0.1, 65504, 6.104e-05, 5.96e-08, -6.0e-06, numpy.inf, -numpy.inf, numpy.nan], "<f2"))
    numpy.save(os.path.join(here, "large.npy"), numpy.array([2**63 + 2**40, 1], "<u8"))
    for version in [(1, 0), (2, 0), (3, 0)]:
        with open(os.path.join(here, "version%d.npy" % version[0]), "wb") as f:
            npy.write_array(f, x, version=version)
    # What deepc must refuse.
    numpy.save(os.path.join(here, "bad_rank7.npy"), numpy.zeros((1,) * 7, "<f4"))
    numpy.save(os.path.join(here, "bad_object.npy"), numpy.array([{}, None]), allow_pickle=True)
    numpy.save(os.path.join(here, "bad_structured.npy"), numpy.zeros(2, [("a", "<f4"), ("b", "<i4")]))
    numpy.save(os.path.join(here, "bad_complex.npy"), numpy.zeros(2, "<c8"))
    numpy.save(os.path.join(here, "bad_text.npy"), numpy.array(["ab", "c"]))

    tensors = {}
    values = (numpy.arange(6).reshape(2, 3) - 2) / 4
    for kind in ["float64", "float32"]:
        tensors[kind] = values.astype(kind)
    save_file(tensors, os.path.join(here, "types.safetensors"), metadata={"made by": "a \"test\" \u00e4\U0001F600"})
    with open(os.path.join(here, "bfloat16.safetensors"), "wb") as f:
        data = b"".join(struct.pack("<f", v)[2:] for v in values.flatten())
        header = json.dumps({"bfloat16": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}})
        header += " " * (-len(header) % 8)
        f.write(struct.pack("<Q", len(header)) + header.encode() + data)
    with safe_open(os.path.join(here, "bfloat16.safetensors"), "np") as f:
        assert list(f.keys()) == ["bfloat16"]


def name_of(kind):
    return {"<": "little_", ">": "big_", "|": ""}[kind[0]] + kind[1:]


def check(folder):
    x = numpy.load(os.path.join(folder, "array.npy"))
    assert x.dtype in ("<f4", "<f8") and x.shape == (2, 3, 4) and x.flags.c_contiguous
    assert (x.flatten() == numpy.arange(24) - 5).all()
    scalar = numpy.load(os.path.join(folder, "scalar.npy"))
    assert scalar.shape == () and scalar == 2.5
    tensors = load_file(os.path.join(folder, "model.safetensors"))
    tensors = {name.replace(" ", "_"): x for name, x in tensors.items()}
    with open(os.path.join(folder, "model.txt")) as f:
        lines = [line.split() for line in f]
    assert len(lines) == len(tensors)
    for name, shape, *values in lines:
        assert list(tensors[name].shape) == [int(n) for n in shape.split("x")], name
        assert [float.hex(float(v)) for v in tensors[name].flatten()] == \
               [float.hex(float.fromhex(v)) for v in values], name
    with open(os.path.join(folder, "model.safetensors"), "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        metadata = json.loads(f.read(size))["__metadata__"]
    assert metadata["format"] == "deepc" and json.loads(metadata["architecture"])["layers"]
    print("NumPy and safetensors read what deepc wrote:", ", ".join(sorted(tensors)))


if __name__ == "__main__":
    check(sys.argv[1]) if len(sys.argv) > 1 else write()
