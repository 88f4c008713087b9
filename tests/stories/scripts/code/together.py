"""Trains a line on all processes together, started by torchrun or by MPI; the loss is that of all rows."""

from __future__ import annotations

import json
import os
import sys

import torch
import torch.distributed as dist

if "OMPI_COMM_WORLD_RANK" in os.environ:
    os.environ["RANK"], os.environ["WORLD_SIZE"] = (
        os.environ[f"OMPI_COMM_WORLD_{name}"] for name in ("RANK", "SIZE")
    )
    os.environ |= {"MASTER_ADDR": json.loads(os.environ["SM_HOSTS"])[0], "MASTER_PORT": "29531"}
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
sys.stdout.flush()
os._exit(0)  # threads of gloo outlive the group of a DDP model, and may abort a Python that ends
