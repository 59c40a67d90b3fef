"""The engine "onnxruntime": the walk is traced into ONNX nodes, which run with the forward graph in one session.

To trace a walk is to do it once with symbols in the place of arrays. Each operation on a symbol, a `Traced`, adds an
ONNX node to a graph.

    traced, shapes                      traced values, the emitter that collects the nodes, and shapes with open rows
    namespace                           the array functions over traced values; parts of it are in
    convolution, placing, relevance       convolutions, messages put among zeros, and the quotients of rules
    algebra, gates                      simplification while tracing; comparisons as factors of 0 and 1
    joint, baseline, sizes              the model that runs forward and backward, and what it needs to be traced
    program, compiled                   its sessions, and the engine that keeps them
    memory, sized, blocked, lifetimes   about how much memory a process takes that runs it
    export, prologue                    the same model as a file that runs without this package
"""
