"""The guard: what is explained is what the file computes, proven by running the untouched file, or refused.

engine      the engine of a model, guarded: every run of a method goes through it
parity      the file on the first rows, compared with what the engine said of them
overflow    scores that a file in float16 cannot hold
blame       what is at fault: an input, the file, or the graph that is made of it, and at which node
"""
