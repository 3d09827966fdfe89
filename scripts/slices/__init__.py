"""Parts of `scripts/slice_orders.py`."""
