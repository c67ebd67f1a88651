"""p4_keras.py [SEED] - program 4, softmax regression on MNIST, in Keras.

expected: test_accuracy >= 0.9130
expected: test_accuracy <= 0.9134
expected: test_loss >= 0.306
expected: test_loss <= 0.3064
"""
import sys

import keras

from read_mnist import load

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
keras.utils.set_random_seed(seed)

# [data]
x_train, y_train = load('train')
x_test, y_test = load('t10k')
x_train, y_train = x_train.reshape(-1, 784), keras.utils.to_categorical(y_train)      # one-hot
x_test, y_test = x_test.reshape(-1, 784), keras.utils.to_categorical(y_test)
# [/data]

# [model]
model = keras.Sequential([
    keras.Input(shape=(784,)),
    keras.layers.Dense(10, kernel_initializer='zeros')])
# [/model]

# [loss]
model.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True),
              optimizer=keras.optimizers.SGD(0.2), metrics=['accuracy'])
# [/loss]

# [training]
model.fit(x_train, y_train, epochs=2, batch_size=100, shuffle=False, verbose=0)
# [/training]

# [evaluate]
test_loss, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
# [/evaluate]

# [predict]
said = model.predict(x_test[:10], verbose=0).argmax(axis=1)
print('the first ten test images are', *said)
# [/predict]

print('RESULT test_loss=%.4f' % test_loss)
print('RESULT test_accuracy=%.4f' % test_accuracy)
