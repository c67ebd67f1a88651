"""p0_keras.py [SEED] - program 0, logistic regression of two clouds of points, in Keras.

expected: test_accuracy >= 0.975
"""
import sys

import keras
import numpy as np

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
keras.utils.set_random_seed(seed)

# [data]
rng = np.random.default_rng(seed)
y_data = np.arange(1000) % 2
x_data = np.stack([2 - 4 * y_data, 0 * y_data], axis=1) + rng.normal(0, 0.8, (1000, 2))
x_train, y_train = x_data[:500], y_data[:500].reshape(-1, 1)
x_test, y_test = x_data[500:], y_data[500:].reshape(-1, 1)
# [/data]

# [model]
normal = keras.initializers.RandomNormal(stddev=1)
model = keras.Sequential([
    keras.Input(shape=(2,)),
    keras.layers.Dense(1, kernel_initializer=normal, bias_initializer=normal)])
# [/model]

# [loss]
model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True),
              optimizer=keras.optimizers.SGD(0.1),
              metrics=[keras.metrics.BinaryAccuracy(threshold=0)])
# [/loss]

# [training]
for step in range(1000):
    model.train_on_batch(x_train, y_train)
# [/training]

# [evaluate]
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
# [/evaluate]

# [predict]
z = model.predict(np.array([[-1, 0.5]]), verbose=0)
p = keras.ops.sigmoid(z)
print('the point (-1, 0.5) is of class 1 with probability %.2f' % p[0, 0])
# [/predict]

print('RESULT test_accuracy=%.4f' % accuracy)
