"""Trains a line on all processes together; the loss is that of all rows."""

from __future__ import annotations

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
torch.manual_seed(0)
rows = torch.randn(64, 4)
wanted = rows @ torch.tensor([1.0, -2.0, 3.0, 0.5])
model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(4, 1))
steps = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(5):
    loss = ((model(rows[rank::world]).squeeze() - wanted[rank::world]) ** 2).mean()
    steps.zero_grad()
    loss.backward()
    steps.step()
    whole = loss.detach()
    dist.all_reduce(whole)
    print(f"world={world} rank={rank} epoch={epoch} loss={whole.item() / world:.4f}", flush=True)
dist.destroy_process_group()
