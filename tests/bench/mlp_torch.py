"""mlp_torch.py DATA eager|compiled BATCH HIDDEN...: what mlp.c does, by PyTorch at its best."""
import sys

import peer
import torch
import torch_training


def layers_of(sizes):
    torch.manual_seed(1)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def forward(params, x):
    for i in range(0, len(params), 2):
        x = torch.addmm(params[i + 1], x, params[i])
        x = x.relu() if i + 2 < len(params) else x
    return x


def main():
    folder, kind, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    (x, y), (test_x, test_y) = torch_training.prepare(folder)
    net = layers_of([784] + [int(h) for h in sys.argv[4:]] + [10])
    if kind == 'compiled':
        params = [p.detach().t().contiguous() for p in net.parameters()]
        step, net = torch_training.compiled(forward, params), lambda x: forward(params, x)
    else:
        step = torch_training.eager(net)

    def epoch(_):
        total = torch.zeros(())
        for rows in torch.randperm(len(x)).split(batch):
            total += step(x.index_select(0, rows), y.index_select(0, rows)) * len(rows)
        return float(total) / len(x)

    peer.converse(epoch)
    with torch.no_grad():
        torch_training.tell(net(test_x), test_y, 'whole step' if kind == 'compiled' else 'fused Adam')


main()
