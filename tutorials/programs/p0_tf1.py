"""p0_tf1.py [SEED] - program 0, logistic regression of two clouds of points, in TensorFlow 1.

expected: test_accuracy >= 0.975
"""
import sys

import numpy as np
# [today]
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()
# [/today]

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
tf.set_random_seed(seed)

# [data]
rng = np.random.default_rng(seed)
y_data = np.arange(1000) % 2
x_data = np.stack([2 - 4 * y_data, 0 * y_data], axis=1) + rng.normal(0, 0.8, (1000, 2))
x_train, y_train = x_data[:500], y_data[:500].reshape(-1, 1)
x_test, y_test = x_data[500:], y_data[500:].reshape(-1, 1)
# [/data]

# [model]
X = tf.placeholder(tf.float32, [None, 2])
Y = tf.placeholder(tf.float32, [None, 1])
W = tf.Variable(tf.random_normal([2, 1]))
b = tf.Variable(tf.random_normal([1]))
z = tf.matmul(X, W) + b
# [/model]

# [loss]
loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=Y, logits=z))
train = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
# [/loss]

# [training]
session = tf.Session()
session.run(tf.global_variables_initializer())
for step in range(1000):
    session.run(train, feed_dict={X: x_train, Y: y_train})
# [/training]

# [evaluate]
right = tf.equal(tf.cast(z > 0, tf.float32), Y)
accuracy = session.run(tf.reduce_mean(tf.cast(right, tf.float32)), feed_dict={X: x_test, Y: y_test})
# [/evaluate]

# [predict]
p = session.run(tf.sigmoid(z), feed_dict={X: [[-1, 0.5]]})
print('the point (-1, 0.5) is of class 1 with probability %.2f' % p[0, 0])
# [/predict]

print('RESULT test_accuracy=%.4f' % accuracy)
