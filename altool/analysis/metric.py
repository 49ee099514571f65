"""What a figure or a table can show, and in which unit."""

from dataclasses import dataclass

from altool.core.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Metric:
    """`column` of stages.csv; shown as value × `scale` in `unit` ("" for none) with `decimals`."""

    column: str
    name: str
    unit: str
    scale: float
    decimals: int
    higher_is_better: bool = True

    def axis(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def difference_unit(self) -> str:
        return "percentage points" if self.unit == "%" else self.unit


METRICS = {
    metric.column: metric
    for metric in (
        Metric("accuracy", "Accuracy", "%", 100, 2),
        Metric("balanced_accuracy", "Balanced accuracy", "%", 100, 2),
        Metric("macro_f1", "Macro F1", "%", 100, 2),
        Metric("miou", "mIoU", "%", 100, 2),
        Metric("ece", "ECE", "%", 100, 2, higher_is_better=False),
        Metric("nll", "NLL", "nats", 1, 4, higher_is_better=False),
        Metric("class_entropy", "Class entropy", "nats", 1, 4),  # P0 Fig. 6, P1 Fig. 7a
    )
}


def find_metric(name: str) -> Metric:
    """Raises UserError with the nearest name for an unknown one."""
    if name not in METRICS:
        raise UserError(f"--metric {name}: {did_you_mean(name, METRICS)}")
    return METRICS[name]
