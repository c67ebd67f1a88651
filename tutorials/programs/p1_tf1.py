"""p1_tf1.py [SEED] - program 1, a network reads MNIST, in TensorFlow 1.

expected: test_accuracy >= 0.970
"""
import sys

import numpy as np
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()

from read_mnist import load

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
tf.set_random_seed(seed)

# [data]
x_train, y_train = load('train')
x_test, y_test = load('t10k')
x_val, y_val = x_train[54000:], y_train[54000:]
x_train, y_train = x_train[:54000], y_train[:54000]
# [/data]

# [model]
start = tf.glorot_uniform_initializer()
x = tf.placeholder(tf.float32, [None, 28, 28])
y = tf.placeholder(tf.int64, [None])
W1, b1 = tf.Variable(start([784, 128])), tf.Variable(tf.zeros([128]))
W2, b2 = tf.Variable(start([128, 10])), tf.Variable(tf.zeros([10]))
hidden = tf.nn.relu(tf.matmul(tf.reshape(x, [-1, 784]), W1) + b1)
logits = tf.matmul(hidden, W2) + b2
# [/model]

# [loss]
loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
train = tf.train.AdamOptimizer().minimize(loss)
accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), y), tf.float32))
# [/loss]

# [training]
rng = np.random.default_rng(seed)
session = tf.Session()
session.run(tf.global_variables_initializer())
for epoch in range(5):
    for rows in np.split(rng.permutation(54000), range(64, 54000, 64)):
        session.run(train, feed_dict={x: x_train[rows], y: y_train[rows]})
    print('validation accuracy %.4f' % session.run(accuracy, feed_dict={x: x_val, y: y_val}))
# [/training]

# [evaluate]
test_accuracy = session.run(accuracy, feed_dict={x: x_test, y: y_test})
# [/evaluate]

print('RESULT test_accuracy=%.4f' % test_accuracy)
