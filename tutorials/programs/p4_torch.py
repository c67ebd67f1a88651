"""p4_torch.py [SEED] - program 4, softmax regression on MNIST, in PyTorch.

expected: test_accuracy >= 0.9130
expected: test_accuracy <= 0.9134
expected: test_loss >= 0.306
expected: test_loss <= 0.3064
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
x_train, x_test = x_train.reshape(-1, 784), x_test.reshape(-1, 784)
# [/data]

# [model]
model = torch.nn.Linear(784, 10)
torch.nn.init.zeros_(model.weight)
torch.nn.init.zeros_(model.bias)
# [/model]

# [loss]
loss_function = torch.nn.CrossEntropyLoss()
optimiser = torch.optim.SGD(model.parameters(), lr=0.2)
# [/loss]

# [training]
for epoch in range(2):
    for x, y in zip(x_train.split(100), y_train.split(100)):
        loss = loss_function(model(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
# [/training]

# [evaluate]
with torch.no_grad():
    logits = model(x_test)
test_loss = loss_function(logits, y_test).item()
test_accuracy = (logits.argmax(1) == y_test).float().mean().item()
# [/evaluate]

# [predict]
with torch.no_grad():
    said = model(x_test[:10]).argmax(1)
print('the first ten test images are', *said.tolist())
# [/predict]

print('RESULT test_loss=%.4f' % test_loss)
print('RESULT test_accuracy=%.4f' % test_accuracy)
