"""The programs of the child processes. The parent starts them by name; `genesis` imports none."""
