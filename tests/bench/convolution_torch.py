"""convolution_torch.py contiguous_format|channels_last TASK...: what convolution.c does, by PyTorch, in one of its two
layouts. Its convolutions are oneDNN's."""
import os
import sys
import time

import numpy as np
import peer
import torch

LONG_ENOUGH = 0.01


def numbers(first, count):
    """peer.numbers at once; NumPy wraps around as C does."""
    i = np.arange(first, first + count, dtype=np.uint32) * np.uint32(2654435761)
    i ^= i >> np.uint32(16)
    i *= np.uint32(0x45d9f3b)
    i ^= i >> np.uint32(16)
    return ((i & np.uint32(0xffff)) / 65536 - 0.5).astype(np.float32)


def tensor(first, *shape):
    return torch.from_numpy(numbers(first, int(np.prod(shape))).reshape(shape))


class Task:
    def __init__(self, text, layout):
        what, *rest = text.split()
        images, side, channels, size, filters, zeros, groups = map(int, rest)
        x = tensor(0, images, side, side, channels).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        w = tensor(1000, size, size, channels // groups, filters).permute(3, 2, 0, 1).contiguous(memory_format=layout)
        side += 2 * zeros - size + 1
        dy = tensor(2000, images, side, side, filters).permute(0, 3, 1, 2).contiguous(memory_format=layout)
        how = [1, 1], [zeros, zeros], [1, 1], False, [0, 0], groups
        backward = torch.ops.aten.convolution_backward
        if what == 'forward':
            self.call = lambda: torch.ops.aten.convolution(x, w, None, *how)
            y = self.call().permute(0, 2, 3, 1)
        elif what == 'filters':
            self.call = lambda: backward(dy, x, w, None, *how, [False, True, False])
            y = self.call()[1].permute(2, 3, 1, 0)
        else:
            self.call = lambda: backward(dy, x, w, None, *how, [True, False, False])
            y = self.call()[0].permute(0, 2, 3, 1)
        y = y.contiguous().numpy().ravel().astype(np.float64)
        self.sum = float(y @ numbers(0, len(y)))
        self.repeats = 1
        self.repeats = int(LONG_ENOUGH / min(self.measure(), self.measure())) + 1

    def measure(self):
        """Seconds of one call. As many before the clock starts wake the workers."""
        for _ in range(self.repeats):
            self.call()
        start = time.perf_counter()
        for _ in range(self.repeats):
            self.call()
        return (time.perf_counter() - start) / self.repeats


def main():
    layout, tasks = getattr(torch, sys.argv[1]), {}
    torch.set_num_threads(int(os.environ['BENCH_THREADS']))
    print('ready', flush=True)
    with torch.no_grad():
        for line in sys.stdin:
            i = int(line.split()[1])
            if i not in tasks:
                tasks[i] = Task(sys.argv[2 + i], layout)
            print('%.9f %.9g' % (tasks[i].measure(), tasks[i].sum), flush=True)


main()
