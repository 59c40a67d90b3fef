from contextlib import AbstractContextManager

class _Logger:
    def suppress(self) -> AbstractContextManager[None]: ...

G_LOGGER: _Logger
