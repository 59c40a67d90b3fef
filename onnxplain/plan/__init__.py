"""Planning: which nodes a walk passes, which rule each of them gets, and every reason why a model cannot be walked."""
