"""What trainings by PyTorch share: a step by the usual loop, or compiled as a whole.

eager is the usual loop, with the fused Adam, which was faster than foreach. compiled is one function for the whole
step, gradients and Adam included, made by torch.compile: the fastest that was found, faster than compiling the model
alone."""
import os

import peer
import torch
import torch.nn.functional as F


def prepare(folder):
    """Sets the threads; the images and labels to train on and to test with. The images are tensors of floats [N, 784],
    from which a permutation picks batches: faster than a DataLoader. Denormal numbers are flushed, as by deepc's
    Adam."""
    torch.set_num_threads(int(os.environ['BENCH_THREADS']))
    torch.set_flush_denormal(True)
    return [(torch.from_numpy(images / 255).float(), torch.from_numpy(labels.astype('i8')))
            for images, labels in (peer.mnist(folder, 'train'), peer.mnist(folder, 't10k'))]


def eager(net):
    adam = torch.optim.Adam(net.parameters(), 1e-3, fused=True)

    def step(x, y):
        loss = F.cross_entropy(net(x), y)
        adam.zero_grad()
        loss.backward()
        adam.step()
        return loss.detach()
    return step


def compiled(forward, params):
    """forward(params, x) gives the logits; params: a list of tensors without gradients."""
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
    return compute


def tell(logits, labels, setting):
    print('accuracy=%.4f\nsetting=%s' % ((logits.argmax(1) == labels).float().mean(), setting))
