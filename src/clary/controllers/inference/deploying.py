"""An update under way, step by step: the calls are spread over old and new hosts, and the step bakes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from clary.controllers.inference import fleet, rollout
from clary.controllers.inference.fleet import Runs
from clary.controllers.step import AT_ONCE, Step
from clary.core.document import Document

LOOK = timedelta(seconds=1)  # Between looks at the alarms while a step bakes.


def advance(doc: Document, new: Sequence[Document], runs: Runs, now: datetime) -> Step | None:
    """Go on with an update whose new hosts are ready, as far as it has any yet; None once all is done."""
    state, plan = doc["_Rollout"], rollout.plan_of(doc)
    share, last = plan.shares[state["Step"]], state["Step"] == len(plan.shares) - 1
    told = rollout.mixed(fleet.hosts(doc, doc["_Serving"], runs), new, share)
    if told != doc.get("_Hosts") or "Since" not in state:
        state = {"Since": now, **state}
        write: Document = {
            "_Hosts": told,
            "_Fleet": fleet.ready_since(doc, told, now),
            "_Rollout": state,
            "PendingDeploymentSummary": _pending(doc, new, share, state),
        }
        return Step(write=write, again=AT_ONCE)
    left = plan.wait - (now - state["Since"])
    if left > timedelta():
        return Step(again=min(left, LOOK))
    if last:
        return None
    following = {name: value for name, value in state.items() if name != "Since"} | {
        "Step": state["Step"] + 1
    }
    return Step(write={"_Rollout": following}, again=AT_ONCE)


def settled(doc: Document, now: datetime) -> Document:
    """Return what stays of an update that is done."""
    config = doc["_Rollout"]["Config"]
    return {"LastDeploymentConfig": config, "_OldUntil": now + rollout.plan_of(doc).kept}


def _pending(doc: Document, new: Sequence[Document], share: float, state: Document) -> Document:
    """Return PendingDeploymentSummary while a step bakes."""
    words = f"The new hosts get {share:.0%} of the calls (step {state['Step'] + 1})."
    baking = {"Status": "Baking", "StatusMessage": words, "StartTime": state["Since"]}
    before = {each["VariantName"]: each for each in doc["PendingDeploymentSummary"]["ProductionVariants"]}
    variants = [
        {
            **before[variant["VariantName"]],
            "CurrentWeight": variant["Weight"] * share,
            "DesiredWeight": variant["Weight"],
            "CurrentInstanceCount": sum(1 for host in new if host["Variant"] == variant["VariantName"]),
            "DesiredInstanceCount": variant["Count"],
            "InstanceType": variant["InstanceType"],
            "VariantStatus": [baking],
        }
        for variant in doc["_Wanted"]["Variants"]
    ]
    return {**doc["PendingDeploymentSummary"], "ProductionVariants": variants}
