"""mnist_keras.py DATA: the MNIST program of every first tutorial, as Keras runs it, beside examples/05_mnist_dropout.
Both hold a tenth of the training images out for validation. `--start` trains on one batch and leaves."""
import os
import sys

import peer

threads = os.environ['BENCH_THREADS']
os.environ.update(TF_NUM_INTRAOP_THREADS=threads, TF_NUM_INTEROP_THREADS=threads, TF_CPP_MIN_LOG_LEVEL='2')

import tensorflow as tf  # noqa: E402: reads what was just set

(x_train, y_train), (x_test, y_test) = peer.mnist(sys.argv[1], 'train'), peer.mnist(sys.argv[1], 't10k')
x_train, x_test = x_train.reshape(-1, 28, 28) / 255.0, x_test.reshape(-1, 28, 28) / 255.0

model = tf.keras.models.Sequential([
    tf.keras.layers.Input(shape=(28, 28)),
    tf.keras.layers.Flatten(),
    tf.keras.layers.Dense(128, activation='relu'),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10, activation='softmax')
])
model.compile(optimizer='adam', loss='sparse_categorical_crossentropy', metrics=['accuracy'])
if '--start' in sys.argv:
    model.fit(x_train[:64], y_train[:64], epochs=1, batch_size=64, verbose=0)
    sys.exit()
model.fit(x_train, y_train, epochs=5, batch_size=64, validation_split=0.1, verbose=2)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
predictions = model.predict(x_test, verbose=0)
print('RESULT test_accuracy=%.4f' % accuracy)
