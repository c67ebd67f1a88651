"""p1_torch.py [SEED] - program 1, a network reads MNIST, in PyTorch.

expected: test_accuracy >= 0.970
"""
import sys

import torch

from read_mnist import load

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
torch.manual_seed(seed)
torch.set_num_threads(1)        # a network this small gains nothing from more

# [data]
x_train, y_train = map(torch.from_numpy, load('train'))
x_test, y_test = map(torch.from_numpy, load('t10k'))
x_val, y_val = x_train[54000:], y_train[54000:]
x_train, y_train = x_train[:54000], y_train[:54000]
# [/data]

# [model]
model = torch.nn.Sequential(
    torch.nn.Flatten(),
    torch.nn.Linear(784, 128),
    torch.nn.ReLU(),
    torch.nn.Linear(128, 10))
# [/model]

# [loss]
loss_function = torch.nn.CrossEntropyLoss()
optimiser = torch.optim.Adam(model.parameters())


def accuracy(x, y):
    with torch.no_grad():
        return (model(x).argmax(1) == y).float().mean().item()
# [/loss]


# [training]
for epoch in range(5):
    for rows in torch.randperm(54000).split(64):
        loss = loss_function(model(x_train[rows]), y_train[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    print('validation accuracy %.4f' % accuracy(x_val, y_val))
# [/training]

# [evaluate]
test_accuracy = accuracy(x_test, y_test)
# [/evaluate]

print('RESULT test_accuracy=%.4f' % test_accuracy)
