"""read_mnist.py: the files of examples/data/mnist as arrays. The programs of MNIST beside it import it."""
import gzip
import os

import numpy as np

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../examples/data/mnist')


# [read]
def read(name, header):
    """The bytes of one file, after its header."""
    with gzip.open(os.path.join(FOLDER, name)) as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load(part):
    """part is 'train' or 't10k'. Images [N, 28, 28] from 0 to 1, and labels [N] from 0 to 9."""
    images = read(part + '-images-idx3-ubyte.gz', 16).reshape(-1, 28, 28)
    labels = read(part + '-labels-idx1-ubyte.gz', 8)
    return images / np.float32(255), labels.astype(np.int64)
# [/read]
