"""Links between processes: shared segments, rings, latest-value tables, the status board.

`ring`, `rows`, `codec`, `page` and `histogram` are pure: they see memory and numbers. `segment`,
`links`, `tables`, `board` and `parking` make memory, descriptors and waiting out of the kernel.
"""
