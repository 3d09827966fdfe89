"""Every fixed bound of the engine, by area, with asserts that relate them.

What an operator may change is in `config.py`; what is here is part of the design. An assert's
message is the reason for the bound.
"""

from typing import Final

from genesis.units import NANOS_PER_MS, NANOS_PER_SECOND, Nanos

# Supervision: the parent, its children and the control channel between them.

CONTROL_MESSAGE_BYTES_MAX: Final = 204_800
CONTROL_SOCKET_BUFFER_BYTES: Final = 212_992  # net.core.wmem_default of every Linux
CONTROL_INBOX_MESSAGES_MAX: Final = 256
ACCOUNT_POSITIONS_MAX: Final = 950
ACCOUNT_POSITION_BYTES_MAX: Final = 190
ACCOUNT_REST_BYTES_MAX: Final = 24_000  # of a summary, beside its positions
ACCOUNT_DIFFERENCES_MAX: Final = 50
ACCOUNT_SUSPENDED_MAX: Final = 50
RESULTS_STRATEGIES_MAX: Final = 5  # the best, and as many of the worst
RESULTS_ASSETS_MAX: Final = 20
ACCOUNT_REFUSED_MAX: Final = 20  # strategies, those that are refused most
FAILURE_MESSAGE_CHARS_MAX: Final = 4_000
BOOT_SPEC_BYTES_MAX: Final = 4 * 1024 * 1024
CHILDREN_MAX: Final = 64
EPOCH_MAX: Final = 2**32 - 1  # a u32 in every shared record
STRATEGY_NUMBER_MAX: Final = 2**16 - 1  # a u16 in every shared record
ROSTER_NUMBER_MAX: Final = 2**15 - 1  # the upper half names children of parent orders

STATUS_PERIOD: Final[Nanos] = 1 * NANOS_PER_SECOND
RATE_WINDOW: Final[Nanos] = 5 * NANOS_PER_SECOND
LISTING_TIMEOUT: Final[Nanos] = 5 * NANOS_PER_SECOND
LISTING_ATTEMPTS_MAX: Final = 5
LISTING_RETRY_DELAY: Final[Nanos] = 200 * NANOS_PER_MS
HEARTBEAT_PERIOD: Final[Nanos] = 100 * NANOS_PER_MS
SUPERVISION_PERIOD: Final[Nanos] = 100 * NANOS_PER_MS
DUMP_GRACE: Final[Nanos] = 1 * NANOS_PER_SECOND
ORPHAN_DRAIN: Final[Nanos] = 500 * NANOS_PER_MS
STOP_REPEAT: Final[Nanos] = 2 * NANOS_PER_SECOND
STOP_REAP: Final[Nanos] = 2 * NANOS_PER_SECOND
STOP_HURRIED_STAGE: Final[Nanos] = 1 * NANOS_PER_SECOND

# Shares of `supervision.stop_timeout_s`, in hundredths, that the stages of a stop may take.
STOP_WORKERS_SHARE: Final = 12
STOP_DRAIN_SHARE: Final = 24
STOP_EXECUTOR_SHARE: Final = 34
STOP_FEED_SHARE: Final = 8
STOP_VENUE_SHARE: Final = 8
STOP_RECORDER_SHARE: Final = 8

assert (
    STOP_WORKERS_SHARE
    + STOP_DRAIN_SHARE
    + STOP_EXECUTOR_SHARE
    + STOP_FEED_SHARE
    + STOP_VENUE_SHARE
    + STOP_RECORDER_SHARE
    <= 95
), "what is killed last has time to be reaped before the whole timeout is over"

assert (
    ACCOUNT_POSITIONS_MAX * ACCOUNT_POSITION_BYTES_MAX + ACCOUNT_REST_BYTES_MAX
    <= CONTROL_MESSAGE_BYTES_MAX
), "a full account summary is one message"
assert CONTROL_MESSAGE_BYTES_MAX < CONTROL_SOCKET_BUFFER_BYTES, "the kernel takes a message whole"
assert DUMP_GRACE >= 5 * HEARTBEAT_PERIOD, "a process that dumps its stacks has time to write them"

# Configuration and command line.

CONFIG_FILE_BYTES_MAX: Final = 1 << 20
KEY_FILE_BYTES_MAX: Final = 1 << 16
LOG_LINE_BYTES_MAX: Final = 1 << 15
LOG_FIELD_CHARS_MAX: Final = 1 << 10
LOG_FIELDS_MAX: Final = 16
COMMAND_LINE_BYTES_MAX: Final = 1 << 12
COMMAND_REPLY_BYTES_MAX: Final = 1 << 24
COMMANDS_PER_SECOND: Final = 20
COMMAND_CONNECTIONS_MAX: Final = 16
COMMAND_TIMEOUT_S: Final = 10
INSTRUCTIONS_MAX: Final = 16
INSTRUCTION_TIMEOUT_S: Final = 8
EMERGENCY_SILENCE_MAX: Final[Nanos] = NANOS_PER_SECOND  # no answer and no heartbeat: it is killed
EMERGENCY_ANSWER_MAX: Final[Nanos] = 30 * NANOS_PER_SECOND  # or no answer at all
REFUSALS_SHOWN_MAX: Final = 100_000
CAPITAL_QUOTE_MIN: Final = 500  # the Sniper tier begins here
HUNTER_CAPITAL_MIN: Final = 2_000
STRATEGIST_CAPITAL_MIN: Final = 10_000
MARKET_RATE_MAX: Final = 100_000
INSTRUMENTS_MAX: Final = 1_000
STRATEGIES_MAX: Final = 2_000
WORKERS_MAX: Final = 32
OPEN_ORDERS_MAX: Final = 10_000
RING_SLOTS_MIN: Final = 1 << 6
RING_SLOTS_MAX: Final = 1 << 24
HEARTBEAT_STALE_MS_MIN: Final = 400

assert INSTRUCTION_TIMEOUT_S < COMMAND_TIMEOUT_S, "who asks hears why there is no answer"
assert CAPITAL_QUOTE_MIN < HUNTER_CAPITAL_MIN < STRATEGIST_CAPITAL_MIN, "tiers follow each other"
assert HEARTBEAT_STALE_MS_MIN * NANOS_PER_MS >= 4 * HEARTBEAT_PERIOD, "one late beat is no death"
assert WORKERS_MAX + 3 <= CHILDREN_MAX, "venue, executor and feed run beside the workers"

# The doctor: from where on something is worth a warning, or must not be begun with.

DESCRIPTORS_BASE: Final = 128  # of one process: log, sockets, journal, tables, and the parent's
DESCRIPTORS_PER_WORKER: Final = 16  # rings and their readers, wake-ups, the child's own channel
PROCESS_MEMORY: Final = 64 * 1024 * 1024
DISK_FREE_MIN: Final = 256 * 1024 * 1024
DISK_FREE_SCARCE: Final = 2 * 1024 * 1024 * 1024  # months of a journal
SYNC_SLOW: Final[Nanos] = 20 * NANOS_PER_MS
SYNC_SAMPLES: Final = 20
SYNC_BYTES: Final = 4_096
ROUND_TRIP_SLOW: Final[Nanos] = 250 * NANOS_PER_MS
CLOCK_OFFSET_LARGE: Final[Nanos] = 500 * NANOS_PER_MS
CLOCK_OFFSET_MAX: Final[Nanos] = 1 * NANOS_PER_SECOND  # the venue takes no stamp further ahead
RATE_USED_LARGE: Final = 50  # hundredths of a limit that others have used already
KEY_EXPIRY_NEAR_DAYS: Final = 30
PROBE_TIMEOUT: Final[Nanos] = 10 * NANOS_PER_SECOND

assert DISK_FREE_MIN < DISK_FREE_SCARCE, "a warning comes before a refusal"
assert CLOCK_OFFSET_LARGE < CLOCK_OFFSET_MAX, "a warning comes before a refusal"

# Orders: the executor's memory and its protocol with the venue.

SETTLED_ORDERS_KEPT: Final = 4_096  # late reports of one this old do not occur
SETTLED_ORDERS_SPARE: Final = 512  # kept beyond that, and then forgotten together
ROUND_TRIPS_KEPT: Final = 32  # of one strategy in one instrument
POSITION_TRADES_KEPT: Final = 64  # of one position; a trade may come late by so many others
TRANSFERS_KEPT: Final = 256  # the venue announces each once; reports repeat within seconds
EXTERNAL_ORDERS_KEPT: Final = 4_096  # of the account, not ours
EXTERNAL_TRADES_KEPT: Final = 4_096  # of them, since balances last agreed or still to be booked
EXTERNAL_SHOWN_MAX: Final = 10
EXTERNAL_SYMBOLS_SHOWN_MAX: Final = 50
EXTERNAL_SEARCH_SYMBOLS_MAX: Final = 24  # at weight 20 a twelfth of a minute's
EXTERNAL_SEARCH_ASSETS_MAX: Final = 5  # of a difference, whose pairs are tried for symbols
EXTERNAL_PATIENCE: Final[Nanos] = 60 * NANOS_PER_SECOND  # for a search that does not end
BOOKS_AGREED_PERIOD: Final[Nanos] = 60 * NANOS_PER_SECOND
BALANCE_DIFFERENCE_AGE: Final[Nanos] = 10 * NANOS_PER_SECOND  # the venue's lists lag for less
VENUE_CLOCK_ERROR_MAX_MS: Final = 5_000  # our estimate of the venue's clock is never further ahead
JOURNAL_SLACK: Final[Nanos] = 86_400 * NANOS_PER_SECOND  # clocks of old entries may be off by this
CHECKPOINT_ENTRIES: Final = 1_000  # some 12 MB of write-ahead log, folded within a second
SNAPSHOT_ENTRIES: Final = 50_000  # folded in a fifth of a second at a start

# Market streams and the feed.

HANDSHAKE_BYTES_MAX: Final = 1 << 16
STREAM_BYTES_MAX: Final = 1 << 20  # one message; the longest depth event seen has 60 KB
STREAMS_PER_CONNECTION_MAX: Final = 200
SUBSCRIBE_STREAMS_MAX: Final = 100  # of one request; the venue refuses texts over 16 000 characters
STREAM_CONNECTIONS_MAX: Final = 32
BOOK_LEVELS_MAX: Final = 5_000
BOOK_ORDERED_MIN: Final = 32
BOOK_ORDERED_MAX: Final = 256
BOOK_DELTAS_BUFFERED_MAX: Final = 600  # a minute of the 100 ms stream
SNAPSHOT_LEVELS: Final = 1_000
SNAPSHOT_SPACING: Final[Nanos] = 100 * NANOS_PER_MS
SNAPSHOT_BURST: Final = 20
SNAPSHOT_WEIGHT: Final = 50
SNAPSHOT_REFILL: Final[Nanos] = 2_300 * NANOS_PER_MS  # 26 a minute, besides the burst
SNAPSHOT_RETRY_MIN: Final[Nanos] = 250 * NANOS_PER_MS
SNAPSHOT_RETRY_MAX: Final[Nanos] = 30 * NANOS_PER_SECOND
FIXED_MAX: Final = (1 << 63) - 1  # the widest number a record holds
EVENT_AHEAD_MAX: Final[Nanos] = 1 * NANOS_PER_SECOND
CLOCK_CORROBORATIONS: Final = 8
CLOCK_STEP_MIN: Final[Nanos] = 250 * NANOS_PER_MS
SEQUENCE_CORROBORATIONS: Final = 100
PRICE_BAND_PERCENT: Final = 10
PRICE_CORROBORATIONS: Final = 5
INTAKE_BURST_MAX: Final = 256
SUBSCRIBE_SPACING: Final[Nanos] = 340 * NANOS_PER_MS  # three a second; the venue takes five
SUBSCRIBE_SPACING_MAX: Final[Nanos] = 6 * NANOS_PER_SECOND  # after the venue found it too fast
SUBSCRIPTION_LOOK_PERIOD: Final[Nanos] = 5 * NANOS_PER_SECOND
SUBSCRIPTION_PATIENCE: Final[Nanos] = 30 * NANOS_PER_SECOND  # with a stream that never spoke
SUBSCRIPTION_PATIENCE_MAX: Final[Nanos] = 960 * NANOS_PER_SECOND
OVERLAP_ANSWER_MAX: Final[Nanos] = 1 * NANOS_PER_SECOND  # for a predecessor's last word
OVERLAP_LINGER: Final[Nanos] = 300 * NANOS_PER_MS  # behind it, for frames that are later still
OVERLAP_FRAMES_MAX: Final = 50_000  # of a successor, kept until it takes over
OVERLAP_EXPECTED: Final[Nanos] = 5 * NANOS_PER_SECOND  # how late a frame may come a second time
DEPTH_PUBLISH_PERIOD: Final[Nanos] = 5 * NANOS_PER_MS
FEED_COUNT_PERIOD: Final[Nanos] = 100 * NANOS_PER_MS
FEED_COLLECT_PERIOD: Final[Nanos] = 10 * NANOS_PER_SECOND
FEED_CLOCK_PERIOD: Final[Nanos] = 60 * NANOS_PER_SECOND
FEED_CLOCK_SPACING: Final[Nanos] = 2 * NANOS_PER_SECOND  # however many frames come stale
DROPS_LOGGED_PERIOD: Final[Nanos] = 60 * NANOS_PER_SECOND
STREAM_SILENCE_MAX: Final[Nanos] = 30 * NANOS_PER_SECOND

assert STREAMS_PER_CONNECTION_MAX <= 1_024, "the venue's own limit of one connection"
assert SNAPSHOT_LEVELS <= BOOK_LEVELS_MAX, "a snapshot fits a book"
assert BOOK_ORDERED_MIN < BOOK_ORDERED_MAX < BOOK_LEVELS_MAX, "only the best levels are ordered"
assert SNAPSHOT_RETRY_MIN < SNAPSHOT_RETRY_MAX, "delays grow"

# Exchange: the life of a connection and the requests on it.

CONNECT_TIMEOUT: Final[Nanos] = 5 * NANOS_PER_SECOND
CLOSE_TIMEOUT: Final[Nanos] = 1 * NANOS_PER_SECOND
RECONNECT_DELAY_MIN: Final[Nanos] = 100 * NANOS_PER_MS
RECONNECT_DELAY_MAX: Final[Nanos] = 30 * NANOS_PER_SECOND
CONNECTION_STABLE_AFTER: Final[Nanos] = 10 * NANOS_PER_SECOND
CONNECTION_SILENCE_MAX: Final[Nanos] = 65 * NANOS_PER_SECOND
CONNECTION_READY_WITHIN: Final[Nanos] = 30 * NANOS_PER_SECOND  # of a successor
CONNECTION_DRAIN_MAX: Final[Nanos] = 15 * NANOS_PER_SECOND  # of a predecessor
ROTATION_AGE: Final[Nanos] = 23 * 3_600 * NANOS_PER_SECOND  # the venue's own end is at 24 h
ROTATION_SPREAD: Final = 24  # the part of that age within which sockets rotate apart
WATCHDOG_CHECKS: Final = 8  # within the shortest time after which a connection is given up
CONNECTION_WINDOW: Final[Nanos] = 300 * NANOS_PER_SECOND
CONNECTIONS_MAX: Final = 300  # attempts of one address in that window
CONNECTIONS_OF_FEED: Final = 100
CONNECTIONS_OF_EXECUTOR: Final = 40
CONNECTIONS_OF_PARENT: Final = 10
CONNECTION_ATTEMPTS_KEPT: Final = 100  # of each process, in its page of the status board
CONNECT_REFUSED_WAIT: Final[Nanos] = 120 * NANOS_PER_SECOND  # the shortest ban
CONNECT_REFUSED_WAIT_MAX: Final[Nanos] = 3 * 86_400 * NANOS_PER_SECOND
MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
EARLY_MESSAGES_MAX: Final = 1_024  # between the handshake and the listener
WRITE_BACKLOG_BYTES_MAX: Final = 64 * 1024
REQUESTS_IN_FLIGHT_MAX: Final = 1_024
EVENT_SILENCE_MAX: Final[Nanos] = 5 * NANOS_PER_SECOND  # behind an order that was accepted
EVENTS_LINGER: Final[Nanos] = 1 * NANOS_PER_SECOND  # a predecessor stays for events that are late
CLOCK_SAMPLES: Final = 5
CLOCK_REFRESH: Final[Nanos] = 3_600 * NANOS_PER_SECOND
READ_TIMEOUT: Final[Nanos] = 12 * NANOS_PER_SECOND  # the venue's own ends after 10 s
READ_PATIENCE: Final[Nanos] = 2 * NANOS_PER_SECOND  # then a reading is asked for again
VIEWS_WANTED_MAX: Final = 2
VIEW_HELD_MAX: Final[Nanos] = 65 * NANOS_PER_SECOND  # the longest until a window of weight ends
READ_TRIES: Final = 3  # the last one waits for as long as the venue may take
TRADES_PER_PAGE_MAX: Final = 1_000
TRADE_PAGES_MAX: Final = 1_000
ORDERS_PER_PAGE_MAX: Final = 1_000
ORDER_PAGES_MAX: Final = 1_000
CATALOGUE_BYTES_MAX: Final = 64 * 1024 * 1024
REST_CONNECTIONS_MAX: Final = 8
REST_RETRY_MIN: Final[Nanos] = 100 * NANOS_PER_MS
REST_RETRY_MAX: Final[Nanos] = 5 * NANOS_PER_SECOND  # an order in doubt waits for it
REST_IDLE_MAX: Final[Nanos] = 30 * NANOS_PER_SECOND  # then a kept connection may be half dead
RATE_WINDOW_MARGIN_MS: Final = 250  # how far our estimate of the venue's clock may be off
RATE_HALVED_MS: Final = 10 * 60 * 1_000  # for how long after a refusal for weight
THROTTLED_WAIT: Final[Nanos] = 60 * NANOS_PER_SECOND  # where the venue names no time: a window
BAN_MS: Final = 2 * 60 * 1_000  # the shortest that the venue imposes
BAN_MS_MAX: Final = 4 * 86_400 * 1_000  # its longest is three days

# Shares of the usable part of the limits on requests, in hundredths: what the processes of an
# address may use without hearing of each other. The kept ones are for reconciliation and sessions.
RATE_FEED_SHARE: Final = 48
RATE_FEED_KEPT_SHARE: Final = 2
RATE_EXECUTOR_SHARE: Final = 15
RATE_EXECUTOR_KEPT_SHARE: Final = 35

assert CONNECTION_SILENCE_MAX > 3 * 20 * NANOS_PER_SECOND, "the venue pings every 20 s"
assert CONNECTION_DRAIN_MAX > READ_TIMEOUT + EVENTS_LINGER, "replies under way are waited for"
assert 2 * (CONNECTIONS_OF_FEED + CONNECTIONS_OF_EXECUTOR + CONNECTIONS_OF_PARENT) <= (
    CONNECTIONS_MAX
), "an engine that was started anew, all memory lost, keeps the limit too"
assert max(CONNECTIONS_OF_FEED, CONNECTIONS_OF_EXECUTOR) <= CONNECTION_ATTEMPTS_KEPT, (
    "a process remembers every attempt of its share"
)
assert CONNECTIONS_OF_FEED >= 2 * (STREAM_CONNECTIONS_MAX + 1), "the feed may be restarted"
assert LISTING_ATTEMPTS_MAX <= CONNECTIONS_OF_PARENT, "the parent counts no attempt: it has few"
assert RECONNECT_DELAY_MIN < RECONNECT_DELAY_MAX, "delays grow"
assert (SNAPSHOT_BURST + 60 * NANOS_PER_SECOND // SNAPSHOT_REFILL) * SNAPSHOT_WEIGHT < (
    6_000 * 80 // 100 * RATE_FEED_SHARE // 100
), "the feed's snapshots keep within its share of the live venue's limit, reserve left alone"
assert (
    RATE_FEED_SHARE + RATE_FEED_KEPT_SHARE + RATE_EXECUTOR_SHARE + RATE_EXECUTOR_KEPT_SHARE == 100
), "shares make a whole"
assert 0 < 2 * RATE_WINDOW_MARGIN_MS < 1_000, "margins are a small part of the shortest window"
assert LOG_FIELDS_MAX * LOG_FIELD_CHARS_MAX <= LOG_LINE_BYTES_MAX, "a cut line fits"
ORDER_ATTEMPTS_MAX: Final = 35  # one digit of the id; with the longest waits, 14 minutes of trying
RETRY_DELAY: Final[Nanos] = 100 * NANOS_PER_MS
RETRY_DELAY_MAX: Final[Nanos] = 30 * NANOS_PER_SECOND
QUERY_DELAYS: Final[tuple[Nanos, ...]] = tuple(
    ms * NANOS_PER_MS for ms in (200, 500, 1_000, 2_000)
)  # the last one repeats until the fence has passed
LISTING_REFRESH: Final[Nanos] = 600 * NANOS_PER_SECOND
LISTING_REFRESH_SUSPENDED: Final[Nanos] = 60 * NANOS_PER_SECOND  # a halt is over within minutes
LISTING_REPEAT: Final[Nanos] = 30 * NANOS_PER_SECOND  # when there was no answer
LISTING_SPACING: Final[Nanos] = 5 * NANOS_PER_SECOND  # however often orders are refused by a rule
UNCOVERED_MAX: Final[Nanos] = 5 * NANOS_PER_SECOND  # then no position is opened
EXITING_MAX: Final[Nanos] = 20 * NANOS_PER_SECOND  # a sale in doubt is settled in 13 s
PROTECTION_RETRY: Final[Nanos] = 100 * NANOS_PER_MS  # doubled with every refusal in a row
PROTECTION_DOUBLINGS: Final = 5
LIQUIDATION_SHOWN_MAX: Final = 10
LIQUIDATION_TOLD_EVERY: Final[Nanos] = NANOS_PER_SECOND
PRICED_SALES_MAX: Final = 3  # in a row that sell nothing, when all is sold; then at any price
PROTECTION_SPACING: Final[Nanos] = 500 * NANOS_PER_MS  # of replacements, as an entry fills in parts
ENTRY_FILLING_MAX: Final[Nanos] = 250 * NANOS_PER_MS  # of an entry that cannot rest

RECONCILE_PERIOD: Final[Nanos] = 30 * NANOS_PER_SECOND
RECONCILE_CONFIRM: Final[Nanos] = 2 * NANOS_PER_SECOND  # a difference must be read twice
CANARY_TEST_RETRY: Final[Nanos] = 5 * NANOS_PER_SECOND
CANARY_STEP_MAX: Final[Nanos] = 60 * NANOS_PER_SECOND  # one comparison confirms no more time
RECONCILE_ORDER_AGE: Final[Nanos] = 2 * NANOS_PER_SECOND
MARK_PERIOD: Final[Nanos] = 100 * NANOS_PER_MS  # positions at the market, timers that are due
TROUBLE_TOLD_AFTER: Final[Nanos] = 2 * NANOS_PER_SECOND  # what passes sooner is in the log alone
SUMMARY_PERIOD: Final[Nanos] = NANOS_PER_SECOND
GATEWAY_READY: Final[Nanos] = 3 * NANOS_PER_SECOND  # then a start goes on over REST
EXECUTOR_DRAIN: Final[Nanos] = 4 * NANOS_PER_SECOND
JOURNAL_LOCK_SECONDS: Final = 5  # longer than a reader takes to put a dead writer's log in order
JOURNAL_READ_SECONDS: Final = 1  # a reader then tries again
COMMIT_PATIENCE_SECONDS: Final = 0.002  # as long as a busy turn of the loop
JOURNAL_SWITCH_INTERVAL_SECONDS: Final = 0.0002
MAILBOX_EVENTS: Final = 1_024  # of the event bus, for one slow reader
TRAILS_KEPT: Final = 1_024  # orders followed for the latency histograms
SIGNAL_TIMES_KEPT: Final = 1_024  # for rates by the second
VOLATILITY_SPACING: Final[Nanos] = 5 * NANOS_PER_SECOND  # between samples of an instrument
VOLATILITY_SAMPLES: Final = 60  # the weight of one sample is at least so small: five minutes' worth
VOLATILITY_SAMPLES_MIN: Final = 12  # of fewer, a minute's worth, nothing is told
EQUITY_MARK_PERIOD: Final[Nanos] = 60 * NANOS_PER_SECOND
FLASH_SLOTS: Final = 15  # of time, in which the highest price of an instrument is kept
RETURNS_KEPT: Final = 120  # of each instrument, for correlations
RETURNS_MIN: Final = 30
CORRELATED_INSTRUMENTS_MAX: Final = 128  # 8 128 pairs; those beyond move along
CORRELATION_PAIRS: Final = 16  # judged at a time: 0.2 ms for which orders wait
PAUSES_KEPT: Final = 1_000  # of instruments that fell too far
PAUSES_SHOWN_MAX: Final = 10
RISK_SECONDS_MAX: Final = 7 * 86_400
REFUSAL_RULES_MAX: Final = 1 << 16  # a report carries its rule as two bytes
CURVE_WHOLE: Final = 1_000_000  # a volume curve is in millionths
CURVE_BUCKETS_MAX: Final = 288  # five minutes of a day
SLICES_MAX: Final = 10_000
PARENTS_MAX: Final = 100  # worked at once
PARENTS_KEPT: Final = 64  # after their end, for late fills and the report
PARENTS_SHOWN_MAX: Final = 8
PARENT_WORDS_CHARS_MAX: Final = 120  # shown of what holds or ended one
PARENT_CHILDREN_BITS: Final = 20  # of a child's sequence; the rest is its parent's number
PARENT_DURATION_MAX: Final[Nanos] = 86_400 * NANOS_PER_SECOND
PARENT_PATIENCE_MIN: Final[Nanos] = 10 * NANOS_PER_SECOND  # doubts of the last child among it
CHILD_SPACING: Final[Nanos] = 100 * NANOS_PER_MS  # between two children of a parent
VOLUME_BUCKET: Final[Nanos] = 5 * NANOS_PER_SECOND
VOLUME_BUCKETS_KEPT: Final = 720  # an hour

# Records.

BACKUP_LOOK_PERIOD: Final[Nanos] = 600 * NANOS_PER_SECOND  # whether another day has begun
RECORDS_PERIOD: Final[Nanos] = 250 * NANOS_PER_MS  # how often the journal is looked at
RECORDS_BATCH: Final = 500  # entries in one transaction
RECORDS_RETRY_DELAY: Final[Nanos] = 500 * NANOS_PER_MS  # doubles with each failure
RECORDS_RETRY_DELAY_MAX: Final[Nanos] = 2 * NANOS_PER_SECOND
RECORDS_PATIENCE: Final[Nanos] = 5 * NANOS_PER_SECOND  # then it is told that there is no answer
RECORDS_FINISH: Final[Nanos] = NANOS_PER_SECOND  # what a stop waits for the last entries
RECORDS_CONNECT_SECONDS: Final = 5
RECORDS_STATEMENT_SECONDS: Final = 60
RECORDS_SILENCE_SECONDS: Final = 15  # of a server that does not even acknowledge

RECORDER_NICENESS: Final = 10  # whatever trades comes before it
SQLITE_EQUITY_MAX: Final = 2_000 * 10**8  # of the quote asset; beyond it PostgreSQL is advised

# Links: shared segments, rings, tables, the status board.

SEGMENT_HEADER_BYTES: Final = 4096  # one page, so that what follows maps at a page border
RING_READERS_MAX: Final = 64
RING_BLOCK_SLOTS: Final = 256  # what a writer prepares at a time
CLAIM_SLOTS: Final = 256  # what it claims of an overwriting ring at a time, if that is little of it
DRAIN_SLOTS_MAX: Final = 256
READ_RETRIES_MAX: Final = 8
PARK_MS_MAX: Final = 4
TABLE_ROWS_MAX: Final = 4096
DEPTH_LEVELS: Final = 20  # per side
BOARD_PAGES_MAX: Final = 128
BOARD_COUNTERS_MAX: Final = 128
BOARD_GAUGES_MAX: Final = 64
HISTOGRAM_STAGES_MAX: Final = 16
MARKET_RING_SLOTS: Final = 1 << 18
SIGNAL_RING_SLOTS: Final = 1 << 12
REPORT_RING_SLOTS: Final = 1 << 14

assert PARK_MS_MAX in range(2, 6), "a wake-up lost for want of a fence is found within milliseconds"
assert MARKET_RING_SLOTS >= 90 * 2_000, "the market ring holds 90 s of a busy market"
assert DRAIN_SLOTS_MAX * 4 <= SIGNAL_RING_SLOTS, "one batch is a small part of a ring"
assert WORKERS_MAX + 2 <= RING_READERS_MAX, "every worker and the viewer read the market ring"
assert CHILDREN_MAX <= BOARD_PAGES_MAX, "every child has a page"
assert CLAIM_SLOTS == RING_BLOCK_SLOTS, "a writer that claims enters its next block with it"
assert INSTRUMENTS_MAX <= TABLE_ROWS_MAX, "every instrument has a row"

# Strategies and their workers.

SHARD_OVERLOAD: Final = 0.1  # a worker may be this much fuller to keep an instrument together
SIGNAL_SPACING_MIN: Final[Nanos] = 1 * NANOS_PER_SECOND  # of one strategy
PENDING_SIGNAL_MAX: Final[Nanos] = 20 * NANOS_PER_SECOND  # an order in doubt is settled in 13 s
EXIT_RETRY_DELAY: Final[Nanos] = 1 * NANOS_PER_SECOND
EXIT_RETRY_DOUBLINGS: Final = 5
CALLBACK_SLOW: Final[Nanos] = 50_000  # every callback slower than this is counted one by one
CALLBACK_BUDGET: Final[Nanos] = 10 * NANOS_PER_MS
CALLBACK_SAMPLE_PERIOD: Final = 512  # every so many events, all callbacks are counted
INCIDENTS_MAX: Final = 256  # kept until a worker has logged them
FAULTS_MAX: Final = 3  # a strategy that raises this often within the window is quarantined
FAULT_WINDOW: Final[Nanos] = 60 * NANOS_PER_SECOND
CONFLATION_LAG: Final = 256  # records behind after a full drain: time to skip quotes
CONFLATION_DRAINS_MAX: Final = 64
DEPTH_POLL_PERIOD: Final[Nanos] = 50 * NANOS_PER_MS  # the venue renews depth every 100 ms
COLLECT_PERIOD_IDLE: Final[Nanos] = 10 * NANOS_PER_SECOND
COLLECT_PERIOD_MAX: Final[Nanos] = 60 * NANOS_PER_SECOND
HOUSEKEEPING_PERIOD: Final[Nanos] = 100 * NANOS_PER_MS
OVER_BUDGET_LOG_PERIOD: Final[Nanos] = 60 * NANOS_PER_SECOND

assert STRATEGIES_MAX <= ROSTER_NUMBER_MAX, "every strategy has a number, and most stay unused"
assert PENDING_SIGNAL_MAX > 13 * NANOS_PER_SECOND, "no strategy gives up before the executor does"
assert CALLBACK_SLOW < CALLBACK_BUDGET, "what is over budget is counted exactly"

# Simulated venue: what one client may hold of it, and what it holds itself.

VENUE_STREAMS_MAX: Final = 1_024  # of one connection, as on the live venue
VENUE_STREAM_NAME_CHARS_MAX: Final = 100
VENUE_SUBSCRIPTIONS_MAX: Final = 65_535  # user data, in the life of one connection
VENUE_CONNECTIONS_MAX: Final = 1_000
VENUE_CONTROL_MESSAGES_PER_SECOND: Final = 5  # on a streams connection
VENUE_MESSAGE_BYTES_MAX: Final = 1 << 20
VENUE_HTTP_HEAD_BYTES_MAX: Final = 64 * 1024
VENUE_HTTP_BODY_BYTES_MAX: Final = 64 * 1024
VENUE_HTTP_IDLE_MAX: Final[Nanos] = 75 * NANOS_PER_SECOND
VENUE_GZIP_BYTES_MIN: Final = 1_024  # less is not worth the work
VENUE_SEND_BUFFER_BYTES_MAX: Final = 64 * 1024 * 1024  # a client further behind is cut off
VENUE_PINGS_UNANSWERED_MAX: Final = 64
VENUE_CLOSE_TIMEOUT: Final[Nanos] = 1 * NANOS_PER_SECOND
VENUE_ACTS_PER_TURN_MAX: Final = 64  # some 2 ms; then sockets have their turn
VENUE_TURN_MIN: Final[Nanos] = 1 * NANOS_PER_MS
VENUE_STALL_MAX: Final[Nanos] = 1 * NANOS_PER_SECOND
VENUE_MARKS_PERIOD: Final[Nanos] = 5 * NANOS_PER_SECOND
VENUE_DEPTH_LEVELS_MAX: Final = 5_000  # of each side in a snapshot
VENUE_SNAPSHOT_LAG_MAX: Final = 2  # depth events a snapshot may be older than the stream
VENUE_KLINE_MINUTES_KEPT: Final = 1_500
VENUE_TRADES_KEPT: Final = 1_000  # public ones of a symbol, as many as one request may ask for
VENUE_MODEL_LEVELS_MAX: Final = 40  # on each side of a book
VENUE_QUEUE_DELAY_MAX: Final[Nanos] = 10 * NANOS_PER_SECOND  # then the venue itself gives up
VENUE_FAULT_MS_MAX: Final = 7 * 86_400_000  # a week is longer than any run that is scripted
VENUE_FAULT_PAUSE_MIN: Final[Nanos] = 1 * NANOS_PER_MS  # between two times of one that recurs
VENUE_FAULT_TEXT_CHARS_MAX: Final = 120
VENUE_FAULTS_MAX: Final = 1_000
VENUE_STRIKES_KEPT: Final = 1_000
TAPE_FRAMES_MAX: Final = 2_000_000  # held in memory, some 400 bytes each
TAPE_LINE_BYTES_MAX: Final = 4 * 1024 * 1024

assert VENUE_KLINE_MINUTES_KEPT > 24 * 60, "a day's interval is made of minutes that are known"
assert VENUE_TURN_MIN < VENUE_STALL_MAX, "a turn is no stall"
assert VENUE_FAULT_TEXT_CHARS_MAX <= 123, "a close frame has room for the reason it gives"
