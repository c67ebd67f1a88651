"""p3_tf1.py [SEED] - program 3, a line through 100 points, in TensorFlow 1.

expected: distance <= 0.02
expected: slope_error <= 0.10
"""
import sys

import numpy as np
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
tf.set_random_seed(seed)

# [data]
rng = np.random.default_rng(seed)
x_data = rng.random((100, 1))
y_data = 2 * x_data + 1 + 0.1 * rng.standard_normal((100, 1))
# [/data]

# [model]
x = tf.placeholder(tf.float32, [None, 1])
y = tf.placeholder(tf.float32, [None, 1])
w = tf.Variable(tf.glorot_uniform_initializer()([1, 1]))
b = tf.Variable(tf.zeros([1]))
y_hat = tf.matmul(x, w) + b
# [/model]

# [loss]
loss = tf.reduce_mean(tf.square(y_hat - y))
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
# [/loss]

# [training]
session = tf.Session()
session.run(tf.global_variables_initializer())
for epoch in range(100):
    for rows in np.split(rng.permutation(100), 10):
        session.run(train, feed_dict={x: x_data[rows], y: y_data[rows]})
# [/training]

# [evaluate]
slope, intercept = session.run([w, b])
exact = np.polyfit(x_data[:, 0], y_data[:, 0], 1)
distance = max(abs(slope[0, 0] - exact[0]), abs(intercept[0] - exact[1]))
# [/evaluate]

# [predict]
y_new = session.run(y_hat, feed_dict={x: [[0.5], [2]]})
print('at x = 0.5 it says %.2f, at x = 2 it says %.2f' % tuple(y_new[:, 0]))
# [/predict]

print('RESULT distance=%.4f' % distance)
print('RESULT slope_error=%.4f' % abs(slope[0, 0] - 2))
