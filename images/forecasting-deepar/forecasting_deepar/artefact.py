"""The model's files: a predictor of GluonTS, and beside it what this image needs to know of it.

`gluonts.torch.PyTorchPredictor.deserialize(folder)` gives the model back there. The names in the files are
GluonTS's own (evidence/deepar.md).
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from toolkit.contract import Json

from forecasting_deepar.network import Design, Network

WEIGHTS, DESIGN, PREDICTOR, CONFIG = (
    "prediction-net-state.pt",
    "deepar.json",
    "predictor.json",
    "gluonts-config.json",
)
GLUONTS = "0.17.0"
INPUTS: list[Json] = [
    "feat_static_cat",
    "feat_static_real",
    "past_time_feat",
    "past_target",
    "past_observed_values",
    "future_time_feat",
]


def save(folder: Path, network: Network) -> None:
    """Write a network."""
    torch.save(network.state(), folder / WEIGHTS)
    (folder / DESIGN).write_text(json.dumps(network.design._asdict(), indent=1))
    (folder / PREDICTOR).write_text(json.dumps(_predictor(network.design), indent=1))
    kind = "gluonts.torch.model.predictor.PyTorchPredictor"
    (folder / CONFIG).write_text(json.dumps({"model": GLUONTS, "gluonts": GLUONTS, "type": kind}))


def load(folder: Path) -> Network:
    """Read it."""
    network = Network(Design(**json.loads((folder / DESIGN).read_text())))
    network.load(torch.load(folder / WEIGHTS, weights_only=True))
    return network


def _made(name: str, *, positional: bool = True, **named: Json) -> dict[str, Json]:
    made: dict[str, Json] = {"__kind__": "instance", "class": f"gluonts.{name}", "kwargs": named}
    return {**made, "args": []} if positional else made


def _type(name: str) -> dict[str, Json]:
    return {"__kind__": "type", "class": name}


def _predictor(design: Design) -> dict[str, Json]:
    network = _made(
        "torch.model.deepar.lightning_module.DeepARLightningModule",
        lr=0.001,
        weight_decay=1e-8,
        patience=10,
        model_kwargs={
            "freq": design.frequency.replace("H", "h"),
            "context_length": design.context,
            "prediction_length": design.prediction,
            "num_feat_dynamic_real": design.times,
            "num_feat_static_real": 1,
            "num_feat_static_cat": len(design.groups),
            "cardinality": [*design.groups],
            "embedding_dimension": [*design.widths],
            "num_layers": design.layers,
            "hidden_size": design.cells,
            "distr_output": _made(f"torch.distributions.{design.output.gluonts}", beta=0.0),
            "dropout_rate": design.dropout,
            "lags_seq": [*design.lags],
            "scaling": design.output.scaled,
            "default_scale": design.default_scale,
            "num_parallel_samples": 100,
            "nonnegative_pred_samples": False,
        },
    )
    return _made(
        "torch.model.predictor.PyTorchPredictor",
        batch_size=32,
        device="cpu",
        forecast_generator=_made("model.forecast_generator.SampleForecastGenerator"),
        input_names=INPUTS,
        input_transform=_made(
            "transform._base.Chain", positional=False, transformations=_transformations(design)
        ),
        lead_time=0,
        output_transform=None,
        prediction_length=design.prediction,
        prediction_net=network,
    )


def _transformations(design: Design) -> list[Json]:
    real, nothing = _type("numpy.float32"), design.output.nothing
    unused: list[Json] = ["feat_static_real", *([] if design.dynamic else ["feat_dynamic_real"])]
    rows: list[Json] = ["time_feat", "feat_dynamic_age", *(["feat_dynamic_real"] if design.dynamic else [])]
    times: list[Json] = [_type(f"gluonts.time_feature._base.{name}") for name in design.features]
    group = _made("transform.field.SetField", output_field="feat_static_cat", value=[0])
    return [
        _made("transform.field.RemoveFields", field_names=unused),
        *([] if design.cardinality else [group]),
        _made("transform.field.SetField", output_field="feat_static_real", value=[0.0]),
        _array("feat_static_cat", 1, _type("builtins.int")),
        _array("feat_static_real", 1, real),
        _array("target", 1, real),
        _made(
            "transform.feature.AddObservedValuesIndicator",
            dtype=real,
            imputation_method=_made("transform.feature.DummyValueImputation", dummy_value=nothing),
            output_field="observed_values",
            target_field="target",
        ),
        _made(
            "transform.feature.AddTimeFeatures",
            dtype=real,
            output_field="time_feat",
            pred_length=design.prediction,
            start_field="start",
            target_field="target",
            time_features=times,
        ),
        _made(
            "transform.feature.AddAgeFeature",
            dtype=real,
            log_scale=True,
            output_field="feat_dynamic_age",
            pred_length=design.prediction,
            target_field="target",
        ),
        _made(
            "transform.convert.VstackFeatures",
            drop_inputs=True,
            h_stack=False,
            input_fields=rows,
            output_field="time_feat",
        ),
        _array("time_feat", 2, real),
        _splitter(design, nothing),
    ]


def _array(field: str, dimensions: int, kind: Json) -> Json:
    name = "transform.convert.AsNumpyArray"
    return _made(name, dtype=kind, expected_ndim=dimensions, field=field)


def _splitter(design: Design, nothing: float) -> Json:
    return _made(
        "transform.split.InstanceSplitter",
        positional=False,
        dummy_value=nothing,
        forecast_start_field="forecast_start",
        future_length=design.prediction,
        instance_sampler=_made(
            "transform.sampler.PredictionSplitSampler",
            positional=False,
            allow_empty_interval=False,
            axis=-1,
            min_future=0,
            min_past=0,
        ),
        is_pad_field="is_pad",
        lead_time=0,
        output_NTC=True,
        past_length=design.context + max(design.lags) - 1,
        start_field="start",
        target_field="target",
        time_series_fields=["time_feat", "observed_values"],
    )
