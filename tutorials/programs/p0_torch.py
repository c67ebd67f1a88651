"""p0_torch.py [SEED] - program 0, logistic regression of two clouds of points, in PyTorch.

expected: test_accuracy >= 0.975
"""
import sys

import torch

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
torch.manual_seed(seed)
torch.set_num_threads(1)        # a network this small gains nothing from more

# [data]
y_data = torch.arange(1000) % 2
x_data = torch.stack([2 - 4 * y_data, 0 * y_data], dim=1) + 0.8 * torch.randn(1000, 2)
x_train, y_train = x_data[:500], y_data[:500].reshape(-1, 1).float()
x_test, y_test = x_data[500:], y_data[500:].reshape(-1, 1).float()
# [/data]

# [model]
w = torch.randn(2, 1, requires_grad=True)
b = torch.randn(1, requires_grad=True)
# [/model]

# [loss]
loss_function = torch.nn.BCEWithLogitsLoss()
optimiser = torch.optim.SGD([w, b], lr=0.1)
# [/loss]

# [training]
for step in range(1000):
    loss = loss_function(x_train @ w + b, y_train)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
# [/training]

# [evaluate]
with torch.no_grad():
    z = x_test @ w + b
accuracy = ((z > 0) == y_test).float().mean().item()
# [/evaluate]

# [predict]
with torch.no_grad():
    p = torch.sigmoid(torch.tensor([[-1, 0.5]]) @ w + b)
print('the point (-1, 0.5) is of class 1 with probability %.2f' % p.item())
# [/predict]

print('RESULT test_accuracy=%.4f' % accuracy)
