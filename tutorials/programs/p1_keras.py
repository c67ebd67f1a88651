"""p1_keras.py [SEED] - program 1, a network reads MNIST, in Keras.

expected: test_accuracy >= 0.970
"""
import sys

import keras

from read_mnist import load

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
keras.utils.set_random_seed(seed)

# [data]
x_train, y_train = load('train')
x_test, y_test = load('t10k')
# [/data]

# [model]
model = keras.Sequential([
    keras.Input(shape=(28, 28)),
    keras.layers.Flatten(),
    keras.layers.Dense(128, activation='relu'),
    keras.layers.Dense(10)])
# [/model]

# [loss]
model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              optimizer=keras.optimizers.Adam(), metrics=['accuracy'])
# [/loss]

# [training]
model.fit(x_train, y_train, epochs=5, batch_size=64, validation_split=0.1, verbose=2)
# [/training]

# [evaluate]
test_loss, test_accuracy = model.evaluate(x_test, y_test, verbose=0)
# [/evaluate]

print('RESULT test_accuracy=%.4f' % test_accuracy)
