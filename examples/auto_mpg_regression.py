"""Predict the fuel consumption of cars and stop before the network overfits.
Normalization learns the columns' means; EarlyStopping restores the best weights."""

import lamina
from lamina import layers

lamina.utils.set_random_seed(0)
(x, y), (x_test, y_test) = lamina.datasets.auto_mpg.load_data()

normalize = layers.Normalization()
normalize.adapt(x)
model = lamina.Sequential(
    [
        layers.Input((9,)),
        normalize,
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="relu"),
        layers.Dense(1),
    ]
)
model.compile(optimizer="rmsprop", loss="mse", metrics=["mae"])

stop = lamina.callbacks.EarlyStopping(patience=50, restore_best_weights=True)
history = model.fit(
    x, y, epochs=1000, validation_split=0.2, callbacks=[stop], verbose=0
).history

print("epoch   error in training   in validation (MPG)")
for epoch in sorted({*range(0, len(history["mae"]), 25), stop.best_epoch}):
    mark = "  <- best" if epoch == stop.best_epoch else ""
    train, validation = history["mae"][epoch], history["val_mae"][epoch]
    print(f"{epoch + 1:5} {train:19.2f} {validation:15.2f}{mark}")

_, mae = model.evaluate(x_test, y_test, verbose=0)
print(f"\nMean absolute error on {len(x_test)} new cars: {mae:.2f} MPG")
print("predicted   true")
for predicted, true in zip(model.predict(x_test[:5])[:, 0], y_test, strict=False):
    print(f"{predicted:9.1f} {true:6.1f}")
