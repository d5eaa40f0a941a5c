"""Train on one device, on all devices of a machine, or by several processes.

Started alone, it uses all devices it finds; started by Slurm, Kubernetes or Ray, all of
all processes. The batch size is that of all devices together.
"""

import lamina
from lamina import layers

lamina.distribution.initialize()  # joins the other processes, if there are any

(x, y), (x_test, y_test) = lamina.datasets.digits.load_data()
model = lamina.Sequential(
    [
        lamina.Input((8, 8)),
        layers.Rescaling(1 / 16),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, batch_size=64, epochs=10, devices="all")
_, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(
    f"{accuracy:.1%} of new digits on {len(lamina.distribution.list_devices())} devices"
)
