"""mlp_torch.py DATA eager|compiled BATCH HIDDEN...: what mlp.c does, by PyTorch at its best.

The images are one tensor of floats in memory, batches are picked from it by a permutation: faster than a DataLoader.
eager is the usual loop, with the fused Adam, which was faster than foreach. compiled is one function for the whole
step, gradients and Adam included, made by torch.compile: the fastest that was found, faster than compiling the model
alone. Both flush denormal numbers, as deepc's Adam does."""
import os
import sys

import peer
import torch
import torch.nn.functional as F


def layers_of(sizes):
    torch.manual_seed(1)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(inputs, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def eager(sizes):
    net = layers_of(sizes)
    adam = torch.optim.Adam(net.parameters(), 1e-3, fused=True)

    def step(x, y):
        loss = F.cross_entropy(net(x), y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.detach()
    return step, net


def forward(params, x):
    for i in range(0, len(params), 2):
        x = torch.addmm(params[i + 1], x, params[i])
        x = x.relu() if i + 2 < len(params) else x
    return x


def compiled(sizes):
    params = [p.detach().t().contiguous() for p in layers_of(sizes).parameters()]
    first, second = [torch.zeros_like(p) for p in params], [torch.zeros_like(p) for p in params]
    power1, power2 = torch.ones(()), torch.ones(())

    @torch.compile(dynamic=False)
    def compute(x, y):
        gradient, loss = torch.func.grad_and_value(lambda p: F.cross_entropy(forward(p, x), y))(params)
        power1.mul_(0.9)
        power2.mul_(0.999)
        for p, m, v, g in zip(params, first, second, gradient):
            m.lerp_(g, 0.1)
            v.mul_(0.999).addcmul_(g, g, value=0.001)
            p.sub_(1e-3 / (1 - power1) * m / ((v / (1 - power2)).sqrt() + 1e-8))
        return loss
    return compute, lambda x: forward(params, x)


def main():
    folder, kind, batch = sys.argv[1], sys.argv[2], int(sys.argv[3])
    sizes = [784] + [int(h) for h in sys.argv[4:]] + [10]
    torch.set_num_threads(int(os.environ['BENCH_THREADS']))
    torch.set_flush_denormal(True)
    (x, y), (test_x, test_y) = [(torch.from_numpy(images / 255).float(), torch.from_numpy(labels.astype('i8')))
                                for images, labels in (peer.mnist(folder, 'train'), peer.mnist(folder, 't10k'))]
    step, net = compiled(sizes) if kind == 'compiled' else eager(sizes)

    def epoch(_):
        total = torch.zeros(())
        for rows in torch.randperm(len(x)).split(batch):
            total += step(x.index_select(0, rows), y.index_select(0, rows)) * len(rows)
        return float(total) / len(x)

    peer.converse(epoch)
    with torch.no_grad():
        accuracy = (net(test_x).argmax(1) == test_y).float().mean()
    print('accuracy=%.4f\nsetting=%s' % (accuracy, 'whole step' if kind == 'compiled' else 'fused Adam'))


main()
