"""DeepAR's network: an LSTM over lagged values, the calendar and what is known of a series.

Its weights have the names, shapes and meaning that GluonTS's DeepAR gives them (evidence/deepar.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn

from forecasting_deepar.likelihoods import FLAT, LIKELIHOODS, POINT, Likelihood

Tensor = Any
RNN, EMBEDDER, HEADS = "model.rnn.", "model.embedder._embedders.", "model.param_proj.proj."


class Design(NamedTuple):
    """All that says how a network is built and what it is fed; kept beside its weights."""

    frequency: str
    context: int
    prediction: int
    lags: list[int]
    features: list[str]
    cardinality: list[int]
    embedding: int
    dynamic: int
    cells: int
    layers: int
    dropout: float
    likelihood: str
    default_scale: float

    @property
    def output(self) -> Likelihood:
        """The likelihood."""
        return LIKELIHOODS[self.likelihood]

    @property
    def groups(self) -> list[int]:
        """The sizes of the embeddings; without categories GluonTS has one of one."""
        return self.cardinality or [1]

    @property
    def widths(self) -> list[int]:
        """How wide each embedding is."""
        return [self.embedding] * len(self.cardinality) if self.cardinality else [1]

    @property
    def times(self) -> int:
        """How many features a time has: of the calendar, of age, of the data."""
        return len(self.features) + 1 + self.dynamic


class Network:
    """The trained or untrained network."""

    def __init__(self, design: Design) -> None:
        self.design = design
        static = sum(design.widths) + 2  # a real feature that is always 0 in GluonTS, and log(scale)
        self.rnn = nn.LSTM(
            len(design.lags) + static + design.times,
            design.cells,
            design.layers,
            dropout=design.dropout if design.layers > 1 else 0.0,
            batch_first=True,
        )
        pairs = zip(design.groups, design.widths, strict=True)
        self.embedders = nn.ModuleList([nn.Embedding(count, width) for count, width in pairs])
        self.heads = nn.ModuleList([nn.Linear(design.cells, 1) for _ in design.output.heads])
        if design.output is POINT:  # there is no width to learn
            nn.init.zeros_(self.heads[1].weight)
            nn.init.constant_(self.heads[1].bias, FLAT)
            self.heads[1].requires_grad_(False)

    def parameters(self) -> list[Tensor]:
        """Return what can be learnt."""
        parts = (self.rnn, self.embedders, self.heads)
        return [one for part in parts for one in part.parameters() if one.requires_grad]

    def training(self, on: bool) -> None:
        """Turn dropout on or off."""
        self.rnn.train(on)

    def state(self) -> dict[str, Tensor]:
        """Return the weights by GluonTS's names."""
        parts = ((RNN, self.rnn), (EMBEDDER, self.embedders), (HEADS, self.heads))
        return {begin + name: one for begin, part in parts for name, one in part.state_dict().items()}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take weights by GluonTS's names."""
        for begin, part in ((RNN, self.rnn), (EMBEDDER, self.embedders), (HEADS, self.heads)):
            length = len(begin)
            part.load_state_dict(
                {name[length:]: one for name, one in state.items() if name.startswith(begin)}
            )

    def static(self, groups: Tensor, scale: Tensor) -> Tensor:
        """Return what does not change in time, of every series."""
        known = [embed(groups[:, place]) for place, embed in enumerate(self.embedders)]
        return torch.cat([*known, torch.zeros_like(scale), scale.log()], dim=1)

    def unroll(self, lagged: Tensor, static: Tensor, times: Tensor, state: Tensor = None) -> tuple[Any, Any]:
        """Run the network over time; return the raw parameters of every time and the state after the last."""
        steps = static.unsqueeze(1).expand(-1, times.shape[1], -1)
        output, after = self.rnn(torch.cat([lagged, steps, times], dim=2), state)
        return [head(output).squeeze(-1) for head in self.heads], after
