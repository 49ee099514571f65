"""A step as a CUDA graph: the kernels of forward and backward pass and of the update, launched by one call."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from altool.learners.runner import Recorder, Replay


def cuda_recorder(device: torch.device) -> Recorder:
    """Records on a stream of its own; the graphs of one fit share their memory, as only one of them runs at a time."""
    stream, pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()

    def record(step: Callable[[], Tensor], generators: list[Generator]) -> Replay:
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        with torch.cuda.device(device):
            stream.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(stream):
                step()  # on this stream too, where autograd's own nodes then live
            torch.cuda.current_stream(device).wait_stream(stream)
            # other threads may use the device meanwhile: their calls are none of this recording's business
            with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                loss = step()

        def replay() -> Tensor:
            graph.replay()
            return loss

        return replay

    return record
