"""`trace=true`, `trace=last`: the test loss and accuracy after every epoch (P3 Figs. 5 and 9)."""

import numpy as np
import torch
import torch.nn.functional as F

from altool.data.task import Task
from altool.engine.evaluate import map_metrics
from altool.learners.train import EpochReport

CHUNK = 256  # a quarter faster than 512 on a processor, where the activations of 512 no longer come from malloc's heap


@torch.no_grad()
def trace(report: EpochReport, task: Task, seed: int) -> dict[str, object]:
    """One row of epochs.csv: losses in nats, accuracy 0 to 1; leaves the model as it was."""
    test = task.test
    report.model.eval()
    if task.is_dense:
        found = map_metrics(lambda images: report.model(images).logits.float(), test, task.n_classes)
        report.model.train()
        measured = {"test_loss": found.nll, "test_accuracy": found.accuracy, "test_miou": found.miou}
        return {"seed": seed, "epoch": report.epoch, "train_loss": report.loss, **measured}
    chunks = [report.model(test.store.images(part)).logits.float() for part in _chunks(test.indices)]
    report.model.train()
    logits, labels = torch.cat(chunks), torch.as_tensor(np.asarray(test.labels), device=task.store.device)
    return {
        "seed": seed,
        "epoch": report.epoch,
        "train_loss": report.loss,
        "test_loss": F.cross_entropy(logits, labels).item(),
        "test_accuracy": (logits.argmax(1) == labels).double().mean().item(),
    }


def _chunks(indices: np.ndarray) -> list[np.ndarray]:
    return [indices[i : i + CHUNK] for i in range(0, len(indices), CHUNK)]
