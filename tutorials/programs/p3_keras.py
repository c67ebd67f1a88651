"""p3_keras.py [SEED] - program 3, a line through 100 points, in Keras.

expected: distance <= 0.02
expected: slope_error <= 0.10
"""
import sys

import keras
import numpy as np

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
keras.utils.set_random_seed(seed)

# [data]
rng = np.random.default_rng(seed)
x_data = rng.random((100, 1))
y_data = 2 * x_data + 1 + 0.1 * rng.standard_normal((100, 1))
# [/data]

# [model]
model = keras.Sequential([
    keras.Input(shape=(1,)),
    keras.layers.Dense(1)])
# [/model]

# [loss]
model.compile(loss='mse', optimizer=keras.optimizers.SGD(0.1))
# [/loss]

# [training]
model.fit(x_data, y_data, epochs=100, batch_size=10, verbose=0)
# [/training]

# [evaluate]
slope, intercept = model.get_weights()
exact = np.polyfit(x_data[:, 0], y_data[:, 0], 1)
distance = max(abs(slope[0, 0] - exact[0]), abs(intercept[0] - exact[1]))
# [/evaluate]

# [predict]
y_new = model.predict(np.array([[0.5], [2]]), verbose=0)
print('at x = 0.5 it says %.2f, at x = 2 it says %.2f' % tuple(y_new[:, 0]))
# [/predict]

print('RESULT distance=%.4f' % distance)
print('RESULT slope_error=%.4f' % abs(slope[0, 0] - 2))
