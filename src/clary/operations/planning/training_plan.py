"""Training plans and reserved capacity: nobody offers any here, so none is bought, found or extended."""

from __future__ import annotations

from clary.operations import none_yet

none_yet.listed("SearchTrainingPlanOfferings")
none_yet.listed("ListTrainingPlans")
none_yet.absent("CreateTrainingPlan", "There is no training plan offering {TrainingPlanOfferingId}.")
none_yet.absent(
    "ExtendTrainingPlan", "There is no training plan extension offering {TrainingPlanExtensionOfferingId}."
)
none_yet.absent("DescribeTrainingPlan", "There is no training plan {TrainingPlanName}.")
none_yet.absent("DescribeTrainingPlanExtensionHistory", "There is no training plan {TrainingPlanArn}.")
for _name in ("DescribeReservedCapacity", "ListUltraServersByReservedCapacity"):
    none_yet.absent(_name, "There is no reserved capacity {ReservedCapacityArn}.")
