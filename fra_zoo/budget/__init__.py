"""The time, the memory and the price of a pre-training, estimated before it runs."""

from fra_zoo.budget.estimate import Budget, BudgetConfig, budget

__all__ = ["Budget", "BudgetConfig", "budget"]
