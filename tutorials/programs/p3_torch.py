"""p3_torch.py [SEED] - program 3, a line through 100 points, in PyTorch.

expected: distance <= 0.02
expected: slope_error <= 0.10
"""
import sys

import numpy as np
import torch

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
torch.manual_seed(seed)
torch.set_num_threads(1)        # a network this small gains nothing from more

# [data]
x = torch.rand(100, 1)
y = 2 * x + 1 + 0.1 * torch.randn(100, 1)
# [/data]

# [model]
model = torch.nn.Linear(1, 1)
# [/model]

# [loss]
loss_function = torch.nn.MSELoss()
optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
# [/loss]

# [training]
for epoch in range(100):
    for rows in torch.randperm(100).split(10):
        loss = loss_function(model(x[rows]), y[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
# [/training]

# [evaluate]
slope, intercept = model.weight.item(), model.bias.item()
exact = np.polyfit(x[:, 0].numpy(), y[:, 0].numpy(), 1)
distance = max(abs(slope - exact[0]), abs(intercept - exact[1]))
# [/evaluate]

# [predict]
with torch.no_grad():
    y_new = model(torch.tensor([[0.5], [2]]))
print('at x = 0.5 it says %.2f, at x = 2 it says %.2f' % tuple(y_new[:, 0]))
# [/predict]

print('RESULT distance=%.4f' % distance)
print('RESULT slope_error=%.4f' % abs(slope - 2))
