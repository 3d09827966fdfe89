"""The venue's error codes (`binance-spot.md` section 11), by what an order must make of each."""

from typing import Final

REFUSED: Final = (
    *(-1013, -1016, -1020, -1034),
    *range(-1108, -1099),
    *(-1111, -1112, -1114, -1115, -1116, -1117, -1120, -1121, -1122, -1125, -1127, -1128),
    *(-1130, -1131, -1134, -1135, -1145, -1151, -1158, -1194, -1199, -1210, -1211, -1220, -1222),
    *(-2010, -2016, -2021, -2022, -2035, -2036, -2038, -2039, -2042, -2043),
)
"""Certain and final: the order was not executed. Of `ORDER_LIST_RULES`, some for all."""

ORDER_LIST_RULES: Final = (*range(-1199, -1157), -1210, -1211, *range(-1225, -1221))
"""What order lists and pegged orders may do wrong."""

FORBIDDEN: Final = (-1002, -1022, -2008, -2014, -2015)
"""Certain and final, for this order and every later one: key, signature or account are no good."""

RETRYABLE: Final = (-1003, -1008, -1015, -1021)
"""Certain: the order was not executed, and the same wish may follow under a new id."""

EXECUTION_UNKNOWN: Final = (-1000, -1001, -1006, -1007)
"""The order may have been executed, or be executed yet."""

NO_PROOF: Final = (-2011, -2013, -2026)
"""Answers to questions and cancels; to a placement they prove nothing."""
