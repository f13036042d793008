"""The time, the memory and the price of a pre-training, reckoned before it runs."""

from fra_zoo.budget.reckon import Budget, BudgetConfig, budget

__all__ = ["Budget", "BudgetConfig", "budget"]
