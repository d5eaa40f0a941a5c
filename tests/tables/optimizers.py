"""Every optimizer with its options; each takes ten steps with known gradients."""

from __future__ import annotations

from tests.tables.cases import OptimizerCase


def case(name: str, kind: str, **options):
    return OptimizerCase(name, lambda k: getattr(k.optimizers, kind)(**options))


def scheduled(kind: str):
    return OptimizerCase(
        f"{kind.lower()}_scheduled",
        lambda k: getattr(k.optimizers, kind)(
            k.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
        ),
    )


RULES = [
    case("sgd", "SGD"),
    case("sgd_momentum", "SGD", learning_rate=0.1, momentum=0.9),
    case("sgd_nesterov", "SGD", learning_rate=0.1, momentum=0.9, nesterov=True),
    scheduled("SGD"),
    case("rmsprop", "RMSprop"),
    case("rmsprop_momentum", "RMSprop", learning_rate=0.01, rho=0.8, momentum=0.5),
    case("rmsprop_centered", "RMSprop", centered=True, epsilon=1e-3),
    case("rmsprop_everything", "RMSprop", centered=True, momentum=0.5, rho=0.7),
    case("adam", "Adam"),
    case("adam_options", "Adam", learning_rate=0.1, beta_1=0.8, beta_2=0.9),
    case("adam_amsgrad", "Adam", learning_rate=0.1, amsgrad=True, beta_2=0.5),
    scheduled("Adam"),
    case("adamw", "AdamW"),
    case("adamw_amsgrad", "AdamW", learning_rate=0.1, weight_decay=0.1, amsgrad=True),
    case("adagrad", "Adagrad"),
    case(
        "adagrad_options",
        "Adagrad",
        learning_rate=0.1,
        initial_accumulator_value=0.0,
        epsilon=1e-3,
    ),
    case("adadelta", "Adadelta"),
    case("adadelta_options", "Adadelta", learning_rate=1.0, rho=0.8, epsilon=1e-3),
    case("adamax", "Adamax"),
    case("adamax_options", "Adamax", learning_rate=0.1, beta_1=0.8, beta_2=0.9),
    case("nadam", "Nadam"),
    case("nadam_options", "Nadam", learning_rate=0.1, beta_1=0.8, beta_2=0.9),
    case("lion", "Lion"),
    case("lion_options", "Lion", learning_rate=0.1, beta_1=0.5, beta_2=0.7),
    case("ftrl", "Ftrl"),
    case(
        "ftrl_options",
        "Ftrl",
        learning_rate=0.1,
        learning_rate_power=-0.7,
        l1_regularization_strength=0.1,
        l2_regularization_strength=0.2,
        l2_shrinkage_regularization_strength=0.3,
        beta=0.4,
    ),
    case("lamb", "Lamb"),
    case("lamb_options", "Lamb", learning_rate=0.1, beta_1=0.8, weight_decay=0.1),
    case("adafactor", "Adafactor"),
    case("adafactor_absolute", "Adafactor", learning_rate=0.1, relative_step=False),
    case("schedule_free_adamw", "ScheduleFreeAdamW"),
    case(
        "schedule_free_adamw_options",
        "ScheduleFreeAdamW",
        learning_rate=0.1,
        beta_1=0.8,
        beta_2=0.9,
        epsilon=1e-3,
        warmup_steps=4,
        weight_decay=0.1,
    ),
    OptimizerCase(
        "adam_by_position",
        lambda k: k.optimizers.Adam(0.1, 0.8, 0.9, 1e-3, True, 0.1, 0.5),
    ),
    case("muon", "Muon"),
    case("muon_options", "Muon", learning_rate=0.1, nesterov=False, rms_rate=None),
    case("muon_excluding", "Muon", learning_rate=0.1, exclude_layers=["kernel"]),
    OptimizerCase(
        "muon_by_position",
        lambda k: k.optimizers.Muon(
            *(0.1, 0.8, 0.9, 0.01, 1e-3, 0.02, 0.5, None, None, False, 0.99),
            *(None, None, None, "muon", None, True, 3.0, -4.0, 2.0, 0.5, 0.9, 3),
        ),
    ),
]

SHARED = [
    case("sgd_clipnorm", "SGD", learning_rate=0.1, clipnorm=0.5),
    case("sgd_global_clipnorm", "SGD", learning_rate=0.1, global_clipnorm=0.5),
    case("sgd_clipvalue", "SGD", learning_rate=0.1, clipvalue=0.3),
    case("sgd_weight_decay", "SGD", learning_rate=0.1, weight_decay=0.1),
    case("adam_weight_decay", "Adam", learning_rate=0.1, weight_decay=0.1),
    OptimizerCase(
        "adamw_excluded",
        lambda k: k.optimizers.AdamW(0.1, weight_decay=0.1),
        prepare=lambda optimizer: optimizer.exclude_from_weight_decay(
            var_names=["bias"]
        ),
    ),
    case("sgd_average", "SGD", learning_rate=0.1, use_ema=True, ema_momentum=0.8),
    case(
        "sgd_average_overwriting",
        "SGD",
        learning_rate=0.1,
        use_ema=True,
        ema_momentum=0.8,
        ema_overwrite_frequency=4,
    ),
    case("sgd_accumulated", "SGD", learning_rate=0.1, gradient_accumulation_steps=3),
    case("adam_accumulated", "Adam", learning_rate=0.1, gradient_accumulation_steps=2),
    case(
        "adamw_accumulated_average",
        "AdamW",
        learning_rate=0.1,
        gradient_accumulation_steps=3,
        use_ema=True,
        ema_momentum=0.5,
        ema_overwrite_frequency=2,
    ),
    case(
        "adam_accumulated_clipped",
        "Adam",
        learning_rate=0.1,
        gradient_accumulation_steps=2,
        clipnorm=0.4,
    ),
    case("sgd_loss_scale", "SGD", learning_rate=0.1, loss_scale_factor=8.0),
    case(
        "adam_loss_scale_clipped",
        "Adam",
        learning_rate=0.1,
        loss_scale_factor=8.0,
        clipvalue=0.05,
    ),
]

LOSS_SCALING = [
    OptimizerCase(
        "loss_scaling",
        lambda k: k.optimizers.LossScaleOptimizer(
            k.optimizers.SGD(0.1), initial_scale=4.0, dynamic_growth_steps=3
        ),
    ),
    OptimizerCase(
        "loss_scaling_overflow",
        lambda k: k.optimizers.LossScaleOptimizer(
            k.optimizers.Adam(0.1), initial_scale=8.0
        ),
        gradient_scale=1e38,
    ),
]

MULTIPLE = [
    OptimizerCase(
        "multi",
        lambda k: k.optimizers.MultiOptimizer(
            k.optimizers.OptimizerMap(
                k.optimizers.SGD(0.1, momentum=0.5), {"kernel": k.optimizers.Adam(0.1)}
            ),
            loss_scale_factor=4.0,
        ),
    ),
]

OPTIMIZERS = [*RULES, *SHARED, *LOSS_SCALING, *MULTIPLE]
