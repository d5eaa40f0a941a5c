"""Few positives among many rows: class weights, and counts as metrics."""

import numpy as np

import lamina as keras

random = np.random.default_rng(0)
features = random.random((400, 10)).astype("float32")
targets = (features[:, :1] + 0.1 * random.normal(size=(400, 1)) > 0.9).astype("uint8")
counts = np.bincount(targets[:, 0])

model = keras.Sequential(
    [
        keras.Input(shape=features.shape[1:]),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
metrics = [
    keras.metrics.FalseNegatives(name="fn"),
    keras.metrics.FalsePositives(name="fp"),
    keras.metrics.TrueNegatives(name="tn"),
    keras.metrics.TruePositives(name="tp"),
    keras.metrics.Precision(name="precision"),
    keras.metrics.Recall(name="recall"),
    keras.metrics.AUC(name="auc"),
]
model.compile(
    optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=metrics
)
model.fit(
    features, targets, batch_size=64, epochs=15, verbose=0,
    class_weight={0: 1.0 / counts[0], 1: 1.0 / counts[1]},
)  # fmt: skip
found = model.evaluate(features, targets, verbose=0, return_dict=True)
assert found["tp"] + found["fn"] == counts[1]
assert found["tn"] + found["fp"] == counts[0]
assert found["recall"] > 0.8 and found["auc"] > 0.9
np.testing.assert_allclose(found["recall"], found["tp"] / counts[1], rtol=1e-5)
