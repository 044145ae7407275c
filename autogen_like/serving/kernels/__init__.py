"""GPU kernels in the Triton language, one for each operation of the engine's `Ops`.

Nothing here is imported unless a model runs on a GPU. `docs/kernels.md` says what each kernel does, how exact it is and
how that is checked.
"""
