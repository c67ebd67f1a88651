"""p4_tf1.py [SEED] - program 4, softmax regression on MNIST, in TensorFlow 1.

expected: test_accuracy >= 0.9130
expected: test_accuracy <= 0.9134
expected: test_loss >= 0.306
expected: test_loss <= 0.3064
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
x_train, y_train = x_train.reshape(-1, 784), np.eye(10)[y_train]      # one-hot
x_test, y_test = x_test.reshape(-1, 784), np.eye(10)[y_test]
# [/data]

# [model]
x = tf.placeholder(tf.float32, [None, 784])
y_ = tf.placeholder(tf.float32, [None, 10])
W = tf.Variable(tf.zeros([784, 10]))
b = tf.Variable(tf.zeros([10]))
logits = tf.matmul(x, W) + b
# [/model]

# [loss]
loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=y_, logits=logits))
train = tf.train.GradientDescentOptimizer(0.2).minimize(loss)
# [/loss]

# [training]
session = tf.Session()
session.run(tf.global_variables_initializer())
for epoch in range(2):
    for i in range(0, 60000, 100):
        session.run(train, feed_dict={x: x_train[i:i + 100], y_: y_train[i:i + 100]})
# [/training]

# [evaluate]
right = tf.equal(tf.argmax(logits, 1), tf.argmax(y_, 1))
accuracy = tf.reduce_mean(tf.cast(right, tf.float32))
test_loss, test_accuracy = session.run([loss, accuracy], feed_dict={x: x_test, y_: y_test})
# [/evaluate]

# [predict]
said = session.run(tf.argmax(logits, 1), feed_dict={x: x_test[:10]})
print('the first ten test images are', *said)
# [/predict]

print('RESULT test_loss=%.4f' % test_loss)
print('RESULT test_accuracy=%.4f' % test_accuracy)
