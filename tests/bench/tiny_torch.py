"""tiny_torch.py line|tanh BATCH eager|compiled: what tiny.c does, by PyTorch. eager: tensors, their gradients and one
call that updates all of them; twice as fast as modules and an optimiser. compiled: torch.compile of the whole step."""
import os
import sys

import peer
import torch
import torch.nn.functional as F


def main():
    net, batch, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    torch.set_num_threads(int(os.environ['BENCH_THREADS']))
    inputs, size = (8, 8) if net == 'line' else (2, 16)
    x = torch.tensor(peer.numbers(1000, peer.BATCHES * batch * inputs)).reshape(peer.BATCHES, batch, inputs)
    y = torch.tensor([[[peer.target_of(row)] for row in rows] for rows in x.tolist()])
    x, y = list(x), list(y)
    params = [torch.tensor(peer.numbers(200, size)).reshape(size, 1), torch.tensor(peer.numbers(300, 1))]
    if net == 'tanh':
        params += [torch.tensor(peer.numbers(0, 32)).reshape(2, 16), torch.tensor(peer.numbers(100, 16))]

    def loss_of(params, x, y):
        if net == 'tanh':
            x = torch.tanh(torch.addmm(params[3], x, params[2]))
        return F.mse_loss(torch.addmm(params[1], x, params[0]), y)

    @torch.compile(dynamic=False)
    def compiled(x, y):
        gradient, loss = torch.func.grad_and_value(loss_of)(params, x, y)
        for p, g in zip(params, gradient):
            p.sub_(g, alpha=peer.RATE)
        return loss

    def eager(x, y):
        loss = loss_of(params, x, y)
        gradient = torch.autograd.grad(loss, params)
        with torch.no_grad():
            torch._foreach_add_(params, gradient, alpha=-peer.RATE)
        return loss

    step, done = compiled, 0
    if kind == 'eager':
        step = eager
        for p in params:
            p.requires_grad_()

    def run(steps):
        nonlocal done
        for i in range(done, done + steps):
            loss = step(x[i % peer.BATCHES], y[i % peer.BATCHES])
        done += steps
        return float(loss.detach())

    peer.converse(run)


main()
