"""DFAL's query: DeepFool on a small CNN trained on real digits.

Reference: image by image, a gradient for every class by a backward pass that goes to all parameters, too.
"""

from dataclasses import replace

import numpy as np
import torch
from sklearn.datasets import load_digits

from altool.data.store import Store, Transforms
from altool.strategies._deepfool import MARGIN, DeepFool
from altool.strategies.dfal import DFAL
from benchmark.compared import Ours, Part, Settings, Workload
from benchmark.scene import context_of, learner_of, released_network, request_of

N, REFERENCE_N, N_LABELLED = 256, 16, 300


def workload(settings: Settings) -> Workload:
    n, reference_n = settings.size(N, 6), settings.size(REFERENCE_N, 3)
    pixels, labels = (np.asarray(part) for part in load_digits(return_X_y=True))
    large = np.kron(pixels.reshape(-1, 8, 8), np.ones((4, 4)))[
        :, 2:30, 2:30
    ]  # 28 × 28, as P3's CNN takes them
    images = np.rint(large * (255 / 16)).astype(np.uint8)[..., None][: N_LABELLED + n]
    store = Store(images, Transforms((0.3,), (0.4,)), "cpu")
    learner = learner_of("learner=cnn", "dataset=mnist", epochs=1, min_steps=settings.size(60, 4))
    request = request_of(store, N_LABELLED, 10)
    request = replace(request, labels=labels[:N_LABELLED].astype(np.int64))
    fitted = learner.fit(request, None)
    strategy = DFAL(twins=False)
    context = context_of(strategy, fitted, request, chunk=learner.eval_batch)
    net = released_network(fitted.model).eval()
    some = np.arange(n)[:: n // reference_n][
        :reference_n
    ]  # an image's steps depend on how sure the net is of it
    items = store.images(context.candidates[some])
    found: list[float] = []

    def reference() -> None:
        found[:] = [float(_one(net, item[None], strategy.deepfool).norm()) for item in items]
        net.zero_grad()

    scores = torch.empty(0)

    def ours() -> None:
        nonlocal scores
        scores = strategy.score(context, None)

    def check() -> str:
        own = -scores[some].numpy()
        far = np.abs(own / np.array(found) - 1)
        assert np.median(far) < 1e-3, f"lengths differ by {np.median(far):.1e} in the median"
        return f"lengths equal to {np.median(far):.0e} in the median"

    return Workload(
        reference=[Part(reference, n / reference_n)],
        ours=[Ours("DeepFool, P3's CNN", 10, 30, [Part(ours)])],
        check=check,
        note=f"{n} images; reference: {reference_n} of them, scaled as linear",
    )


def _one(net, image: torch.Tensor, options: DeepFool) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """The perturbation of one image, as the method's authors walk (facts.md 1.6)."""
    order = net(image).logits.detach()[0].argsort(descending=True)[: options.classes].tolist()
    total = torch.zeros_like(image)
    for _ in range(options.iterations):
        moved = (image + (1 + options.overshoot) * total).requires_grad_(True)
        outputs = net(moved).logits[0]
        if int(outputs.argmax()) != order[0]:
            break
        gradients = []
        for label in order:
            moved.grad = None
            outputs[label].backward(retain_graph=True)
            assert moved.grad is not None
            gradients.append(moved.grad.clone())
        steps = []
        for label, gradient in zip(order[1:], gradients[1:], strict=True):
            across = gradient - gradients[0]
            gap, length = (outputs[label] - outputs[order[0]]).abs().item(), across.norm().item()
            steps.append((gap / length, (gap / length + MARGIN) * across / length))
        total += min(steps, key=lambda step: step[0])[1]
    return (1 + options.overshoot) * total
