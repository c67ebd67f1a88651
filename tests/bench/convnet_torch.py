"""convnet_torch.py DATA eager|compiled contiguous_format|channels_last BATCH STEPS: what convnet.c does, by PyTorch at
its best, in one of the two layouts of its images and filters."""
import sys

import peer
import torch
import torch_training
from torch.nn import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU


def main():
    folder, kind, layout, batch, steps = *sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5])
    layout = getattr(torch, layout)
    (x, y), (test_x, test_y) = torch_training.prepare(folder)
    torch.manual_seed(1)
    net = torch.nn.Sequential(
        Conv2d(1, 32, 3), ReLU(), MaxPool2d(2), Conv2d(32, 64, 3), ReLU(), MaxPool2d(2), Flatten(), Dropout(0.5),
        Linear(1600, 10)).to(memory_format=layout)
    if kind == 'compiled':
        net.requires_grad_(False)
        params = dict(net.named_parameters())
        step = torch_training.compiled(
            lambda p, x: torch.func.functional_call(net, dict(zip(params, p)), x), list(params.values()))
    else:
        step = torch_training.eager(net)

    def batches():
        while True:
            for rows in torch.randperm(len(x)).split(batch):
                if len(rows) == batch:
                    images = x.index_select(0, rows).reshape(-1, 1, 28, 28)
                    yield images.contiguous(memory_format=layout), y.index_select(0, rows)

    source = batches()

    def run(_):
        total = torch.zeros(())
        for _ in range(steps):
            total += step(*next(source))
        return float(total) / steps

    peer.converse(run)
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net(images.contiguous(memory_format=layout))
                            for images in test_x.reshape(-1, 1, 28, 28).split(100)])
    torch_training.tell(logits, test_y, ('whole step, ' if kind == 'compiled' else 'fused Adam, ') +
                        sys.argv[3].replace('contiguous_format', 'default'))


main()
